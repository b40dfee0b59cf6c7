-- Who does not want to hear.

-- name: of_members
SELECT o.merchant_no, o.member_id, o.channel, o.kind
FROM unnest({arrays member}) k ({member})
JOIN optout o ON o.merchant_no = k.merchant_no AND o.member_id = k.member_id;

-- name: of_member
SELECT {row} FROM optout WHERE merchant_no = $1 AND member_id = $2 ORDER BY channel, kind;

-- name: add
INSERT INTO optout ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row})
ORDER BY k.merchant_no, k.member_id, k.channel, k.kind
ON CONFLICT ({key row}) DO UPDATE SET {set row from excluded}
WHERE optout.source = 'bounce' AND excluded.source <> 'bounce'
RETURNING merchant_no, member_id, channel, kind;

-- name: remove
DELETE FROM optout WHERE merchant_no = $1 AND member_id = $2 AND channel = $3 AND kind = $4;

-- name: end_bounces
DELETE FROM optout o USING unnest({arrays member from 2}) k ({member})
WHERE o.merchant_no = k.merchant_no AND o.member_id = k.member_id AND o.channel = $1 AND o.source = 'bounce';
