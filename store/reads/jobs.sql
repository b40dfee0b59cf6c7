-- name: jobs
-- Of a job from a file the figures of its pieces; of one of commands, what it has given so far.
SELECT j.job_id, j.gate, j.made_us,
       ARRAY[j.total::bigint, j.points, p.pieces, p.done, p.applied, p.refused],
       CASE WHEN j.made_us IS NULL THEN (
         SELECT ARRAY[count(*), coalesce(sum(e.points), 0)::bigint]
         FROM job_row r
         JOIN account a ON a.merchant_no = r.merchant_no AND a.member = r.member
         JOIN ledger e ON e.account_no = a.account_no AND e.merchant_no = a.merchant_no AND e.sequence = r.sequence
         WHERE r.merchant_no = j.merchant_no AND r.job_id = j.job_id
       ) END,
       j.reason, j.made_by, j.approved_by
FROM job j
CROSS JOIN LATERAL (
  SELECT count(*) pieces, count(*) FILTER (WHERE is_done) done, coalesce(sum(applied), 0)::bigint applied,
         coalesce(sum(refused), 0)::bigint refused
  FROM job_piece p
  WHERE p.merchant_no = j.merchant_no AND p.job_id = j.job_id
) p
WHERE j.merchant_no = $1 AND ($2::bytea IS NULL OR j.job_id = $2);

-- name: file_rows
SELECT l.number, l.line, l.member, l.points, l.code, l.sequence, CASE WHEN j.undoes IS NOT NULL THEN l.missing END
FROM job_line l JOIN job j USING (merchant_no, job_id)
WHERE l.merchant_no = $1 AND l.job_id = $2 AND l.number > $5 AND coalesce(l.line, l.number) > $3 AND (l.code > 1 OR NOT $4)
ORDER BY l.number LIMIT $6;

-- name: command_rows
SELECT r.member, NULL, r.member, e.points, 1, r.sequence, NULL
FROM job_row r
JOIN account a ON a.merchant_no = r.merchant_no AND a.member = r.member
JOIN ledger e ON e.account_no = a.account_no AND e.merchant_no = a.merchant_no AND e.sequence = r.sequence
WHERE r.merchant_no = $1 AND r.job_id = $2 AND r.member > $3
ORDER BY r.member LIMIT $4;
