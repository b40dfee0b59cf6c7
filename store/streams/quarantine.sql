-- name: consumed
-- With the rows that `points cursor adopt` has retired: positions never go back.
SELECT c.topic_uuid, c.partition,
       (SELECT coalesce(sum(o.applied + o.duplicate + o.ignored + o.parked + o.dead), 0)::bigint FROM cursor o
        WHERE o.pipeline = $1 AND o.cluster = $2 AND o.partition = c.partition
          AND split_part(o.topic_uuid, '#', 1) = c.topic_uuid)
FROM unnest({arrays place from 3}) c ({place});

-- name: spend
INSERT INTO merchant_poison AS m (pipeline, day, {share})
SELECT $1, $2, {k.share} FROM unnest({arrays share from 3}) k ({share}) ORDER BY k.merchant_id
ON CONFLICT (pipeline, merchant_id, day) DO UPDATE
SET kept = m.kept + excluded.kept, kept_bytes = m.kept_bytes + excluded.kept_bytes,
    counted = m.counted + excluded.counted, counted_bytes = m.counted_bytes + excluded.counted_bytes
RETURNING m.merchant_id, m.kept_bytes;

-- name: put
-- The lane reads a redriven record once more where it lies, so one that fails again is open again; the engine gets a
-- copy of it, which has a row of its own.
INSERT INTO quarantine AS q (pipeline, {record}, received_us)
SELECT $1, {k.record}, $2 FROM unnest({arrays record from 3}) k ({record})
ON CONFLICT (topic_uuid, partition, "offset") DO UPDATE
SET redriven_us = NULL, reason = excluded.reason, message = excluded.message,
    partition_position = excluded.partition_position
WHERE q.pipeline = 'notices' AND q.redriven_us IS NOT NULL;

-- name: remember
-- As many as the pause looks at: none before them counts any more.
INSERT INTO counted_poison AS c (pipeline, topic_uuid, partition, positions, merchants)
SELECT $1, k.topic_uuid, k.partition, array_agg(k.partition_position ORDER BY k.partition_position),
       array_agg(k.merchant_id ORDER BY k.partition_position)
FROM unnest({arrays counted from 3}) k ({counted}) GROUP BY k.topic_uuid, k.partition
ON CONFLICT (pipeline, topic_uuid, partition) DO UPDATE
SET positions = (c.positions || excluded.positions)[cardinality(c.positions || excluded.positions) - $2 + 1:],
    merchants = (c.merchants || excluded.merchants)[cardinality(c.merchants || excluded.merchants) - $2 + 1:];

-- name: recent
SELECT q.partition_position, q.merchant_id FROM quarantine q
WHERE q.pipeline = $1 AND q.topic_uuid = $2 AND q.partition = $3 AND q.partition_position > $4
  AND q.partition_position <= $5
UNION ALL
SELECT k.partition_position, k.merchant_id
FROM counted_poison c, unnest(c.positions, c.merchants) k (partition_position, merchant_id)
WHERE c.pipeline = $1 AND c.topic_uuid = $2 AND c.partition = $3 AND k.partition_position > $4
  AND k.partition_position <= $5;

-- name: grace
SELECT max(c.grace_position) FROM cursor c WHERE c.pipeline = $1 AND c.topic_uuid = $2 AND c.partition = $3;

-- name: pause
INSERT INTO pipeline_state (pipeline, paused_us, reason) VALUES ($1, points_now(), $2)
ON CONFLICT (pipeline) DO UPDATE SET paused_us = coalesce(pipeline_state.paused_us, excluded.paused_us),
                                     reason = coalesce(pipeline_state.reason, excluded.reason);

-- name: lock_cursors
SELECT FROM cursor c WHERE c.pipeline = $1 ORDER BY c.topic_uuid, c.partition FOR UPDATE;

-- name: resume
UPDATE pipeline_state SET paused_us = NULL, reason = NULL WHERE pipeline = $1 AND paused_us IS NOT NULL;

-- name: forgive
UPDATE cursor c
SET grace_position = $2 + (
  SELECT sum(o.applied + o.duplicate + o.ignored + o.parked + o.dead) FROM cursor o
  WHERE o.pipeline = c.pipeline AND o.cluster = c.cluster AND o.partition = c.partition
    AND split_part(o.topic_uuid, '#', 1) = c.topic_uuid)
WHERE c.pipeline = $1 AND strpos(c.topic_uuid, '#') = 0;

-- name: paused
SELECT paused_us, reason FROM pipeline_state WHERE pipeline = $1 AND paused_us IS NOT NULL;

-- name: purge
UPDATE quarantine SET key = NULL, value = NULL, headers = NULL, purged_us = points_now()
WHERE id IN (SELECT id FROM quarantine WHERE purged_us IS NULL AND received_us < points_now() - $1
             ORDER BY received_us LIMIT $2);

-- name: purge_shares
DELETE FROM merchant_poison WHERE day < points_now() / 86400000000 - $1;

-- name: counted_only
SELECT pipeline, merchant_id, day, kept, counted, counted_bytes FROM merchant_poison
WHERE counted > 0 ORDER BY day DESC, counted DESC, merchant_id;
