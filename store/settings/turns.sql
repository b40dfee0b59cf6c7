-- Who decides by what is in force, and who changes it, take turns. Each lock is held until the transaction ends, and is
-- taken by a statement of its own: a statement does not see what was committed after it began, however long it waited.

-- name: decide
-- In the order of the array, which is sorted: so two that decide for several merchants never wait for each other.
SELECT pg_advisory_xact_lock_shared(736008, k.slot) FROM unnest($1::int[]) k (slot);

-- name: change
SELECT pg_advisory_xact_lock(736008, $1);

-- name: keep_partitions
-- No cursor is begun meanwhile (streams/cursors: start).
SELECT pg_advisory_xact_lock(736009, 0);
