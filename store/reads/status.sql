-- name: relayed_shards
-- The shards that a relay holds: advisory locks under the product's own key (outbox.try_shard).
SELECT objid::int FROM pg_locks WHERE locktype = 'advisory' AND classid = 736001 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
