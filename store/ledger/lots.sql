-- No statement here locks: the lots of an account belong to whoever has its row locked.

-- name: read
-- What an account is opened with. Part 1: the lots named ($1-$6), whatever is left of them. Part 2: all that have lapsed
-- by $10. Part 3: the first free ones behind those, in the order in which they are spent. No free lot of an account expires
-- before its next_expiry, so that what was spent long ago is not walked over.
SELECT 1::smallint, {l.row}
FROM unnest({arrays key}) k ({key})
JOIN lot l USING ({key})
UNION ALL
SELECT 2, {l.row}
FROM unnest({arrays head from 7}) a ({head})
JOIN lot l ON l.account_no = a.account_no AND l.merchant_no = merchant_of(a.account_no) AND l.expires_us >= a.next_expiry AND l.expires_us <= $10
WHERE l.remaining > l.held
UNION ALL
SELECT 3, {l.row}
FROM unnest({arrays head from 7}) a ({head})
CROSS JOIN LATERAL (
SELECT * FROM lot x
WHERE x.account_no = a.account_no AND x.merchant_no = merchant_of(a.account_no) AND x.expires_us >= a.next_expiry AND x.expires_us > $10 AND x.remaining > x.held
ORDER BY {x.key}
LIMIT a.lots) l;

-- name: read_free
-- The third part alone, where no lot is named and none has lapsed: as good as every hold.
SELECT 3::smallint, {l.row}
FROM unnest({arrays head}) a ({head})
CROSS JOIN LATERAL (
SELECT * FROM lot x
WHERE x.account_no = a.account_no AND x.merchant_no = merchant_of(a.account_no) AND x.expires_us >= a.next_expiry AND x.remaining > x.held
ORDER BY {x.key}
LIMIT a.lots) l;

-- name: read_ahead
-- The same of accounts that the statement before has locked, together with which it is sent.
SELECT 3::smallint, {l.row}
FROM unnest({arrays account}) k ({account})
JOIN account a USING ({account})
CROSS JOIN LATERAL (
SELECT * FROM lot x
WHERE x.account_no = a.account_no AND x.merchant_no = a.merchant_no AND x.expires_us >= a.next_expiry AND x.remaining > x.held
ORDER BY {x.key}
LIMIT $3) l;

-- name: read_more
-- The next free ones behind a lot.
SELECT 3::smallint, {l.row}
FROM unnest({arrays key}) k ({key})
CROSS JOIN LATERAL (
SELECT * FROM lot x
WHERE x.account_no = k.account_no AND x.merchant_no = k.merchant_no AND ({x.key}) > ({k.key}) AND x.remaining > x.held
ORDER BY {x.key}
LIMIT $7) l;

-- name: add
-- Of accounts whose lots were not read: grants are added to what may be there.
INSERT INTO lot AS l ({written})
SELECT * FROM unnest({arrays written}) k ({written})
ON CONFLICT ({key}) DO UPDATE
SET points = l.points + excluded.points, remaining = l.remaining + excluded.remaining;
