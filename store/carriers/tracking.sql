-- name: claims
-- Without a lock: a claim that is seen stays, one that is not seen is looked for again under the lock.
SELECT t.number, t.flags, t.claims FROM unnest($1::bytea[]) k (number) JOIN tracking t ON t.number = k.number;

-- name: lock
SELECT t.number, t.flags, t.claims, t.reports
FROM unnest($1::bytea[]) k (number) JOIN tracking t ON t.number = k.number
ORDER BY t.number FOR UPDATE OF t;

-- name: read
SELECT t.number, t.flags, t.claims, t.reports
FROM unnest($1::bytea[]) k (number) JOIN tracking t ON t.number = k.number ORDER BY t.number;

-- name: insert
INSERT INTO tracking (number, flags, claims, reports, first_us)
SELECT k.*, $5 FROM unnest($1::bytea[], $2::int[], $3::bytea[], $4::bytea[]) k ON CONFLICT DO NOTHING;

-- name: update
UPDATE tracking t SET flags = k.flags, claims = k.claims, reports = k.reports
FROM unnest($1::bytea[], $2::int[], $3::bytea[], $4::bytea[]) k (number, flags, claims, reports)
WHERE t.number = k.number;

-- name: unmatched
SELECT t.number, t.flags, t.claims, t.reports, t.first_us FROM tracking t
WHERE t.claims IS NULL AND t.first_us < $1
ORDER BY t.first_us LIMIT $2 FOR UPDATE OF t SKIP LOCKED;

-- name: forget
DELETE FROM tracking t USING unnest($1::bytea[]) k (number) WHERE t.number = k.number;

-- name: keep
UPDATE tracking t SET reports = k.reports, first_us = k.first_us
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) k (number, reports, first_us) WHERE t.number = k.number;

-- name: count_purged
INSERT INTO purged_report AS p (kind, reports) VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE SET reports = p.reports + excluded.reports;
