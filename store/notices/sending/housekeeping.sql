-- name: unknowns
-- $1: counted no further.
SELECT channel, count(*) FROM (SELECT channel FROM notice WHERE state = 'unknown' LIMIT $1) x GROUP BY channel;

-- name: drop_partitions
SELECT notices.drop_partitions($1);

-- name: senders
-- Who beat lately, and whether the one who asks has beaten for so long that all others have counted it.
SELECT count(*), coalesce(bool_or(instance = $2 AND started_us <= points_now() - $4::bigint), false)
FROM worker_beat WHERE kind = $1 AND beat_us > points_now() - $3::bigint;

-- name: relays
-- The first key is the product's own; this one is of the lane's outbox, which one process empties at a time.
SELECT pg_try_advisory_lock(736006, 0);
