-- name: add
INSERT INTO outbox ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row});

-- name: add_events
INSERT INTO outbox ({events}, kind)
SELECT {k.events}, 1 FROM unnest({arrays events}) k ({events});

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
DELETE FROM outbox o USING unnest({arrays key}) k ({key}) WHERE o.shard = k.shard AND o.id = k.id;

-- name: try_shard
-- The first key is the product's own, so that other users of advisory locks in the database are not in the way.
SELECT pg_try_advisory_lock(736001, $1::int);

-- name: relax
SET synchronous_commit = off;
