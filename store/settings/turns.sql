-- Who decides by what is in force, and who changes it, take turns. Each lock is held until the transaction ends, and is
-- taken by a statement of its own: a statement does not see what was committed after it began, however long it waited.

-- name: decide
SELECT pg_advisory_xact_lock_shared(736008, 0);

-- name: change
SELECT pg_advisory_xact_lock(736008, 0);

-- name: keep_partitions
-- No cursor is begun meanwhile (streams/cursors: start).
SELECT pg_advisory_xact_lock(736008, 1);
