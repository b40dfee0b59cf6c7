-- name: mark
-- The statement's snapshot is taken before the number: whoever could have missed a row that the snapshot shows has a
-- lower one. No number is used up while the queue is empty.
SELECT pg_current_xact_id()::text, pg_current_snapshot()::text WHERE EXISTS (SELECT FROM recheck);

-- name: reached
-- Null until every transaction below the mark is over, then the kinds that have rows under it.
SELECT CASE WHEN pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8
            THEN ARRAY(SELECT k FROM generate_series(1, 6) k
                       WHERE EXISTS (SELECT FROM recheck r
                                     WHERE r.kind = k AND r.xid < $1::text::xid8
                                       AND pg_visible_in_snapshot(r.xid, $2::text::pg_snapshot)
                                       AND r.not_before_us <= points_now())) END;

-- name: claim
SELECT r.xid::text::bigint, r.merchant_no, r.key, r.since_us, r.before_us, r.reached, points_now()
FROM recheck r
WHERE r.kind = $1 AND r.xid < $2::text::xid8 AND pg_visible_in_snapshot(r.xid, $3::text::pg_snapshot)
  AND r.not_before_us <= points_now()
ORDER BY r.xid, r.merchant_no, r.key, r.since_us
LIMIT $4 FOR UPDATE OF r SKIP LOCKED;

-- name: unbound
SELECT o.order_id FROM orders o
WHERE o.merchant_no = $1 AND o.settings_no < 0 AND o.order_id > $2
ORDER BY o.order_id LIMIT $3;

-- name: created_between
-- At most $5 orders are looked at, whatever they are, so that a turn stays short.
SELECT s.order_id
FROM (SELECT o.order_id, {created_us} AS created_us, {descended} AS descended
      FROM orders o WHERE o.merchant_no = $1 AND o.order_id > $2 ORDER BY o.order_id LIMIT $5) s
WHERE s.descended OR s.created_us >= $3 AND s.created_us < $4
ORDER BY s.order_id LIMIT $6;

-- name: nth_behind
SELECT o.order_id FROM orders o WHERE o.merchant_no = $1 AND o.order_id > $2 ORDER BY o.order_id OFFSET $3 LIMIT 1;

-- name: of_members
-- For all claimed members at once: the orders in question, and the time of the customer's newest record.
SELECT k.i, x.order_id, ('x' || encode(substring(c.version FOR 8), 'hex'))::bit(64)::bigint
FROM unnest({arrays of_member}) WITH ORDINALITY k ({of_member}, i)
CROSS JOIN LATERAL (
  SELECT o.order_id FROM orders o
  WHERE o.merchant_no = k.merchant_no AND o.member = k.key AND o.order_id > k.reached
    AND ({descended} OR {created_us} >= k.since_us AND {created_us} < k.before_us)
  ORDER BY o.order_id LIMIT $6) x
LEFT JOIN customer c ON c.merchant_no = k.merchant_no AND c.member = k.key
ORDER BY k.i, x.order_id;

-- name: done
DELETE FROM recheck r
USING unnest({arrays key from 2}) k ({key})
WHERE r.kind = $1 AND r.xid = k.xid AND r.merchant_no = k.merchant_no AND r.key = k.key
  AND r.since_us = k.since_us;

-- name: go_on
UPDATE recheck r SET reached = k.reached
FROM unnest({arrays progress from 2}) k ({progress})
WHERE r.kind = $1 AND r.xid = k.xid AND r.merchant_no = k.merchant_no AND r.key = k.key
  AND r.since_us = k.since_us;

-- name: add
INSERT INTO recheck AS r ({request})
SELECT {k.request} FROM unnest({arrays request}) k ({request})
ON CONFLICT (kind, xid, merchant_no, key, since_us)
DO UPDATE SET before_us = greatest(r.before_us, excluded.before_us), reached = '';

-- name: descend
-- Under the number of the transaction that asked for the walk: what ran beside it is over. Sorted by whoever calls.
INSERT INTO recheck (kind, {below})
SELECT 6, {k.below} FROM unnest({arrays below}) k ({below})
ON CONFLICT DO NOTHING;

-- name: walked
UPDATE recheck r SET reached = k.reached, not_before_us = 9223372036854775807
FROM unnest({arrays progress}) k ({progress})
WHERE r.kind = 6 AND r.xid = k.xid AND r.merchant_no = k.merchant_no AND r.key = k.key AND r.since_us = k.since_us;

-- name: end_walk
-- Of two that end the last two families of a walk the second sees that the first is done.
SELECT pg_advisory_xact_lock(736011, ($1::bigint & 2147483647)::int);

-- name: sweep
-- Nothing while some of the walk are not done; these are looked for from the end, as they are worked off from the start.
DELETE FROM recheck r
USING (SELECT w.key, w.since_us FROM recheck w
       WHERE w.kind = 6 AND w.xid = $1::text::xid8 AND w.merchant_no = $2 ORDER BY w.key, w.since_us LIMIT $3) k
WHERE r.kind = 6 AND r.xid = $1::text::xid8 AND r.merchant_no = $2 AND r.key = k.key AND r.since_us = k.since_us
  AND (SELECT w.key FROM recheck w
       WHERE w.kind = 6 AND w.xid = $1::text::xid8 AND w.merchant_no = $2 AND w.not_before_us = 0
       ORDER BY w.key DESC, w.since_us DESC LIMIT 1) IS NULL;

-- name: sweep_on
-- One of those that are left comes up once more, to take out the next ones.
UPDATE recheck r SET not_before_us = 0
WHERE r.kind = 6 AND r.xid = $1::text::xid8 AND r.merchant_no = $2
  AND r.key = (SELECT w.key FROM recheck w WHERE w.kind = 6 AND w.xid = $1::text::xid8 AND w.merchant_no = $2
               ORDER BY w.key LIMIT 1);

-- name: adopt
-- No transaction of this server can have such a number and be seen: it comes from the server that a backup was made on.
WITH gone AS (DELETE FROM recheck r WHERE r.xid > pg_current_xact_id() RETURNING r.*)
INSERT INTO recheck (kind, merchant_no, key, since_us, before_us, not_before_us)
SELECT kind, merchant_no, key, since_us, max(before_us), min(not_before_us) FROM gone GROUP BY 1, 2, 3, 4;

-- name: waiting
SELECT count(*) FROM (SELECT FROM recheck LIMIT $1) r;
