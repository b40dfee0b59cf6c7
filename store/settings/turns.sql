-- Who decides by what is in force, and who changes it, take turns. Each lock is held until the transaction ends, and is
-- taken by a statement of its own: a statement does not see what was committed after it began, however long it waited.

-- name: decide
-- In the order of the array, which is sorted: so two that decide for several merchants never wait for each other.
SELECT pg_advisory_xact_lock_shared(736008, k.slot) FROM unnest($1::int[]) k (slot);

-- name: change
SELECT pg_advisory_xact_lock(736008, $1);

-- name: deciders
-- Two numbers are a lock with objsubid 2.
SELECT l.pid, coalesce(a.application_name, '')
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid = 736008 AND l.objid = $1::int::oid AND l.objsubid = 2 AND l.granted AND l.pid <> pg_backend_pid()
ORDER BY l.pid;

-- name: keep_partitions
-- No cursor is begun meanwhile (streams/cursors: start).
SELECT pg_advisory_xact_lock(736009, 0);
