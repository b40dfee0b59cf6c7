-- Named SQL, not Core: a merchant's lots are one range of the primary key, and the ids are put in the order of their texts.

-- name: lapsing
-- Free points between two instants. Accounts with holds that have ended and are not posted yet are left out: what these free
-- pays debt first. The ids are packed (schemas/packing.py).
SELECT a.member, l.expires_us, sum(l.remaining - l.held)::bigint
FROM lot l JOIN account a ON a.account_no = l.account_no AND a.merchant_no = l.merchant_no
WHERE l.merchant_no = $1 AND l.account_no >= $1::bigint << 40 AND l.account_no < ($1::bigint + 1) << 40
  AND l.expires_us > $2 AND l.expires_us <= $3 AND l.remaining > l.held
  AND NOT EXISTS (SELECT FROM hold h WHERE h.account_no = l.account_no AND h.merchant_no = l.merchant_no AND h.state = 1 AND h.expires_us <= $2)
GROUP BY a.account_no, a.member, l.expires_us
ORDER BY l.expires_us,
         CASE WHEN length(a.member) = 12 THEN convert_to(encode(a.member, 'hex'), 'UTF8') ELSE ltrim(a.member, '\xff') END;

-- name: with_ended_holds
SELECT DISTINCT a.member FROM hold h JOIN account a ON a.account_no = h.account_no AND a.merchant_no = h.merchant_no
WHERE h.merchant_no = $1 AND h.state = 1 AND h.expires_us <= $2;
