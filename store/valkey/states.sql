-- Each statement is one snapshot: an account is seen with the lots and holds that belong to its sequence.

-- name: of_members
-- Some members; nothing for one without an account.
SELECT m.merchant_id, {state}
FROM unnest({arrays member}) k ({member})
JOIN merchant m USING (merchant_id)
JOIN account a ON a.merchant_no = m.merchant_no AND a.member = k.member
{parts};

-- name: page
-- The next accounts of a range of numbers ($1 exclusive, $2 inclusive).
SELECT m.merchant_id, {state}
FROM (SELECT * FROM account p WHERE p.account_no > $1 AND p.account_no <= $2 ORDER BY p.account_no LIMIT $3) a
JOIN merchant m USING (merchant_no)
{parts}
ORDER BY a.account_no;

-- name: sequences
SELECT m.merchant_id, a.member, a.sequence
FROM unnest({arrays member}) k ({member})
JOIN merchant m USING (merchant_id)
JOIN account a ON a.merchant_no = m.merchant_no AND a.member = k.member;

-- name: count
SELECT count(*) FROM account WHERE account_no > $1 AND account_no <= $2;
