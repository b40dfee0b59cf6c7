-- No statement here locks: the redemptions on an account belong to whoever has its row locked.

-- name: read
SELECT {r.row}
FROM unnest({arrays wanted}) k ({wanted})
JOIN redemption r USING ({wanted})
ORDER BY r.account_no, r.order_id, r.number;

-- name: write
INSERT INTO redemption AS r ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row})
ON CONFLICT ({key}) DO UPDATE SET {set row from excluded};
