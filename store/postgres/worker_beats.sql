-- name: beat
INSERT INTO worker_beat AS w (kind, instance, started_us, beat_us, trouble) VALUES ($1, $2, points_now(), points_now(), $3)
ON CONFLICT (kind, instance) DO UPDATE SET beat_us = excluded.beat_us, trouble = excluded.trouble;

-- name: leave
DELETE FROM worker_beat WHERE kind = $1 AND instance = $2;

-- name: forget
DELETE FROM worker_beat WHERE beat_us < points_now() - $1::bigint;

-- name: all
SELECT kind, instance, started_us, beat_us, trouble, points_now() FROM worker_beat ORDER BY kind, started_us;
