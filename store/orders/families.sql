-- name: add
INSERT INTO family (merchant_no, parent_id, child_id)
SELECT * FROM unnest($1::int[], $2::bytea[], $3::bytea[]) k (m, p, c)
ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
RETURNING merchant_no, parent_id, child_id;

-- name: children
SELECT f.merchant_no, f.child_id
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, parent_id)
JOIN family f ON f.merchant_no = k.merchant_no AND f.parent_id = k.parent_id;

-- name: ancestors
-- Without a lock: a parent that is bound at the same time has its children looked at again.
SELECT o.merchant_no, o.order_id, o.settings_no, o.record
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN orders o ON o.merchant_no = k.merchant_no AND o.order_id = k.order_id
WHERE o.record IS NOT NULL;
