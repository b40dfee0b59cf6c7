-- name: claims
-- Without a lock: a claim that is seen stays, one that is not seen is looked for again under the lock.
SELECT t.number, t.flags, t.claims FROM unnest($1::bytea[]) k (number) JOIN tracking t ON t.number = k.number;

-- name: lock
SELECT {t.row}
FROM unnest($1::bytea[]) k (number) JOIN tracking t ON t.number = k.number
ORDER BY t.number FOR UPDATE OF t;

-- name: read
SELECT {t.row}
FROM unnest($1::bytea[]) k (number) JOIN tracking t ON t.number = k.number ORDER BY t.number;

-- name: insert
INSERT INTO tracking ({row}, first_us)
SELECT {k.row}, $1 FROM unnest({arrays row from 2}) k ({row}) ON CONFLICT DO NOTHING;

-- name: update
UPDATE tracking t SET {set row}
FROM unnest({arrays row}) k ({row})
WHERE t.number = k.number;

-- name: unmatched
SELECT t.number, t.reports FROM tracking t
WHERE t.claims IS NULL AND t.first_us < $1
ORDER BY t.first_us LIMIT $2 FOR UPDATE OF t SKIP LOCKED;

-- name: forget
DELETE FROM tracking t USING unnest($1::bytea[]) k (number) WHERE t.number = k.number;

-- name: keep
UPDATE tracking t SET {set kept}
FROM unnest({arrays kept}) k ({kept}) WHERE t.number = k.number;

-- name: count_purged
INSERT INTO purged_report AS p (kind, reports) VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE SET reports = p.reports + excluded.reports;
