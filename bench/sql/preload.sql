-- So many ledger entries of an earlier life, four a member, for merchant %(merchant)s: what a shop has after years.
-- Ids are spread like random ones and end in four zero bytes, by which the audit tells them from the run's own.
DROP TABLE IF EXISTS earlier, made;
CREATE TEMPORARY TABLE made AS
SELECT (m.merchant_no::bigint << 40) | nextval('account_no') AS account_no, m.merchant_no,
       substr(sha256(int8send(i)), 1, 8) || '\x00000000'::bytea AS member
FROM generate_series(%(first)s / 4 + 1, (%(first)s + %(entries)s) / 4) i, merchant m WHERE m.merchant_id = %(merchant)s;

INSERT INTO account (account_no, merchant_no, member, sequence, available, next_expiry)
SELECT account_no, merchant_no, member, 4, 400, points_now() + 31536000000000 FROM made;

CREATE TEMPORARY TABLE earlier AS
SELECT a.account_no, a.merchant_no, a.member, n AS sequence,
       substr(sha256(a.member || int4send(n)), 1, 8) || '\x00000000'::bytea AS order_id
FROM made a, generate_series(1, 4) n;

INSERT INTO ledger (account_no, sequence, merchant_no, type, cause, order_id, entry_no, points, available, held, debt,
                    settings_no, episode, expires_us, lot_points, occurred_us, recorded_us, event_id)
SELECT account_no, sequence, merchant_no, 1, 1, order_id, 1, 100, 100 * sequence, 0, 0,
       1, 1, points_now() + 31536000000000, 100, points_now(), points_now(), gen_random_uuid()
FROM earlier;

INSERT INTO lot (account_no, merchant_no, expires_us, source, episode, points, remaining)
SELECT account_no, merchant_no, points_now() + 31536000000000, order_id, 1, 100, 100 FROM earlier;

-- Orders. Their packed facts are filler of the usual width: nothing reads these orders again.
INSERT INTO orders (merchant_no, order_id, settings_no, flags, member, record, parcel, planned, posted)
SELECT merchant_no, order_id, 1, 0, member, sha256(order_id) || sha256(member), sha256(order_id), 0, sha256(order_id)
FROM earlier;
