-- Figures for metrics, each cheap enough to be asked for every few seconds.

-- name: next_due
SELECT min(due_us), points_now() FROM due;

-- name: now
SELECT points_now();

-- name: epoch
SELECT epoch FROM settings_epoch;

-- name: overdue_grants
-- The clock is asked once: what may differ from row to row keeps PostgreSQL from using the index.
SELECT count(*) FROM (SELECT FROM due WHERE due_us <= (SELECT points_now()) LIMIT $1) d;

-- name: outbox_rows
SELECT coalesce(sum(o.events), 0)::bigint FROM (SELECT events, kind FROM outbox LIMIT $1) o WHERE o.kind <> $2;

-- name: outbox_heads
SELECT s.shard, x.id, x.kind FROM unnest($1::smallint[]) s (shard)
CROSS JOIN LATERAL (SELECT o.id, o.kind FROM outbox o WHERE o.shard = s.shard AND o.kind <> $2 ORDER BY o.id LIMIT 1) x;

-- name: beginning
-- The value is stored as it is, so that only this much of it is read.
SELECT substring(o.value FOR $3) FROM outbox o WHERE o.shard = $1 AND o.id = $2;

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
         WHERE q.topic = t.topic AND q.redriven_us IS NULL AND q.discarded_us IS NULL LIMIT $1) counted),
       (SELECT q.received_us FROM quarantine q
        WHERE q.topic = t.topic AND q.redriven_us IS NULL AND q.discarded_us IS NULL ORDER BY q.received_us LIMIT 1)
FROM t WHERE t.topic IS NOT NULL;

-- name: recheck_heads
-- The next row of each kind.
SELECT k.kind, x.xid::text, x.merchant_no, x.key, x.since_us FROM generate_series(1, 6) k (kind)
CROSS JOIN LATERAL (SELECT r.* FROM recheck r WHERE r.kind = k.kind
                    ORDER BY r.kind, r.xid, r.merchant_no, r.key, r.since_us LIMIT 1) x;

-- name: parked
SELECT (SELECT count(*) FROM (SELECT FROM parked_record LIMIT $1) p),
       (SELECT first_us FROM parked_record ORDER BY first_us LIMIT 1);

-- name: open_jobs
SELECT count(*) FROM (SELECT DISTINCT merchant_no, job_id FROM job_piece WHERE NOT is_done) p
JOIN job j ON j.merchant_no = p.merchant_no AND j.job_id = p.job_id WHERE j.gate <> $1;

-- name: paused
SELECT pipeline FROM pipeline_state WHERE paused_us IS NOT NULL;

-- name: lane_paused
-- Nothing where the lane never ran.
SELECT EXISTS (SELECT FROM notices_pause)
WHERE EXISTS (SELECT FROM notices_cursor) OR EXISTS (SELECT FROM notices_pause);

-- name: next_overdue
SELECT least((SELECT min(next_expiry) FROM account WHERE next_expiry < 9223372036854775807),
             (SELECT min(expires_us) FROM hold WHERE state = 1)), points_now();

-- name: holds
SELECT (SELECT count(*) FROM (SELECT FROM hold WHERE state = 1 LIMIT 1000000) h),
       (SELECT min(expires_us) FROM hold WHERE state = 1), points_now();
