-- name: known
-- Commands that were answered, and hold ids that are used up: without a fingerprint. What another transaction adds
-- meanwhile is found when the rows are written.
SELECT c.merchant_no, c.command_id, c.fingerprint, c.answer
FROM unnest({arrays key}) k ({key})
JOIN command c USING ({key})
UNION ALL
SELECT h.merchant_no, h.hold_id, NULL, NULL
FROM unnest({arrays hold from 3}) k ({hold})
JOIN hold h USING ({hold});

-- name: remember
-- Sorted by whoever calls: two transactions that answer the same commands wait for each other, and do not block.
INSERT INTO command ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row});

-- name: balances
SELECT a.merchant_no, a.member, a.available, a.held, a.debt, least(a.next_expiry, a.next_timeout)
FROM unnest({arrays account}) k ({account})
JOIN account a USING ({account});

-- name: lock_orders
SELECT FROM unnest({arrays order}) k ({order})
JOIN orders o USING ({order})
ORDER BY o.merchant_no, o.order_id
FOR UPDATE OF o;
