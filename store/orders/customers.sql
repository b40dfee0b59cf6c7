-- name: lock
SELECT c.merchant_no, c.member, c.version, c.registered_us, c.is_member
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, member)
JOIN customer c ON c.merchant_no = k.merchant_no AND c.member = k.member
ORDER BY c.merchant_no, c.member
FOR UPDATE OF c;

-- name: insert
INSERT INTO customer (merchant_no, member, version, registered_us, is_member)
SELECT k.m, k.c, k.v, k.r, k.i <> 0
FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::bigint[], $5::smallint[]) k (m, c, v, r, i)
ORDER BY 1, 2 ON CONFLICT DO NOTHING;

-- name: update
UPDATE customer c SET version = k.v, registered_us = k.r, is_member = k.i <> 0
FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::bigint[], $5::smallint[]) k (m, c, v, r, i)
WHERE c.merchant_no = k.m AND c.member = k.c;

-- name: buyers
-- Only of those of whom something is known that can matter.
SELECT c.merchant_no, c.member, c.is_member, c.registered_us
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, member)
JOIN customer c ON c.merchant_no = k.merchant_no AND c.member = k.member
WHERE c.registered_us IS NOT NULL OR NOT c.is_member;
