-- name: lock
SELECT c.topic_uuid, c.partition, c.next_offset, points_now(), (SELECT epoch FROM settings_epoch),
       coalesce((SELECT paused_us IS NOT NULL FROM pipeline_state s WHERE s.pipeline = $1), false)
FROM unnest($3::text[], $4::int[]) k (topic_uuid, partition)
JOIN cursor c ON c.pipeline = $1 AND c.cluster = $2 AND c.topic_uuid = k.topic_uuid AND c.partition = k.partition
ORDER BY c.topic_uuid, c.partition
FOR UPDATE OF c;

-- name: advance
UPDATE cursor c
SET next_offset = k.next_offset, applied = c.applied + k.applied, duplicate = c.duplicate + k.duplicate,
    ignored = c.ignored + k.ignored, parked = c.parked + k.parked, dead = c.dead + k.dead, updated_us = points_now()
FROM unnest($3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
     k (topic_uuid, partition, next_offset, applied, duplicate, ignored, parked, dead)
WHERE c.pipeline = $1 AND c.cluster = $2 AND c.topic_uuid = k.topic_uuid AND c.partition = k.partition;

-- name: count_reasons
INSERT INTO ignored_reason AS r (pipeline, topic, partition, reason, records)
SELECT $1, k.* FROM unnest($2::text[], $3::int[], $4::text[], $5::bigint[]) k (topic, partition, reason, records)
ORDER BY 2, 3, 4
ON CONFLICT (pipeline, topic, partition, reason) DO UPDATE SET records = r.records + excluded.records;

-- name: start
INSERT INTO cursor (pipeline, cluster, topic_uuid, partition, topic, first_offset, next_offset)
VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING;

-- name: next_offset
SELECT next_offset FROM cursor WHERE pipeline = $1 AND cluster = $2 AND topic_uuid = $3 AND partition = $4;

-- name: strangers
SELECT cluster, topic_uuid, partition, next_offset FROM cursor
WHERE pipeline = $1 AND topic = $3 AND (cluster <> $2 OR topic_uuid <> $4) ORDER BY 1, 2, 3;

-- name: show
SELECT pipeline, topic, partition, cluster, topic_uuid, first_offset, next_offset, applied, duplicate, ignored, parked,
       dead, updated_us
FROM cursor ORDER BY pipeline, topic, partition;

-- name: total
SELECT coalesce(sum(applied + duplicate + ignored + parked + dead), 0)::bigint FROM cursor WHERE pipeline = $1;

-- name: is_known
SELECT EXISTS (SELECT FROM cursor WHERE pipeline = $1 AND cluster = $2 AND topic_uuid = $3);
