-- name: head
SELECT o.shard, o.id, o.kind, o.key, o.value, o.headers
FROM unnest($1::smallint[]) s (shard)
CROSS JOIN LATERAL (SELECT * FROM outbox x WHERE x.shard = s.shard ORDER BY x.id LIMIT $2) o
ORDER BY o.shard, o.id;

-- name: sent
DELETE FROM outbox o USING unnest($1::smallint[], $2::bigint[]) k (shard, id) WHERE o.shard = k.shard AND o.id = k.id;

-- name: try_shard
-- The first key is the product's own, so that other users of advisory locks in the database are not in the way.
SELECT pg_try_advisory_lock(736001, $1::int);

-- name: size
SELECT count(*), min(id) FROM outbox;
