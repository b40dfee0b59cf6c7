-- name: add
INSERT INTO application_event (merchant_no, at_us, installed)
SELECT k.m, k.a, k.i <> 0 FROM unnest($1::int[], $2::bigint[], $3::smallint[]) k (m, a, i)
ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
RETURNING merchant_no, at_us, installed;

-- name: all
SELECT merchant_no, at_us, installed FROM application_event ORDER BY merchant_no, at_us, installed;
