-- name: all
SELECT provider, paused_us, paused_by, open_until_us, why, points_now() FROM provider;

-- name: clock
SELECT points_now();

-- name: opened
INSERT INTO provider AS p (provider, open_until_us, why) VALUES ($1, $2, $3)
ON CONFLICT (provider) DO UPDATE SET open_until_us = excluded.open_until_us, why = excluded.why;

-- name: pause
INSERT INTO provider AS p (provider, paused_us, paused_by) VALUES ($1, points_now(), $2)
ON CONFLICT (provider) DO UPDATE SET paused_us = coalesce(p.paused_us, excluded.paused_us), paused_by = coalesce(p.paused_by, excluded.paused_by);

-- name: resume
-- 0: whatever senders remember of a breaker, it is closed.
UPDATE provider SET paused_us = NULL, paused_by = NULL, open_until_us = CASE WHEN open_until_us IS NOT NULL THEN 0 END, why = NULL
WHERE provider = $1 AND (paused_us IS NOT NULL OR open_until_us IS NOT NULL);
