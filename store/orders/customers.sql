-- name: lock
SELECT {c.row}
FROM unnest({arrays key}) k ({key})
JOIN customer c ON c.merchant_no = k.merchant_no AND c.member = k.member
ORDER BY c.merchant_no, c.member
FOR UPDATE OF c;

-- name: insert
INSERT INTO customer ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row})
ORDER BY k.merchant_no, k.member ON CONFLICT DO NOTHING;

-- name: update
UPDATE customer c SET {set row}
FROM unnest({arrays row}) k ({row})
WHERE c.merchant_no = k.merchant_no AND c.member = k.member;

-- name: buyers
SELECT c.merchant_no, c.member, c.timeline
FROM unnest({arrays key}) k ({key})
JOIN customer c ON c.merchant_no = k.merchant_no AND c.member = k.member;
