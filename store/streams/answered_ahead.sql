-- name: note
INSERT INTO answered_ahead (cluster, {row}) SELECT $1, {k.row} FROM unnest({arrays row from 2}) k ({row})
ON CONFLICT DO NOTHING;

-- name: read
SELECT topic_uuid, partition, place, was_repeat FROM answered_ahead WHERE cluster = $1;

-- name: forget
DELETE FROM answered_ahead a USING unnest({arrays ends from 2}) k ({ends})
WHERE a.cluster = $1 AND a.topic_uuid = k.topic_uuid AND a.partition = k.partition AND a.place < k.place;
