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

-- name: on_orders
-- Whoever has an order locked reads what is redeemed on it: only they change it.
SELECT a.member, {r.row}
FROM unnest({arrays order}) k ({order})
JOIN redemption r USING ({order})
JOIN account a USING (account_no, merchant_no)
ORDER BY r.merchant_no, r.order_id, r.account_no, r.number;

-- name: await
INSERT INTO redemption_awaiting ({order})
SELECT {k.order} FROM unnest({arrays order}) k ({order})
WHERE NOT EXISTS (SELECT FROM orders o WHERE o.merchant_no = k.merchant_no AND o.order_id = k.order_id)
ON CONFLICT DO NOTHING;

-- name: is_any_awaited
SELECT EXISTS (SELECT FROM redemption_awaiting);

-- name: awaited
SELECT {k.order} FROM unnest({arrays order}) k ({order}) JOIN redemption_awaiting USING ({order});

-- name: met
DELETE FROM redemption_awaiting w USING unnest({arrays order}) k ({order})
WHERE w.merchant_no = k.merchant_no AND w.order_id = k.order_id;
