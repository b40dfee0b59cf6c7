-- name: owners
SELECT o.order_id, o.merchant_no FROM unnest($1::bytea[]) k (order_id) JOIN orders o ON o.order_id = k.order_id
ORDER BY o.order_id, o.merchant_no;

-- name: park
INSERT INTO awaiting_order ({report}, first_us)
SELECT {k.report}, $1 FROM unnest({arrays report from 2}) k ({report}) ON CONFLICT DO NOTHING RETURNING order_id, report;

-- name: is_any
SELECT EXISTS (SELECT FROM awaiting_order);

-- name: awaited
SELECT DISTINCT a.order_id FROM unnest($1::bytea[]) k (order_id) JOIN awaiting_order a ON a.order_id = k.order_id;

-- name: lock
SELECT a.order_id, a.report
FROM unnest($1::bytea[]) k (order_id) JOIN awaiting_order a ON a.order_id = k.order_id
ORDER BY a.order_id, a.report FOR UPDATE OF a;

-- name: drop
DELETE FROM awaiting_order a USING unnest({arrays key}) k ({key}) WHERE a.order_id = k.order_id AND a.report = k.report;

-- name: taken
UPDATE awaiting_order a SET taken = true FROM unnest($1::bytea[]) k (order_id)
WHERE a.order_id = k.order_id AND NOT a.taken;

-- name: purge
DELETE FROM awaiting_order a
USING (SELECT order_id, report FROM awaiting_order WHERE first_us < $1
       ORDER BY first_us LIMIT $2 FOR UPDATE SKIP LOCKED) old
WHERE a.order_id = old.order_id AND a.report = old.report
RETURNING a.order_id, a.report, a.taken;
