-- name: due_merchants
-- Loose index scans, one probe a merchant and instant, however many orders wait there. $1: probes at most. Where the
-- oldest plans use them all up, the merchants behind $2 are probed too, in turn, so that all come to be seen.
WITH RECURSIVE clock AS MATERIALIZED (SELECT points_now() AS now_us),
oldest (due_us, merchant_no, n) AS (
  SELECT x.due_us, x.merchant_no, 1
  FROM clock c CROSS JOIN LATERAL (
    SELECT d.due_us, d.merchant_no FROM due d WHERE d.due_us <= c.now_us ORDER BY d.due_us, d.merchant_no LIMIT 1) x
  UNION ALL
  SELECT x.due_us, x.merchant_no, p.n + 1
  FROM oldest p CROSS JOIN clock c CROSS JOIN LATERAL (
    SELECT d.due_us, d.merchant_no FROM due d
    WHERE (d.due_us, d.merchant_no) > (p.due_us, p.merchant_no) AND d.due_us <= c.now_us
    ORDER BY d.due_us, d.merchant_no LIMIT 1) x
  WHERE p.n < $1
),
behind (merchant_no, due_us, n) AS (
  -- The condition stands outside: within, it would be asked of every row.
  SELECT x.merchant_no, x.due_us, 1
  FROM (SELECT count(*) AS probes FROM oldest) used CROSS JOIN LATERAL (
    SELECT d.merchant_no, d.due_us FROM due d WHERE d.merchant_no > $2
    ORDER BY d.merchant_no, d.due_us LIMIT 1) x
  WHERE used.probes >= $1
  UNION ALL
  SELECT x.merchant_no, x.due_us, p.n + 1
  FROM behind p CROSS JOIN LATERAL (
    SELECT d.merchant_no, d.due_us FROM due d WHERE d.merchant_no > p.merchant_no
    ORDER BY d.merchant_no, d.due_us LIMIT 1) x
  WHERE p.n < $1
),
found (merchant_no, due_us) AS (
  SELECT merchant_no, due_us FROM oldest UNION ALL SELECT b.merchant_no, b.due_us FROM behind b, clock c WHERE b.due_us <= c.now_us
)
SELECT c.now_us, (SELECT epoch FROM settings_epoch), f.merchant_no,
       (SELECT CASE WHEN count(*) < $1 THEN 0 ELSE max(merchant_no) END FROM behind)
FROM clock c LEFT JOIN (SELECT merchant_no, min(due_us) AS due_us FROM found GROUP BY merchant_no) f ON true
ORDER BY f.due_us, f.merchant_no;

-- name: clock
SELECT points_now(), epoch FROM settings_epoch;

-- name: due
SELECT x.*
FROM unnest({arrays reached from 3}) k ({reached})
CROSS JOIN LATERAL (
SELECT {o.row}, d.trace
FROM due d JOIN orders o ON o.merchant_no = d.merchant_no AND o.order_id = d.order_id
WHERE d.merchant_no = k.merchant_no AND d.due_us <= $1 AND (d.due_us, d.order_id) > (k.due_us, k.order_id)
ORDER BY d.due_us, d.order_id LIMIT $2 FOR UPDATE OF o SKIP LOCKED) x;
