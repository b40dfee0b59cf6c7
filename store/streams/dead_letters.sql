-- name: list
SELECT {summary} FROM quarantine ORDER BY id;

-- name: show
SELECT {summary}, pipeline, merchant_id, timestamp_us, key, value, headers
FROM quarantine WHERE id = $1;

-- name: waiting
SELECT id FROM quarantine WHERE redriven_us IS NULL AND discarded_us IS NULL AND purged_us IS NULL ORDER BY id;

-- name: topics
SELECT DISTINCT topic FROM quarantine WHERE id = ANY ($1::bigint[]);

-- name: state
SELECT id, redriven_us, discarded_us, purged_us FROM quarantine WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE;

-- name: bytes
SELECT id, topic, key, value, headers, timestamp_us FROM quarantine WHERE id = ANY ($1::bigint[]) ORDER BY id;

-- name: redriven
UPDATE quarantine SET redriven_us = points_now(), discarded_us = NULL WHERE id = ANY ($1::bigint[]);

-- name: discarded
UPDATE quarantine SET discarded_us = points_now() WHERE id = ANY ($1::bigint[]);
