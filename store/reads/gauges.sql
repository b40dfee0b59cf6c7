-- Figures for metrics, each cheap enough to be asked for every few seconds.

-- name: next_due
-- One probe a merchant, as in store/orders/due.sql.
WITH RECURSIVE m (merchant_no, due_us) AS (
  (SELECT d.merchant_no, d.due_us FROM due d ORDER BY d.merchant_no, d.due_us LIMIT 1)
  UNION ALL
  SELECT n.merchant_no, n.due_us
  FROM m CROSS JOIN LATERAL (SELECT d.merchant_no, d.due_us FROM due d WHERE d.merchant_no > m.merchant_no
                             ORDER BY d.merchant_no, d.due_us LIMIT 1) n
)
SELECT min(due_us), points_now() FROM m;

-- name: now
SELECT points_now();

-- name: epoch
SELECT epoch FROM settings_epoch;

-- name: outbox_rows
SELECT coalesce(sum(o.events), 0)::bigint FROM (SELECT events FROM outbox LIMIT 1000000) o;

-- name: quarantined
SELECT topic, count(*) FROM quarantine WHERE redriven_us IS NULL AND discarded_us IS NULL GROUP BY topic;

-- name: next_overdue
SELECT least((SELECT min(next_expiry) FROM account WHERE next_expiry < 9223372036854775807),
             (SELECT min(expires_us) FROM hold WHERE state = 1)), points_now();

-- name: holds
SELECT (SELECT count(*) FROM (SELECT FROM hold WHERE state = 1 LIMIT 1000000) h),
       (SELECT min(expires_us) FROM hold WHERE state = 1), points_now();
