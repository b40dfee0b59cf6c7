-- name: all
SELECT {known}
FROM cursor ORDER BY pipeline, topic, partition, updated_us, next_offset;

-- name: retire
-- The row stays, under a name that no topic has, so that what it counted goes on being explained (I7).
UPDATE cursor c SET topic_uuid = c.topic_uuid || '#' || (
  SELECT count(*) + 1 FROM cursor o
  WHERE o.pipeline = $1 AND o.cluster = $2 AND o.partition = $4 AND starts_with(o.topic_uuid, $3 || '#'))
WHERE c.pipeline = $1 AND c.cluster = $2 AND c.topic_uuid = $3 AND c.partition = $4;

-- name: begin
INSERT INTO cursor (pipeline, cluster, topic_uuid, partition, topic, first_offset, next_offset, updated_us)
VALUES ($1, $2, $3, $4, $5, $6, $6, points_now())
RETURNING (
  SELECT count(*) FROM cursor o
  WHERE o.pipeline = $1 AND o.cluster = $2 AND o.partition = $4 AND starts_with(o.topic_uuid, $3 || '#')
), updated_us;
