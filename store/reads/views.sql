-- name: merchant
SELECT merchant_no FROM merchant WHERE merchant_id = $1;

-- name: account
SELECT account_no, sequence, available, held, debt, points_now() FROM account WHERE merchant_no = $1 AND member = $2;

-- name: free_by_expiry
SELECT expires_us, sum(remaining - held)::bigint FROM lot
WHERE account_no = $1 AND remaining > held GROUP BY expires_us ORDER BY expires_us;

-- name: pending
SELECT coalesce(sum(planned), 0)::bigint FROM orders WHERE merchant_no = $1 AND member = $2;

-- name: history
SELECT sequence, type, points, available + held - debt, order_id, expires_us, occurred_us, recorded_us
FROM ledger WHERE account_no = $1 AND sequence > $2 ORDER BY sequence LIMIT $3;

-- name: order
-- The columns of orders.lock, without the lock: looking must not make intake wait.
SELECT o.merchant_no, o.order_id, o.settings_no, o.flags, o.member, o.record, o.record_trail, o.parcel, o.parcel_trail,
       o.due_us, o.planned, o.posted, o.reports
FROM orders o WHERE o.merchant_no = $1 AND o.order_id = $2;

-- name: account_no
SELECT account_no FROM account WHERE merchant_no = $1 AND member = ANY ($2::bytea[]);

-- name: entries_in_accounts
SELECT a.member, l.sequence, l.type, l.entry_no, l.points, l.expires_us, l.occurred_us, l.recorded_us
FROM ledger l JOIN account a USING (account_no)
WHERE l.account_no = ANY ($1::bigint[]) AND l.order_id = $2
ORDER BY l.recorded_us, l.account_no, l.sequence;

-- name: entries_of_merchant
-- A merchant's accounts are one range of the ledger's key: for orders whose members changed more than once.
SELECT a.member, l.sequence, l.type, l.entry_no, l.points, l.expires_us, l.occurred_us, l.recorded_us
FROM ledger l JOIN account a USING (account_no)
WHERE l.account_no >= $1::bigint << 40 AND l.account_no < ($1::bigint + 1) << 40 AND l.order_id = $2
ORDER BY l.recorded_us, l.account_no, l.sequence;

-- name: settings_version
SELECT version, effective_us, document, applied_us, applied_by FROM settings
WHERE merchant_no = $1 AND ($2::int IS NULL OR version = $2) ORDER BY version DESC LIMIT 1;

-- name: due
SELECT points_now(), count(*) FILTER (WHERE due_us <= points_now()), count(*), min(due_us) FROM due;

-- name: outbox
SELECT w.records, o.kind, o.value
FROM (SELECT coalesce(sum(events), 0)::bigint AS records FROM outbox) w
LEFT JOIN (SELECT kind, value FROM outbox WHERE value IS NOT NULL AND kind <= 2 ORDER BY id LIMIT 1) o ON true;

-- name: quarantine
SELECT count(*), count(*) FILTER (WHERE redriven_us IS NULL AND discarded_us IS NULL), max(received_us) FROM quarantine;

-- name: pipelines
SELECT pipeline, paused_us, reason FROM pipeline_state ORDER BY pipeline;

-- name: ignored
SELECT reason, sum(records)::bigint FROM ignored_reason WHERE pipeline = $1 GROUP BY reason ORDER BY 2 DESC, 1;

-- name: relays
-- The shards that a relay holds: advisory locks under the product's own key (outbox.try_shard).
SELECT objid::int FROM pg_locks WHERE locktype = 'advisory' AND classid = 736001 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- name: merchants_without_settings
SELECT merchant_id FROM merchant m WHERE NOT EXISTS (SELECT FROM settings s WHERE s.merchant_no = m.merchant_no) ORDER BY 1;

-- name: counted
SELECT (SELECT count(*) FROM merchant), (SELECT count(*) FROM account), points_now();

-- name: rights
-- What the role may do with the ledger, which must be to read it and to add to it (I3).
SELECT has_table_privilege('ledger', 'INSERT'), has_table_privilege('ledger', 'UPDATE') OR has_table_privilege('ledger', 'DELETE');

-- name: parked
-- Tracking numbers that no order names, those whose reports fit several orders, and reports that wait for their order.
SELECT (SELECT count(*) FROM tracking WHERE claims IS NULL), (SELECT min(first_us) FROM tracking WHERE claims IS NULL),
       (SELECT count(*) FROM tracking WHERE flags & 1 = 1), (SELECT min(first_us) FROM tracking WHERE flags & 1 = 1),
       (SELECT count(*) FROM awaiting_order), (SELECT min(first_us) FROM awaiting_order);

-- name: purged
SELECT kind, reports FROM purged_report ORDER BY kind;

-- name: unknown_codes
SELECT count(*), coalesce(sum(reports), 0)::bigint FROM unknown_code;

-- name: recheck
SELECT kind, count(*) FROM recheck GROUP BY kind ORDER BY kind;

-- name: count_orders
SELECT count(*) FROM orders WHERE $1::int IS NULL OR merchant_no = $1;

-- name: page_end
-- The last key of the next page, how many orders it has, and the time.
SELECT p.merchant_no, p.order_id, count(*) OVER (), points_now()
FROM (SELECT o.merchant_no, o.order_id FROM orders o
      WHERE (o.merchant_no, o.order_id) > ($1::int, $2::bytea) AND ($3::int IS NULL OR o.merchant_no = $3)
      ORDER BY o.merchant_no, o.order_id LIMIT $4) p
ORDER BY p.merchant_no DESC, p.order_id DESC LIMIT 1;

-- name: page
-- Only records of the longer layout (store/orders/codec.py) can carry the platform's figure.
SELECT o.merchant_no, o.order_id, o.settings_no, o.flags, o.member, o.record, o.record_trail, o.parcel, o.parcel_trail,
       o.due_us, o.planned, o.posted, o.reports
FROM orders o
WHERE (o.merchant_no, o.order_id) > ($1::int, $2::bytea) AND (o.merchant_no, o.order_id) <= ($3::int, $4::bytea)
  AND get_byte(o.record, 0) > 1
ORDER BY o.merchant_no, o.order_id;

-- name: orders
-- As order, of several.
SELECT o.merchant_no, o.order_id, o.settings_no, o.flags, o.member, o.record, o.record_trail, o.parcel, o.parcel_trail,
       o.due_us, o.planned, o.posted, o.reports
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN orders o ON o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: ambiguous_numbers
SELECT number, first_us FROM tracking WHERE flags & 1 = 1 ORDER BY first_us, number LIMIT $1;

-- name: awaited_orders
SELECT order_id, count(*), min(first_us) FROM awaiting_order GROUP BY order_id ORDER BY 3, 1 LIMIT $1;

-- name: awaiting_of
SELECT count(*) FROM awaiting_order WHERE order_id = $1;
