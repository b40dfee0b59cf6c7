-- name: lock
SELECT o.merchant_no, o.order_id, o.created_us, o.settings_no, o.member, o.version, o.status_no, o.created_by_no,
       o.kind_no, o.currency_no, o.tier_no, o.tier_version, o.flags, o.subtotal, o.order_discount, o.custom_discount,
       o.points_to_cash, o.user_credit, o.completed_us, o.order_trail, o.parcel, o.parcel_version, o.parcel_status_no,
       o.option_no, o.arrived_us, o.collected_us, o.returned_us, o.parcel_trail, o.due_us, o.planned, o.episode,
       o.entries, o.posted, o.posted_returned, o.holder, o.account_no, o.final_us, o.granted_due_us, o.expires_us
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN orders o USING (merchant_no, order_id)
ORDER BY o.merchant_no, o.order_id
FOR UPDATE OF o;

-- name: insert
INSERT INTO orders
SELECT * FROM unnest($1::int[], $2::bytea[], $3::bigint[], $4::int[], $5::bytea[], $6::bytea[], $7::int[], $8::int[],
                     $9::int[], $10::int[], $11::int[], $12::bytea[], $13::int[], $14::bigint[], $15::bigint[],
                     $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bytea[], $21::bytea[],
                     $22::bytea[], $23::int[], $24::int[], $25::bigint[], $26::bigint[], $27::bigint[], $28::bytea[],
                     $29::bigint[], $30::bigint[], $31::int[], $32::int[], $33::bigint[], $34::bigint[], $35::bytea[],
                     $36::bigint[], $37::bigint[], $38::bigint[], $39::bigint[])
ON CONFLICT DO NOTHING;

-- name: update
UPDATE orders o
SET (created_us, settings_no, member, version, status_no, created_by_no, kind_no, currency_no, tier_no, tier_version,
     flags, subtotal, order_discount, custom_discount, points_to_cash, user_credit, completed_us, order_trail, parcel,
     parcel_version, parcel_status_no, option_no, arrived_us, collected_us, returned_us, parcel_trail, due_us, planned,
     episode, entries, posted, posted_returned, holder, account_no, final_us, granted_due_us, expires_us)
  = (k.c3, k.c4, k.c5, k.c6, k.c7, k.c8, k.c9, k.c10, k.c11, k.c12, k.c13, k.c14, k.c15, k.c16, k.c17, k.c18, k.c19,
     k.c20, k.c21, k.c22, k.c23, k.c24, k.c25, k.c26, k.c27, k.c28, k.c29, k.c30, k.c31, k.c32, k.c33, k.c34, k.c35,
     k.c36, k.c37, k.c38, k.c39)
FROM unnest($1::int[], $2::bytea[], $3::bigint[], $4::int[], $5::bytea[], $6::bytea[], $7::int[], $8::int[], $9::int[],
            $10::int[], $11::int[], $12::bytea[], $13::int[], $14::bigint[], $15::bigint[], $16::bigint[],
            $17::bigint[], $18::bigint[], $19::bigint[], $20::bytea[], $21::bytea[], $22::bytea[], $23::int[],
            $24::int[], $25::bigint[], $26::bigint[], $27::bigint[], $28::bytea[], $29::bigint[], $30::bigint[],
            $31::int[], $32::int[], $33::bigint[], $34::bigint[], $35::bytea[], $36::bigint[], $37::bigint[],
            $38::bigint[], $39::bigint[])
     k (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22, c23, c24,
        c25, c26, c27, c28, c29, c30, c31, c32, c33, c34, c35, c36, c37, c38, c39)
WHERE o.merchant_no = k.c1 AND o.order_id = k.c2;

-- name: update_posted
UPDATE orders o
SET flags = k.flags, due_us = k.due_us, planned = k.planned, episode = k.episode, entries = k.entries,
    posted = k.posted, posted_returned = k.posted_returned, holder = k.holder, account_no = k.account_no,
    final_us = k.final_us, granted_due_us = k.granted_due_us, expires_us = k.expires_us
FROM unnest($1::int[], $2::bytea[], $3::int[], $4::bigint[], $5::bigint[], $6::int[], $7::int[], $8::bigint[],
            $9::bigint[], $10::bytea[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
     k (merchant_no, order_id, flags, due_us, planned, episode, entries, posted, posted_returned, holder, account_no,
        final_us, granted_due_us, expires_us)
WHERE o.merchant_no = k.merchant_no AND o.order_id = k.order_id;

-- name: read_returns
SELECT r.merchant_no, r.order_id, r.return_id, r.version, r.status_no, r.total, r.trail
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN return_order r USING (merchant_no, order_id)
ORDER BY r.merchant_no, r.order_id, r.return_id;

-- name: write_returns
INSERT INTO return_order
SELECT * FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::bytea[], $5::int[], $6::bigint[], $7::bytea[])
ON CONFLICT (merchant_no, order_id, return_id) DO UPDATE
SET version = excluded.version, status_no = excluded.status_no, total = excluded.total, trail = excluded.trail;

-- name: read_parcels
SELECT p.merchant_no, p.order_id, p.parcel, p.version, p.status_no, p.option_no, p.flags, p.arrived_us, p.collected_us,
       p.returned_us, p.trail
FROM unnest($1::int[], $2::bytea[]) k (merchant_no, order_id)
JOIN parcel p USING (merchant_no, order_id)
ORDER BY p.merchant_no, p.order_id, p.parcel;

-- name: write_parcels
INSERT INTO parcel
SELECT * FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::bytea[], $5::int[], $6::int[], $7::int[], $8::bigint[],
                     $9::bigint[], $10::bigint[], $11::bytea[])
ON CONFLICT (merchant_no, order_id, parcel) DO UPDATE
SET version = excluded.version, status_no = excluded.status_no, option_no = excluded.option_no,
    flags = excluded.flags, arrived_us = excluded.arrived_us, collected_us = excluded.collected_us,
    returned_us = excluded.returned_us, trail = excluded.trail;

-- name: plan
INSERT INTO due SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[]) ON CONFLICT DO NOTHING;

-- name: unplan
DELETE FROM due d USING unnest($1::int[], $2::bigint[], $3::bytea[]) k (m, d, o)
WHERE d.merchant_no = k.m AND d.due_us = k.d AND d.order_id = k.o;
