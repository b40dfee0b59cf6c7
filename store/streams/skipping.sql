-- name: at
SELECT pipeline, topic, next_offset FROM cursor WHERE cluster = $1 AND topic_uuid = $2 AND partition = $3;

-- name: lock
SELECT next_offset, points_now() FROM cursor
WHERE pipeline = $1 AND cluster = $2 AND topic_uuid = $3 AND partition = $4
FOR UPDATE NOWAIT;
