-- name: try_to_speak
SELECT pg_try_advisory_lock(736004, 0);

-- name: end_when_silent
-- A session that says nothing for so long is ended by the server, and its locks with it.
SELECT set_config('idle_session_timeout', $1, false);
