-- So many lots of merchant %(merchant)s, one a member, that lapse at one instant.
CREATE TEMPORARY TABLE made AS
SELECT (m.merchant_no::bigint << 40) | nextval('account_no') AS account_no, m.merchant_no,
       substr(sha256(int8send(i)), 1, 8) || '\x00000000'::bytea AS member
FROM generate_series(1, %(lots)s) i, merchant m WHERE m.merchant_id = %(merchant)s;

INSERT INTO account (account_no, merchant_no, member, sequence, available, next_expiry)
SELECT account_no, merchant_no, member, 1, 100, %(at)s FROM made;

INSERT INTO ledger (account_no, sequence, merchant_no, type, cause, order_id, entry_no, points, available, held, debt,
                    settings_no, episode, expires_us, lot_points, occurred_us, recorded_us, event_id)
SELECT account_no, 1, merchant_no, 1, 1, member, 2, 100, 100, 0, 0, 1, 1, %(at)s, 100, points_now(), points_now(),
       gen_random_uuid()
FROM made;

INSERT INTO lot (account_no, merchant_no, expires_us, source, episode, points, remaining)
SELECT account_no, merchant_no, %(at)s, member, 1, 100, 100 FROM made;

DROP TABLE made;
