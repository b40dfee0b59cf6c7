-- name: heads
-- The oldest row of each shard of members' events.
SELECT s.shard, x.id FROM unnest($1::smallint[]) s (shard)
CROSS JOIN LATERAL (SELECT o.id FROM outbox o WHERE o.shard = s.shard ORDER BY o.id LIMIT 1) x;

-- name: after
-- Rows of a shard behind an id, and which transactions this statement could not see.
SELECT x.id, x.value, x.headers, x.layout, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM (SELECT * FROM outbox o WHERE o.shard = $1 AND o.id > $2 ORDER BY o.id LIMIT $3) x
ORDER BY x.id;
