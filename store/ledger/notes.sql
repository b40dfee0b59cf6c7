-- name: erase_reasons
UPDATE entry_note n SET reason = NULL
FROM account a
WHERE a.merchant_no = $1 AND a.member = $2
  AND n.merchant_no = a.merchant_no AND n.account_no = a.account_no AND n.reason IS NOT NULL;

-- A row that is not applied yet needs its reason.
-- name: erase_job_rows
UPDATE job_line l SET reason = NULL
WHERE l.merchant_no = $1 AND l.member = $2 AND l.reason IS NOT NULL AND l.code IS NOT NULL;
