-- name: set_aside
WITH gone AS (
  DELETE FROM outbox o USING unnest({arrays refusal}) k ({refusal})
  WHERE o.shard = k.shard AND o.id = k.id AND o.kind <> 1
  RETURNING o.shard, o.id, o.kind, o.layout, o.key, o.value, o.headers, k.topic, k.size, k.reason, points_now()
)
INSERT INTO outbox_refused ({aside}) SELECT * FROM gone;

-- name: list
SELECT id, kind, topic, key, size, reason, refused_us FROM outbox_refused ORDER BY id;

-- name: oldest
SELECT id, kind, topic, key, size, reason, refused_us FROM outbox_refused ORDER BY id LIMIT 1;

-- name: count
SELECT count(*) FROM outbox_refused;

-- name: there
SELECT id FROM outbox_refused WHERE id = ANY ($1::bigint[]);

-- name: retry
-- In their own order, so that what belongs together stays so.
WITH again AS (DELETE FROM outbox_refused WHERE id = ANY ($1::bigint[]) RETURNING *)
INSERT INTO outbox ({outbox}) SELECT {again.outbox} FROM again ORDER BY again.id;

-- name: discard
DELETE FROM outbox_refused WHERE id = ANY ($1::bigint[]);

-- name: purge
-- Kinds 3 to 7 are dead letters and redriven records.
DELETE FROM outbox_refused WHERE (shard, id) IN (
  SELECT shard, id FROM outbox_refused WHERE kind BETWEEN 3 AND 7 AND refused_us < points_now() - $1 LIMIT $2);
