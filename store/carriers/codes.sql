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
VALUES ($1, $2, $3, $4, $5, points_now(), $6) RETURNING version, applied_us;

-- name: recheck
-- Kinds 1 (an order) and 5 (a tracking number) of the queue: what carried the code while it was unknown.
WITH gone AS (
  DELETE FROM unknown_report WHERE carrier = $1 AND service = $2 AND code = $3 RETURNING kind, merchant_no, key
)
INSERT INTO recheck (kind, merchant_no, key)
SELECT kind, merchant_no, key FROM gone ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING;

-- name: forget
DELETE FROM unknown_code WHERE carrier = $1 AND service = $2 AND code = $3;

-- name: log
SELECT version, carrier, service, code, meaning, note, applied_us, applied_by,
       lag(meaning) OVER (PARTITION BY carrier, service, code ORDER BY version)
FROM carrier_code ORDER BY version;

-- name: unknown
SELECT carrier, service, code, (array_agg(shown ORDER BY last_us DESC, merchant_no))[1],
       sum(reports)::bigint, min(first_us), max(last_us)
FROM unknown_code GROUP BY carrier, service, code ORDER BY max(last_us) DESC, sum(reports) DESC, carrier, service, code;

-- name: has_come
SELECT EXISTS (SELECT FROM unknown_code WHERE carrier = $1 AND service = $2);
