-- name: lock_accounts
-- Sorted, so that all workers lock in one order. Adds what the batch grants; the old values show what was there before.
INSERT INTO account AS a (account_no, merchant_no, member, sequence, available, next_expiry)
SELECT (k.merchant_no::bigint << 40) | nextval('account_no'), k.merchant_no, k.member, k.entries, k.points, k.expires_us
FROM unnest($1::int[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[])
     k (merchant_no, member, entries, points, expires_us)
ORDER BY k.merchant_no, k.member
ON CONFLICT (merchant_no, member) DO UPDATE
SET sequence = a.sequence + excluded.sequence,
    available = greatest(a.available - a.debt + excluded.available, 0),
    debt = greatest(a.debt - a.available - excluded.available, 0),
    next_expiry = least(a.next_expiry, excluded.next_expiry)
RETURNING a.merchant_no, a.member, a.account_no, coalesce(old.sequence, 0), coalesce(old.available, 0), a.held,
          coalesce(old.debt, 0), coalesce(old.next_expiry, 9223372036854775807);

-- name: read_lots
SELECT l.account_no, l.expires_us, l.source, l.episode, l.points, l.remaining, l.held, l.expired
FROM lot l
WHERE l.account_no = ANY ($1::bigint[]) AND (l.remaining > 0 OR l.source = ANY ($2::bytea[]))
ORDER BY l.account_no, l.expires_us, l.source_kind, l.source, l.episode
FOR UPDATE;

-- name: write_accounts
UPDATE account a
SET sequence = k.sequence, available = k.available, held = k.held, debt = k.debt, next_expiry = k.next_expiry
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
     k (account_no, sequence, available, held, debt, next_expiry)
WHERE a.account_no = k.account_no;

-- name: add_to_lots
INSERT INTO lot AS l (account_no, expires_us, source, episode, points, remaining, held, expired)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
ON CONFLICT (account_no, expires_us, source_kind, source, episode) DO UPDATE
SET points = l.points + excluded.points, remaining = l.remaining + excluded.remaining;

-- name: write_lots
INSERT INTO lot AS l (account_no, expires_us, source, episode, points, remaining, held, expired)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
ON CONFLICT (account_no, expires_us, source_kind, source, episode) DO UPDATE
SET points = excluded.points, remaining = excluded.remaining, held = excluded.held, expired = excluded.expired;

-- name: append
-- Entries, and the lots that they make: a grant's lot is told by its entry.
WITH k AS MATERIALIZED (
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::smallint[], $5::smallint[], $6::bytea[], $7::int[],
                     $8::bytea[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::int[], $14::int[],
                     $15::bigint[], $16::bigint[], $17::text[], $18::bigint[], $19::smallint[], $21::uuid[])
     k (account_no, sequence, merchant_no, type, cause, order_id, entry_no, cause_id, points, available, held, debt,
        settings_no, episode, expires_us, lot_points, lots, occurred_us, makes_lot, event_id)
), made AS (
INSERT INTO lot (account_no, expires_us, source, episode, points, remaining)
SELECT k.account_no, k.expires_us, k.order_id, k.episode, k.points, k.lot_points FROM k WHERE k.makes_lot = 1
)
INSERT INTO ledger (account_no, sequence, merchant_no, type, cause, order_id, entry_no, cause_id, points, available, held,
                    debt, settings_no, episode, expires_us, lot_points, lots, occurred_us, recorded_us, event_id)
SELECT k.account_no, k.sequence, k.merchant_no, k.type, k.cause, k.order_id, k.entry_no, k.cause_id, k.points,
       k.available, k.held, k.debt, k.settings_no, k.episode, k.expires_us, k.lot_points, k.lots::jsonb, k.occurred_us,
       $20, k.event_id
FROM k;

-- name: claim_lapsed
SELECT merchant_no, member FROM account WHERE next_expiry <= $1 ORDER BY next_expiry LIMIT $2 FOR UPDATE SKIP LOCKED;
