-- name: parked
-- Tracking numbers that no order names, those whose reports fit several orders, and reports that wait for their order.
SELECT (SELECT count(*) FROM tracking WHERE claims IS NULL), (SELECT min(first_us) FROM tracking WHERE claims IS NULL),
       (SELECT count(*) FROM tracking WHERE flags & 1 = 1), (SELECT min(first_us) FROM tracking WHERE flags & 1 = 1),
       (SELECT count(*) FROM awaiting_order), (SELECT min(first_us) FROM awaiting_order);

-- name: purged
SELECT kind, reports FROM purged_report ORDER BY kind;

-- name: unknown_codes
SELECT count(*), coalesce(sum(reports), 0)::bigint FROM unknown_code;

-- name: orders
-- As orders.lock, without the lock: looking must not make intake wait.
SELECT o.merchant_no, o.order_id, o.settings_no, o.flags, o.member, o.record, o.record_trail, o.parcel, o.parcel_trail,
       o.due_us, o.planned, o.posted, o.reports
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN orders o ON o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: ambiguous_numbers
SELECT number, first_us FROM tracking WHERE flags & 1 = 1 ORDER BY first_us, number LIMIT $1;

-- name: awaited_orders
SELECT order_id, count(*), min(first_us) FROM awaiting_order GROUP BY order_id ORDER BY 3, 1 LIMIT $1;
