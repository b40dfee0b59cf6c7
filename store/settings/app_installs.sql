-- name: add
INSERT INTO application_event ({event})
SELECT {k.event} FROM unnest({arrays event}) k ({event})
ORDER BY {k.event} ON CONFLICT DO NOTHING
RETURNING {event};

-- name: all
SELECT {event} FROM application_event ORDER BY {event};
