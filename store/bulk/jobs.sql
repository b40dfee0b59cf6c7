-- name: patience
-- $3: for this transaction alone.
SELECT set_config('lock_timeout', $1, $3), set_config('statement_timeout', $2, $3);

-- name: serialise
SELECT pg_advisory_xact_lock(hashtextextended('job:' || $1::int || ':' || encode($2::bytea, 'hex'), 0));

-- name: take_turn
-- Of those that share a job there is always one who has it; in this queue none of them goes before who wants it alone.
SELECT pg_advisory_xact_lock_shared(hashtextextended('turn:' || $1::int || ':' || encode($2::bytea, 'hex'), 0));

-- name: take_turn_alone
SELECT pg_advisory_xact_lock(hashtextextended('turn:' || $1::int || ':' || encode($2::bytea, 'hex'), 0));

-- name: find
SELECT {job} FROM job WHERE merchant_no = $1 AND job_id = $2;

-- name: share
SELECT {job} FROM job WHERE merchant_no = $1 AND job_id = $2 FOR SHARE;

-- name: lock
SELECT {job} FROM job WHERE merchant_no = $1 AND job_id = $2 FOR UPDATE;

-- name: add_rows
COPY job_line ({line}) FROM STDIN (FORMAT binary);

-- name: add
INSERT INTO job ({job})
SELECT {k.job} FROM unnest({arrays job}) k ({job})
ON CONFLICT DO NOTHING;

-- name: add_pieces
-- Of the rows behind those that are in pieces.
INSERT INTO job_piece (merchant_no, job_id, first, last)
SELECT $1, $2, first, first + $3 - 1
FROM generate_series(
  (SELECT coalesce(max(last), 0) + 1 FROM job_piece WHERE merchant_no = $1 AND job_id = $2),
  (SELECT max(number) FROM job_line WHERE merchant_no = $1 AND job_id = $2), $3) first;

-- name: grow
UPDATE job SET total = total + $3, points = points + $4, reason = $5, made_by = $6, made_us = $7, gate = $8
WHERE merchant_no = $1 AND job_id = $2;

-- name: change_gate
UPDATE job SET gate = $3, approved_by = coalesce($4::bytea, approved_by) WHERE merchant_no = $1 AND job_id = $2;

-- name: without_account
SELECT count(*) FROM unnest({arrays member}) k ({member})
WHERE NOT EXISTS (SELECT FROM account a WHERE a.merchant_no = k.merchant_no AND a.member = k.member);

-- name: undo_file
-- 1: ok (JobRowCode).
WITH made AS (
  INSERT INTO job_line (merchant_no, job_id, number, line, member, points)
  SELECT merchant_no, $3, number, line, member, -points FROM job_line
  WHERE merchant_no = $1 AND job_id = $2 AND code = 1
  RETURNING points
)
SELECT count(*)::int, coalesce(sum(points), 0) FROM made;

-- name: undo_commands
-- Whom it has not yet, with numbers behind those of its pieces, which may be done.
WITH made AS (
  INSERT INTO job_line (merchant_no, job_id, number, member, points)
  SELECT r.merchant_no, $3, row_number() OVER (ORDER BY r.member) + (
    SELECT coalesce(max(p.last), 0) FROM job_piece p WHERE p.merchant_no = $1 AND p.job_id = $3), r.member, -e.points
  FROM job_row r
  JOIN account a ON a.merchant_no = r.merchant_no AND a.member = r.member
  JOIN ledger e ON e.account_no = a.account_no AND e.merchant_no = a.merchant_no AND e.sequence = r.sequence
  WHERE r.merchant_no = $1 AND r.job_id = $2
    AND NOT EXISTS (SELECT FROM job_line l WHERE l.merchant_no = $1 AND l.job_id = $3 AND l.member = r.member)
  RETURNING points
)
SELECT count(*)::int, coalesce(sum(points), 0) FROM made;
