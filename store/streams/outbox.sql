-- name: add
INSERT INTO outbox ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row});

-- name: add_packs
INSERT INTO outbox ({packs})
SELECT {k.packs} FROM unnest({arrays packs}) k ({packs});

-- name: add_heartbeats
INSERT INTO outbox ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row}) ON CONFLICT (shard) WHERE kind = 10 DO NOTHING;

-- name: head
-- As many rows as hold so many events and so many bytes: at least one, whatever it holds.
SELECT o.shard, o.id, o.kind, o.key, o.value, o.headers, o.layout
FROM unnest($1::smallint[]) s (shard)
CROSS JOIN LATERAL (
SELECT y.*, sum(y.events) OVER w - y.events AS before, sum(y.size) OVER w AS bytes
FROM (SELECT x.*, coalesce(octet_length(x.value), 0) + coalesce(octet_length(x.headers), 0) AS size
      FROM outbox x WHERE x.shard = s.shard ORDER BY x.id LIMIT $2) y
WINDOW w AS (ORDER BY y.id)) o
WHERE o.before = 0 OR o.before < $2 AND o.bytes <= $3
ORDER BY o.shard, o.id;

-- name: sent
DELETE FROM outbox o USING unnest({arrays key}) k ({key}) WHERE o.shard = k.shard AND o.id = k.id;

-- name: try_shard
-- The first key is the product's own, so that other users of advisory locks in the database are not in the way.
SELECT pg_try_advisory_lock(736001, $1::int);

-- name: give_back
SELECT pg_advisory_unlock(736001, $1::int);

-- name: join_relays
SELECT pg_advisory_lock_shared(736002, 0);

-- name: relays
-- In an order on which all of them agree.
SELECT array_agg(DISTINCT pid ORDER BY pid), pg_backend_pid() FROM pg_locks
WHERE locktype = 'advisory' AND classid = 736002 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- name: relax
SET synchronous_commit = off;
