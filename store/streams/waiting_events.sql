-- name: heads
-- The oldest row of each shard of members' events.
SELECT s.shard, x.id FROM unnest($1::smallint[]) s (shard)
CROSS JOIN LATERAL (SELECT o.id FROM outbox o WHERE o.shard = s.shard AND o.kind = 1 ORDER BY o.id LIMIT 1) x;

-- name: after
-- Rows of a shard behind an id that were not read before ($4), and which transactions this statement could not see: a row
-- without an id where there are none.
SELECT pg_snapshot_xmin(s.now)::text::bigint, pg_snapshot_xmax(s.now)::text::bigint, x.id, x.value, x.headers, x.layout
FROM (SELECT pg_current_snapshot() AS now) s
LEFT JOIN LATERAL (SELECT * FROM outbox o WHERE o.shard = $1 AND o.kind = 1 AND o.id > $2 AND o.id <> ALL ($4::bigint[]) ORDER BY o.id LIMIT $3) x ON true
ORDER BY x.id;
