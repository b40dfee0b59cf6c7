-- name: known
SELECT c.merchant_no, c.command_id, c.fingerprint, c.answer
FROM unnest({arrays key}) k ({key})
JOIN command c USING ({key});

-- name: remember
-- Sorted by whoever calls: two transactions that answer the same commands wait for each other, and do not block.
INSERT INTO command ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row})
ON CONFLICT DO NOTHING;

-- name: balances
SELECT a.merchant_no, a.member, a.available, a.held, a.debt, least(a.next_expiry, a.next_timeout)
FROM unnest({arrays account}) k ({account})
JOIN account a USING ({account});

-- name: known_holds
SELECT h.merchant_no, h.hold_id FROM unnest({arrays hold}) k ({hold}) JOIN hold h USING ({hold});

-- name: lock_orders
SELECT FROM unnest({arrays order}) k ({order})
JOIN orders o USING ({order})
ORDER BY o.merchant_no, o.order_id
FOR UPDATE OF o;
