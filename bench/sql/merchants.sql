-- So many merchants with the first one's settings, each with an event of its app, a tier of its own, an account with a lot
-- that lapses some day and a plan for a day to come; and five records in quarantine for each.
INSERT INTO merchant (merchant_id)
SELECT lpad(to_hex(n), 24, '0') FROM generate_series(1, %(merchants)s) n ON CONFLICT DO NOTHING;

INSERT INTO settings (merchant_no, version, effective_us, document, digest, applied_us, applied_by)
SELECT m.merchant_no, s.version, s.effective_us, s.document, s.digest, s.applied_us, s.applied_by
FROM merchant m CROSS JOIN settings s ON CONFLICT DO NOTHING;

INSERT INTO application_event (merchant_no, at_us, installed) SELECT merchant_no, 0, true FROM merchant;

INSERT INTO word (word) SELECT 'tier of ' || merchant_id FROM merchant;

INSERT INTO account (account_no, merchant_no, member, sequence, available, next_expiry)
SELECT (merchant_no::bigint << 40) | nextval('account_no'), merchant_no, '\x00', 1, 100, points_now() + 31536000000000
FROM merchant;

INSERT INTO due (merchant_no, due_us, order_id)
SELECT merchant_no, points_now() + 86400000000, substr(sha256(int4send(merchant_no)), 1, 12) FROM merchant;

INSERT INTO quarantine (pipeline, topic, topic_uuid, partition, "offset", value, timestamp_us, reason, message,
                        partition_position, received_us)
SELECT 'intake', 'elsewhere', 'elsewhere', 0, n, sha256(int4send(n)), 0, 'bad_json', 'not JSON', n, points_now()
FROM generate_series(1, 5 * %(merchants)s) n;
