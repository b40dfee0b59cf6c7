-- name: settings
SELECT name, setting FROM pg_settings
WHERE name IN ('server_encoding', 'client_encoding', 'transaction_isolation', 'fsync', 'synchronous_commit');

-- name: connections
SELECT coalesce(sum(d.numbackends), 0)::int,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - current_setting('reserved_connections')::int
FROM pg_stat_database d;

-- name: login_owns_schema
SELECT bool_or(pg_has_role(session_user, relowner, 'USAGE')) FROM pg_class WHERE oid IN ('ledger'::regclass, 'account'::regclass, 'lot'::regclass);

-- name: table_locks
-- Modes that stand in the way of writes. Ours name themselves, and autovacuum gives way.
SELECT l.relation::regclass::text || ' (' || l.mode || ')', l.pid, a.application_name, current_database(), a.usename,
       to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), p.gid, p.owner, to_char(p.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'notices')
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.granted
  AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND l.pid IS DISTINCT FROM pg_backend_pid()
  -- A lock on all weeks of notices is told once.
  AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_locks whole ON whole.relation = i.inhparent
                  WHERE i.inhrelid = l.relation AND whole.mode = l.mode AND whole.granted
                    AND whole.virtualtransaction = l.virtualtransaction)
ORDER BY 1;

-- name: open_transactions
-- Only transactions that have a number hold rechecks up; pg_locks shows them to everybody, of any database.
SELECT 'a transaction', l.pid, a.application_name, a.datname, a.usename, to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock' AND l.pid <> pg_backend_pid()
  AND coalesce(a.xact_start < clock_timestamp() - $1 * interval '1 second', true)
UNION ALL
SELECT 'a prepared transaction', NULL, gid, database, owner, to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - $1 * interval '1 second'
ORDER BY 6 NULLS LAST;

-- name: cursors_moved
SELECT pipeline, topic_uuid, partition, updated_us FROM cursor;

-- name: now
SELECT points_now();
