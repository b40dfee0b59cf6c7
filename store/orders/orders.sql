-- name: lock
SELECT o.merchant_no, o.order_id, o.settings_no, o.flags, o.member, o.record, o.record_trail, o.parcel, o.parcel_trail,
       o.due_us, o.planned, o.posted, o.reports
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN orders o ON o.merchant_no = k.merchant_no AND o.order_id = k.order_id
ORDER BY o.merchant_no, o.order_id
FOR UPDATE OF o;

-- name: insert
INSERT INTO orders (merchant_no, order_id, settings_no, flags, member, record, record_trail, parcel, parcel_trail,
                    due_us, planned, posted)
SELECT * FROM unnest($1::int[], $2::bytea[], $3::int[], $4::int[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[],
                     $9::bytea[], $10::bigint[], $11::bigint[], $12::bytea[])
ON CONFLICT DO NOTHING;

-- name: update
UPDATE orders o
SET settings_no = k.settings_no, flags = k.flags, member = k.member, record = k.record, record_trail = k.record_trail,
    parcel = k.parcel, parcel_trail = k.parcel_trail, due_us = k.due_us, planned = k.planned, posted = k.posted
FROM unnest($1::int[], $2::bytea[], $3::int[], $4::int[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[],
            $9::bytea[], $10::bigint[], $11::bigint[], $12::bytea[])
     k (merchant_no, order_id, settings_no, flags, member, record, record_trail, parcel, parcel_trail, due_us, planned,
        posted)
WHERE o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: insert_reported
INSERT INTO orders (merchant_no, order_id, settings_no, flags, member, record, record_trail, parcel, parcel_trail,
                    due_us, planned, posted, reports)
SELECT * FROM unnest($1::int[], $2::bytea[], $3::int[], $4::int[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[],
                     $9::bytea[], $10::bigint[], $11::bigint[], $12::bytea[], $13::bytea[])
ON CONFLICT DO NOTHING;

-- name: update_reported
UPDATE orders o
SET settings_no = k.settings_no, flags = k.flags, member = k.member, record = k.record, record_trail = k.record_trail,
    parcel = k.parcel, parcel_trail = k.parcel_trail, due_us = k.due_us, planned = k.planned, posted = k.posted,
    reports = k.reports
FROM unnest($1::int[], $2::bytea[], $3::int[], $4::int[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[],
            $9::bytea[], $10::bigint[], $11::bigint[], $12::bytea[], $13::bytea[])
     k (merchant_no, order_id, settings_no, flags, member, record, record_trail, parcel, parcel_trail, due_us, planned,
        posted, reports)
WHERE o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: update_posted
UPDATE orders o
SET settings_no = k.settings_no, flags = k.flags, due_us = k.due_us, planned = k.planned, posted = k.posted
FROM unnest($1::int[], $2::bytea[], $3::int[], $4::int[], $5::bigint[], $6::bigint[], $7::bytea[])
     k (merchant_no, order_id, settings_no, flags, due_us, planned, posted)
WHERE o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: read_returns
SELECT r.merchant_no, r.order_id, r.return_id, r.version, r.status_no, r.total, r.trail
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN return_order r ON r.merchant_no = k.merchant_no AND r.order_id = k.order_id
ORDER BY r.merchant_no, r.order_id, r.return_id;

-- name: write_returns
INSERT INTO return_order (merchant_no, order_id, return_id, version, status_no, total, trail)
SELECT * FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::bytea[], $5::int[], $6::bigint[], $7::bytea[])
ON CONFLICT (merchant_no, order_id, return_id) DO UPDATE
SET version = excluded.version, status_no = excluded.status_no, total = excluded.total, trail = excluded.trail;

-- name: read_parcels
SELECT p.merchant_no, p.order_id, p.flags, p.parcel, p.trail
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN parcel p ON p.merchant_no = k.merchant_no AND p.order_id = k.order_id
ORDER BY p.merchant_no, p.order_id, p.parcel_id;

-- name: write_parcels
INSERT INTO parcel (merchant_no, order_id, parcel_id, flags, parcel, trail)
SELECT * FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::int[], $5::bytea[], $6::bytea[])
ON CONFLICT (merchant_no, order_id, parcel_id) DO UPDATE
SET flags = excluded.flags, parcel = excluded.parcel, trail = excluded.trail;

-- name: plan
INSERT INTO due (merchant_no, due_us, order_id)
SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[]) ON CONFLICT DO NOTHING;

-- name: unplan
DELETE FROM due d USING unnest($1::int[], $2::bigint[], $3::bytea[]) k (m, d, o)
WHERE d.merchant_no = k.m AND d.due_us = k.d AND d.order_id = k.o;
