-- name: lock
SELECT c.topic_uuid, c.partition, c.next_offset, points_now(), (SELECT epoch FROM settings_epoch),
       coalesce((SELECT paused_us IS NOT NULL FROM pipeline_state s WHERE s.pipeline = $1), false)
FROM unnest({arrays place from 3}) k ({place})
JOIN cursor c ON c.pipeline = $1 AND c.cluster = $2 AND c.topic_uuid = k.topic_uuid AND c.partition = k.partition
ORDER BY c.topic_uuid, c.partition
FOR UPDATE OF c;

-- name: advance
UPDATE cursor c
SET next_offset = k.next_offset, applied = c.applied + k.applied, duplicate = c.duplicate + k.duplicate,
    ignored = c.ignored + k.ignored, parked = c.parked + k.parked, dead = c.dead + k.dead,
    control = c.control + k.control, updated_us = points_now()
FROM unnest({arrays moved from 3}) k ({moved})
WHERE c.pipeline = $1 AND c.cluster = $2 AND c.topic_uuid = k.topic_uuid AND c.partition = k.partition;

-- name: count_reasons
INSERT INTO ignored_reason AS r (pipeline, {reason})
SELECT $1, {k.reason} FROM unnest({arrays reason from 2}) k ({reason})
ORDER BY k.topic, k.partition, k.reason
ON CONFLICT (pipeline, topic, partition, reason) DO UPDATE SET records = r.records + excluded.records;

-- name: start
-- Not while settings are applied: these lock the cursors that there are (settings/turns: keep_partitions).
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(736009, 0))
INSERT INTO cursor (pipeline, cluster, topic_uuid, partition, topic, first_offset, next_offset, updated_us)
SELECT $1, $2, $3, $4, $5, $6, $6, points_now() FROM turn ON CONFLICT DO NOTHING;

-- name: next_offset
SELECT next_offset FROM cursor WHERE pipeline = $1 AND cluster = $2 AND topic_uuid = $3 AND partition = $4;

-- name: cursors_of_other_topics
SELECT cluster, topic_uuid, partition, next_offset FROM cursor
WHERE pipeline = $1 AND topic = $3 AND (cluster <> $2 OR topic_uuid <> $4) ORDER BY 1, 2, 3;

-- name: is_known
SELECT EXISTS (SELECT FROM cursor WHERE pipeline = $1 AND cluster = $2 AND topic_uuid = $3);

-- name: positions
SELECT pipeline, topic_uuid, partition, next_offset FROM cursor WHERE cluster = $1;

-- name: positions_of_notices
SELECT pipeline, topic_uuid, partition, next_offset, cluster = $1 FROM notices_cursor;

-- name: uneven
SELECT (SELECT count(*) FROM cursor
        WHERE next_offset - first_offset <> applied + duplicate + ignored + parked + dead + control)
     + (SELECT count(*) FROM notices_cursor
        WHERE next_offset - first_offset <> applied + duplicate + ignored + parked + dead + control);
