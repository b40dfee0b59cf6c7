-- name: add
INSERT INTO application_event ({event})
SELECT {k.event} FROM unnest({arrays event}) k ({event})
ORDER BY {k.event} ON CONFLICT DO NOTHING
RETURNING {event};

-- name: of_merchants
SELECT {event} FROM application_event WHERE merchant_no = ANY ($1::int[]) ORDER BY {event};
