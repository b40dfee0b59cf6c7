-- name: claim
-- An empty order id stands for all unbound orders of the merchant.
SELECT r.merchant_no, r.order_id, r.not_before_us, points_now(), (SELECT epoch FROM settings_epoch)
FROM recheck r
WHERE r.not_before_us <= points_now()
ORDER BY r.merchant_no, r.order_id, r.not_before_us
LIMIT $1 FOR UPDATE OF r SKIP LOCKED;

-- name: unbound
SELECT o.order_id FROM orders o
WHERE o.merchant_no = $1 AND o.settings_no < 0 AND o.order_id > $2
ORDER BY o.order_id LIMIT $3;

-- name: done
DELETE FROM recheck r USING unnest($1::int[], $2::bytea[], $3::bigint[]) k (m, o, n)
WHERE r.merchant_no = k.m AND r.order_id = k.o AND r.not_before_us = k.n;

-- name: add
INSERT INTO recheck (merchant_no, order_id, not_before_us)
SELECT k.m, k.o, k.n FROM unnest($1::int[], $2::bytea[], $3::bigint[]) k (m, o, n)
ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING;
