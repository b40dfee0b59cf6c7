-- No statement here locks: the holds of an account belong to whoever has its row locked.

-- name: read
-- Those named, whichever member's. Of accounts the live ones that have ended by $5, and the next ones to end.
SELECT {h.row}
FROM unnest({arrays key}) k ({key})
JOIN hold h USING ({key})
UNION ALL
SELECT {h.row}
FROM unnest({arrays head from 3}) a ({head})
CROSS JOIN LATERAL (
(SELECT * FROM hold x WHERE x.account_no = a.account_no AND x.merchant_no = merchant_of(a.account_no) AND x.state = 1 AND x.expires_us <= $5)
UNION ALL
(SELECT * FROM hold x WHERE x.account_no = a.account_no AND x.merchant_no = merchant_of(a.account_no) AND x.state = 1 AND x.expires_us > $5
ORDER BY x.expires_us LIMIT a.holds)) h;

-- name: end
UPDATE hold h SET {set ended}
FROM unnest({arrays ended}) k ({ended})
WHERE h.merchant_no = k.merchant_no AND h.hold_id = k.hold_id;
