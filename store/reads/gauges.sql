-- Figures for metrics, each cheap enough to be asked for every few seconds.

-- name: next_due
SELECT min(due_us), points_now() FROM due;

-- name: now
SELECT points_now();

-- name: epoch
SELECT epoch FROM settings_epoch;

-- name: outbox_rows
SELECT coalesce(sum(o.events), 0)::bigint FROM (SELECT events FROM outbox LIMIT $1) o;

-- name: quarantined
-- The topics by a loose index scan, and of each so many rows.
WITH RECURSIVE t (topic) AS (
  SELECT min(topic) FROM quarantine WHERE redriven_us IS NULL AND discarded_us IS NULL
  UNION ALL
  SELECT (SELECT min(q.topic) FROM quarantine q
          WHERE q.topic > t.topic AND q.redriven_us IS NULL AND q.discarded_us IS NULL)
  FROM t WHERE t.topic IS NOT NULL
)
SELECT t.topic, (SELECT count(*) FROM (
         SELECT FROM quarantine q
         WHERE q.topic = t.topic AND q.redriven_us IS NULL AND q.discarded_us IS NULL LIMIT $1) counted)
FROM t WHERE t.topic IS NOT NULL;

-- name: next_overdue
SELECT least((SELECT min(next_expiry) FROM account WHERE next_expiry < 9223372036854775807),
             (SELECT min(expires_us) FROM hold WHERE state = 1)), points_now();

-- name: holds
SELECT (SELECT count(*) FROM (SELECT FROM hold WHERE state = 1 LIMIT 1000000) h),
       (SELECT min(expires_us) FROM hold WHERE state = 1), points_now();
