-- name: begin
-- Sorted by whoever calls, as all that locks several rows.
INSERT INTO job ({job})
SELECT {k.job} FROM unnest({arrays job}) k ({job})
ON CONFLICT DO NOTHING;

-- name: lock
SELECT j.merchant_no, j.job_id, j.terms
FROM unnest({arrays key}) k ({key})
JOIN job j USING ({key})
ORDER BY j.merchant_no, j.job_id
FOR UPDATE OF j;

-- name: given
SELECT r.merchant_no, r.job_id, r.member, r.sequence
FROM unnest({arrays member}) k ({member})
JOIN job_row r USING ({member});

-- name: give
INSERT INTO job_row ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row});
