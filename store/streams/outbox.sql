-- name: add
INSERT INTO outbox (shard, kind, key, value, headers)
SELECT * FROM unnest($1::smallint[], $2::smallint[], $3::bytea[], $4::bytea[], $5::bytea[]);

-- name: add_events
INSERT INTO outbox (shard, kind, value, headers, events)
SELECT k.shard, 1, k.value, k.headers, k.events
FROM unnest($1::smallint[], $2::bytea[], $3::bytea[], $4::int[]) k (shard, value, headers, events);

-- name: head
-- As many rows as hold so many events: at least one, whatever it holds.
SELECT o.shard, o.id, o.kind, o.key, o.value, o.headers, o.layout
FROM unnest($1::smallint[]) s (shard)
CROSS JOIN LATERAL (
SELECT y.*, sum(y.events) OVER (ORDER BY y.id) - y.events AS before
FROM (SELECT * FROM outbox x WHERE x.shard = s.shard ORDER BY x.id LIMIT $2) y) o
WHERE o.before < $2
ORDER BY o.shard, o.id;

-- name: sent
DELETE FROM outbox o USING unnest($1::smallint[], $2::bigint[]) k (shard, id) WHERE o.shard = k.shard AND o.id = k.id;

-- name: try_shard
-- The first key is the product's own, so that other users of advisory locks in the database are not in the way.
SELECT pg_try_advisory_lock(736001, $1::int);

-- name: relax
SET synchronous_commit = off;
