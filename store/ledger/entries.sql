-- name: append
-- Entries, and the lots that they make: the row of a grant says all that its lot has.
WITH k AS MATERIALIZED (
SELECT * FROM unnest({arrays written}) k ({written})
), made AS (
INSERT INTO lot (account_no, expires_us, source_kind, source, episode, merchant_no, points, remaining)
SELECT k.account_no, k.expires_us, 1, k.order_id, k.episode, k.merchant_no, k.points, k.lot_points FROM k WHERE k.makes_lot
)
INSERT INTO ledger ({row})
SELECT {k.row} FROM k;

-- name: append_noted
-- The same with the notes of those entries that have one: nearly all that commands make, and none of what orders earn.
WITH k AS MATERIALIZED (
SELECT * FROM unnest({arrays noted}) k ({noted})
), made AS (
INSERT INTO lot (account_no, expires_us, source_kind, source, episode, merchant_no, points, remaining)
SELECT k.account_no, k.expires_us, 1, k.order_id, k.episode, k.merchant_no, k.points, k.lot_points FROM k WHERE k.makes_lot
), notes AS (
INSERT INTO entry_note ({note})
SELECT {k.note} FROM k WHERE k.note_hash IS NOT NULL
)
INSERT INTO ledger ({row})
SELECT {k.row} FROM k;
