-- name: behind
SELECT account_no FROM account WHERE account_no > $1 ORDER BY account_no LIMIT $2;

-- name: whose
SELECT m.merchant_id, a.member FROM account a JOIN merchant m ON m.merchant_no = a.merchant_no
WHERE a.account_no = ANY ($1::bigint[]) ORDER BY a.account_no;

-- name: broken
-- One statement, so that all of an account is seen in one snapshot.
SELECT a.account_no,
       a.available + a.held <> coalesce((SELECT sum(l.remaining) FROM lot l
                                              WHERE l.merchant_no = a.merchant_no AND l.account_no = a.account_no), 0)
       OR NOT coalesce((SELECT (e.available, e.held, e.debt) = (a.available, a.held, a.debt) FROM ledger e
                        WHERE e.merchant_no = a.merchant_no AND e.account_no = a.account_no
                          AND e.sequence = a.sequence), a.sequence = 0),
       a.held <> coalesce((SELECT sum(h.points) FROM hold h
                             WHERE h.merchant_no = a.merchant_no AND h.account_no = a.account_no AND h.state = 1), 0)
FROM account a WHERE a.account_no = ANY ($1::bigint[]);
