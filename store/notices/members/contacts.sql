-- How members are reached. Who writes a contact has the member's key locked (sealing.sql).

-- name: read
SELECT {c.read}
FROM unnest({arrays key}) k ({key})
JOIN contact c ON c.merchant_no = k.merchant_no AND c.member_id = k.member_id;

-- name: write
INSERT INTO contact ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row})
ORDER BY k.merchant_no, k.member_id
ON CONFLICT ({key row}) DO UPDATE SET {set row from excluded};
