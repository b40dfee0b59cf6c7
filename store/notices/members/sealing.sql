-- Members' keys, wrapped; locked in the order of the primary key.

-- name: read
SELECT k.merchant_no, k.member_id, m.wrapped, m.kek_id
FROM unnest({arrays key}) k ({key})
JOIN notices_keys.member_key m ON m.merchant_no = k.merchant_no AND m.member_id = k.member_id;

-- name: lock
SELECT k.merchant_no, k.member_id, m.wrapped, m.kek_id
FROM unnest({arrays key}) k ({key})
JOIN notices_keys.member_key m ON m.merchant_no = k.merchant_no AND m.member_id = k.member_id
ORDER BY m.merchant_no, m.member_id
FOR NO KEY UPDATE OF m;

-- name: create
INSERT INTO notices_keys.member_key ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row})
ORDER BY k.merchant_no, k.member_id
ON CONFLICT DO NOTHING RETURNING merchant_no, member_id;

-- name: destroy
DELETE FROM notices_keys.member_key m
USING unnest({arrays key}) k ({key})
WHERE m.merchant_no = k.merchant_no AND m.member_id = k.member_id;

-- name: next_keys
SELECT merchant_no, member_id, wrapped, kek_id FROM notices_keys.member_key
WHERE (merchant_no, member_id) > ($1::int, $2::text)
ORDER BY merchant_no, member_id LIMIT $3
FOR NO KEY UPDATE;

-- name: rewrap
UPDATE notices_keys.member_key m SET wrapped = k.wrapped, kek_id = k.kek_id
FROM unnest({arrays row}) k ({row})
WHERE m.merchant_no = k.merchant_no AND m.member_id = k.member_id;

-- name: wrapped_under
SELECT kek_id, count(*) FROM notices_keys.member_key GROUP BY kek_id ORDER BY kek_id;
