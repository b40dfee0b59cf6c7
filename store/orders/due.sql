-- name: due_merchants
-- A loose index scan: one probe a merchant, however many orders each has waiting.
WITH RECURSIVE m (merchant_no, due_us) AS (
  (SELECT d.merchant_no, d.due_us FROM due d ORDER BY d.merchant_no, d.due_us LIMIT 1)
  UNION ALL
  SELECT n.merchant_no, n.due_us
  FROM m CROSS JOIN LATERAL (SELECT d.merchant_no, d.due_us FROM due d WHERE d.merchant_no > m.merchant_no
                             ORDER BY d.merchant_no, d.due_us LIMIT 1) n
), clock AS MATERIALIZED (SELECT points_now() AS now_us)
SELECT c.now_us, (SELECT epoch FROM settings_epoch), m.merchant_no
FROM clock c LEFT JOIN m ON m.due_us <= c.now_us
ORDER BY m.due_us;

-- name: clock
SELECT points_now(), epoch FROM settings_epoch;

-- name: due
SELECT x.*
FROM unnest({arrays reached from 3}) k ({reached})
CROSS JOIN LATERAL (
SELECT {o.row}
FROM due d JOIN orders o ON o.merchant_no = d.merchant_no AND o.order_id = d.order_id
WHERE d.merchant_no = k.merchant_no AND d.due_us <= $1 AND (d.due_us, d.order_id) > (k.due_us, k.order_id)
ORDER BY d.due_us, d.order_id LIMIT $2 FOR UPDATE OF o SKIP LOCKED) x;
