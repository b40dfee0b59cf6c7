-- name: add
INSERT INTO family ({kin})
SELECT {k.kin} FROM unnest({arrays kin}) k ({kin})
ORDER BY {k.kin} ON CONFLICT DO NOTHING
RETURNING {kin};

-- name: parents
-- Always one by one: where one has most of the table's children, statistics say that each has many, and the whole table
-- would be compared with each.
SELECT k.merchant_no, k.parent_id
FROM unnest({arrays parent}) k ({parent})
CROSS JOIN LATERAL (
  SELECT FROM family c WHERE c.merchant_no = k.merchant_no AND c.parent_id = k.parent_id LIMIT 1) f;

-- name: children
SELECT child_id FROM family WHERE merchant_no = $1 AND parent_id = $2 AND child_id > $3 ORDER BY child_id LIMIT $4;

-- name: ancestors
-- Without a lock: an order whose creation changes at the same time has its descendants looked at again.
SELECT o.merchant_no, o.order_id, o.record, o.origin
FROM unnest({arrays order}) k ({order})
JOIN orders o ON o.merchant_no = k.merchant_no AND o.order_id = k.order_id
WHERE o.record IS NOT NULL;

-- name: words
SELECT no, word FROM word WHERE no = ANY ($1::int[]);
