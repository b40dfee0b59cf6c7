-- name: overlay
-- The newest version of each code counts; one that is null leads back to the shipped table.
SELECT carrier, service, code, meaning FROM (
  SELECT DISTINCT ON (carrier, service, code) carrier, service, code, meaning
  FROM carrier_code ORDER BY carrier, service, code, version DESC
) newest
WHERE meaning IS NOT NULL;

-- name: newest
SELECT version, meaning FROM carrier_code
WHERE carrier = $1 AND service = $2 AND code = $3 ORDER BY version DESC LIMIT 1;

-- name: add
INSERT INTO carrier_code (carrier, service, code, meaning, note, applied_us, applied_by)
VALUES ($1, $2, $3, $4, $5, points_now(), $6) RETURNING version;

-- name: recheck
-- Kinds 1 (an order) and 5 (a tracking number) of the queue: what carried the code while nobody knew it.
WITH gone AS (
  DELETE FROM unknown_report WHERE carrier = $1 AND service = $2 AND code = $3 RETURNING merchant_no, key
)
INSERT INTO recheck (kind, merchant_no, key)
SELECT CASE WHEN merchant_no = 0 THEN 5 ELSE 1 END, merchant_no, key FROM gone ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING;

-- name: forget
DELETE FROM unknown_code WHERE carrier = $1 AND service = $2 AND code = $3;

-- name: log
SELECT version, carrier, service, code, meaning, note, applied_us, applied_by,
       lag(meaning) OVER (PARTITION BY carrier, service, code ORDER BY version)
FROM carrier_code ORDER BY version;

-- name: unknown
SELECT carrier, service, code, shown, reports, first_us, last_us
FROM unknown_code ORDER BY last_us DESC, reports DESC, carrier, service, code;

-- name: has_come
SELECT EXISTS (SELECT FROM unknown_code WHERE carrier = $1 AND service = $2);

-- name: hold_epoch
-- Shared: batches do not wait for each other, only for somebody who changes a code (or settings) right now, and he for us.
SELECT epoch FROM settings_epoch FOR SHARE;

-- name: count_unknown
-- Codes beyond the thousandth of a service are counted under one label, so that a sender gone wrong does not fill the table.
INSERT INTO unknown_code AS u (carrier, service, code, shown, reports, first_us, last_us)
SELECT carrier, service, code, max(shown), count(*), min(at_us), max(at_us)
FROM (SELECT n.carrier, n.service, n.shown, n.at_us,
             CASE WHEN k.code IS NOT NULL
                    OR (SELECT count(*) FROM unknown_code c WHERE c.carrier = n.carrier AND c.service = n.service)
                       + dense_rank() OVER (PARTITION BY n.carrier, n.service, k.code IS NULL ORDER BY n.code) <= 1000
                  THEN n.code ELSE '(others)' END AS code
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) n (carrier, service, code, shown, at_us)
      LEFT JOIN unknown_code k ON k.carrier = n.carrier AND k.service = n.service AND k.code = n.code) one
GROUP BY carrier, service, code ORDER BY carrier, service, code
ON CONFLICT (carrier, service, code) DO UPDATE
SET shown = excluded.shown, reports = u.reports + excluded.reports, first_us = least(u.first_us, excluded.first_us),
    last_us = greatest(u.last_us, excluded.last_us);

-- name: remember_reports
INSERT INTO unknown_report (carrier, service, code, merchant_no, key)
SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bytea[]) ORDER BY 1, 2, 3, 4, 5
ON CONFLICT DO NOTHING;
