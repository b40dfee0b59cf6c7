-- name: orders
-- As orders.lock, without the lock: looking must not make intake wait.
SELECT {o.row}
FROM unnest({arrays key}) k ({key})
JOIN orders o ON o.merchant_no = k.merchant_no AND o.order_id = k.order_id;
