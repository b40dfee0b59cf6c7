-- name: write
-- An account's balances, its lots that are new or changed as they are now, and its new holds. In one statement, since for a
-- single hold a statement costs more than what it writes. None of the parts sees what the others write, nor has to.
WITH accounts AS (
UPDATE account a SET {set account}
FROM unnest({arrays account}) k ({account})
WHERE a.account_no = k.account_no AND a.merchant_no = merchant_of(k.account_no)
), lots AS (
INSERT INTO lot AS l ({lot})
SELECT * FROM unnest({arrays lot from 9}) k ({lot})
ON CONFLICT ({key lot}) DO UPDATE SET {set lot from excluded}
)
INSERT INTO hold ({hold})
SELECT {k.hold} FROM unnest({arrays hold from 19}) k ({hold});
