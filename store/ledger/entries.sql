-- name: append
-- Entries, and the lots that they make: the row of a grant says all that its lot has.
WITH k AS MATERIALIZED (
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::smallint[], $5::smallint[], $6::bytea[], $7::int[],
                     $8::bytea[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::int[],
                     $15::int[], $16::bigint[], $17::bigint[], $18::text[], $19::bytea[], $20::bytea[], $21::bigint[],
                     $22::uuid[], $23::smallint[])
     k (account_no, sequence, merchant_no, type, cause, order_id, entry_no, cause_id, points, held_points, available,
        held, debt, settings_no, episode, expires_us, lot_points, lots, hold_id, note_hash, occurred_us, event_id,
        makes_lot)
), made AS (
INSERT INTO lot (account_no, expires_us, source_kind, source, episode, points, remaining)
SELECT k.account_no, k.expires_us, 1, k.order_id, k.episode, k.points, k.lot_points FROM k WHERE k.makes_lot = 1
)
INSERT INTO ledger (account_no, sequence, merchant_no, type, cause, order_id, entry_no, cause_id, points, held_points,
                    available, held, debt, settings_no, episode, expires_us, lot_points, lots, hold_id, note_hash,
                    occurred_us, event_id, recorded_us)
SELECT k.account_no, k.sequence, k.merchant_no, k.type, k.cause, k.order_id, k.entry_no, k.cause_id, k.points,
       k.held_points, k.available, k.held, k.debt, k.settings_no, k.episode, k.expires_us, k.lot_points, k.lots::jsonb,
       k.hold_id, k.note_hash, k.occurred_us, k.event_id, $24
FROM k;

-- name: add_notes
INSERT INTO entry_note (account_no, sequence, reason, performer_kind, performer_id)
SELECT k.account_no, k.sequence, k.reason, k.performer_kind, k.performer_id
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::smallint[], $5::text[])
     k (account_no, sequence, reason, performer_kind, performer_id);
