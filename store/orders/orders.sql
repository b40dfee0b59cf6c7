-- name: lock
SELECT {o.row}
FROM unnest({arrays key}) k ({key})
JOIN orders o ON o.merchant_no = k.merchant_no AND o.order_id = k.order_id
ORDER BY o.merchant_no, o.order_id
FOR UPDATE OF o;

-- name: insert
INSERT INTO orders ({unreported})
SELECT {k.unreported} FROM unnest({arrays unreported}) k ({unreported});

-- name: update
UPDATE orders o SET {set unreported}
FROM unnest({arrays unreported}) k ({unreported})
WHERE o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: insert_reported
INSERT INTO orders ({row})
SELECT {k.row} FROM unnest({arrays row}) k ({row});

-- name: update_reported
UPDATE orders o SET {set row}
FROM unnest({arrays row}) k ({row})
WHERE o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: update_posted
UPDATE orders o SET {set posted}
FROM unnest({arrays posted}) k ({posted})
WHERE o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: read_returns
SELECT {r.return_order}
FROM unnest({arrays key}) k ({key})
JOIN return_order r ON r.merchant_no = k.merchant_no AND r.order_id = k.order_id
ORDER BY r.merchant_no, r.order_id, r.return_id;

-- name: write_returns
INSERT INTO return_order ({return_order})
SELECT {k.return_order} FROM unnest({arrays return_order}) k ({return_order})
ON CONFLICT ({key return_order}) DO UPDATE SET {set return_order from excluded};

-- name: read_parcels
SELECT {p.parcel}
FROM unnest({arrays key}) k ({key})
JOIN parcel p ON p.merchant_no = k.merchant_no AND p.order_id = k.order_id
ORDER BY p.merchant_no, p.order_id, p.parcel_id;

-- name: write_parcels
INSERT INTO parcel ({parcel})
SELECT {k.parcel} FROM unnest({arrays parcel}) k ({parcel})
ON CONFLICT ({key parcel}) DO UPDATE SET {set parcel from excluded};

-- name: plan
INSERT INTO due ({due})
SELECT {k.due} FROM unnest({arrays due}) k ({due})
ON CONFLICT DO NOTHING;

-- name: plan_traced
INSERT INTO due ({traced})
SELECT {k.traced} FROM unnest({arrays traced}) k ({traced})
ON CONFLICT DO NOTHING;

-- name: unplan
DELETE FROM due d USING unnest({arrays due}) k ({due})
WHERE d.merchant_no = k.merchant_no AND d.due_us = k.due_us AND d.order_id = k.order_id;

-- name: forget_parcels
DELETE FROM parcel p USING unnest({arrays parcel_key}) k ({parcel_key})
WHERE p.merchant_no = k.merchant_no AND p.order_id = k.order_id AND p.parcel_id = k.parcel_id;

-- name: forget_returns
DELETE FROM return_order r USING unnest({arrays return_key}) k ({return_key})
WHERE r.merchant_no = k.merchant_no AND r.order_id = k.order_id AND r.return_id = k.return_id;
