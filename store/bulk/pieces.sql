-- name: claim
SELECT first, last FROM job_piece
WHERE merchant_no = $1 AND job_id = $2 AND NOT is_done
ORDER BY first LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: wait_for
SELECT first, last FROM job_piece
WHERE merchant_no = $1 AND job_id = $2 AND NOT is_done
ORDER BY first LIMIT 1
FOR UPDATE;

-- name: rows
SELECT number, member, points, reason, NULL::bigint, false FROM job_line
WHERE merchant_no = $1 AND job_id = $2 AND number BETWEEN $3 AND $4
ORDER BY number;

-- name: undo_rows
-- With the expiry that the entry gave its lot, whether a file's row or a command made it.
SELECT u.number, u.member, u.points, u.reason, e.expires_us, o.number IS NULL
FROM job_line u
JOIN account a ON a.merchant_no = u.merchant_no AND a.member = u.member
LEFT JOIN job_line o ON o.merchant_no = u.merchant_no AND o.job_id = $5 AND o.number = u.number AND o.member = u.member
LEFT JOIN job_row r ON r.merchant_no = u.merchant_no AND r.job_id = $5 AND r.member = u.member
LEFT JOIN ledger e ON e.account_no = a.account_no AND e.merchant_no = a.merchant_no AND e.sequence = coalesce(o.sequence, r.sequence)
WHERE u.merchant_no = $1 AND u.job_id = $2 AND u.number BETWEEN $3 AND $4
ORDER BY u.number;

-- name: mark_rows
UPDATE job_line l SET {set result}
FROM unnest({arrays result}) k ({result})
WHERE l.merchant_no = k.merchant_no AND l.job_id = k.job_id AND l.number = k.number;

-- name: mark_piece
UPDATE job_piece SET is_done = true, applied = $4, refused = $5
WHERE merchant_no = $1 AND job_id = $2 AND first = $3;

-- name: progress
SELECT coalesce(sum(applied + refused), 0)::int, count(*) FILTER (WHERE NOT is_done)::int FROM job_piece
WHERE merchant_no = $1 AND job_id = $2;
