-- name: consumed
SELECT coalesce(sum(applied + duplicate + ignored + parked + dead), 0)::bigint FROM cursor WHERE pipeline = $1;

-- name: put
INSERT INTO quarantine (pipeline, {record}, received_us)
SELECT $1, {k.record}, $2 FROM unnest({arrays record from 3}) k ({record})
ON CONFLICT (topic_uuid, partition, "offset") DO NOTHING;

-- name: recent
SELECT q.position, q.merchant_id FROM quarantine q
WHERE q.pipeline = $1 AND q.position > $2
  AND q.position > coalesce((SELECT s.grace_position FROM pipeline_state s WHERE s.pipeline = $1), 0)
ORDER BY q.position;

-- name: pause
INSERT INTO pipeline_state (pipeline, paused_us, reason) VALUES ($1, points_now(), $2)
ON CONFLICT (pipeline) DO UPDATE SET paused_us = coalesce(pipeline_state.paused_us, excluded.paused_us),
                                     reason = coalesce(pipeline_state.reason, excluded.reason);

-- name: resume
UPDATE pipeline_state SET paused_us = NULL, reason = NULL, grace_position = $2 WHERE pipeline = $1 AND paused_us IS NOT NULL;

-- name: paused
SELECT paused_us, reason FROM pipeline_state WHERE pipeline = $1 AND paused_us IS NOT NULL;

-- name: purge
UPDATE quarantine SET key = NULL, value = NULL, headers = NULL, purged_us = points_now()
WHERE id IN (SELECT id FROM quarantine WHERE purged_us IS NULL AND received_us < points_now() - $1
             ORDER BY received_us LIMIT $2);
