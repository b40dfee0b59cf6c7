-- name: all
SELECT carrier, service, code FROM unknown_code;

-- name: hold_epoch
-- Whoever changes codes moves the epoch first, and so waits for those who note unknown ones, or is waited for.
SELECT epoch FROM settings_epoch FOR SHARE;

-- name: note_codes
INSERT INTO unknown_code AS u (carrier, service, code, shown, reports, first_us, last_us)
SELECT k.*, $6, $6 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) k
ON CONFLICT (carrier, service, code)
DO UPDATE SET shown = excluded.shown, reports = u.reports + excluded.reports, last_us = greatest(u.last_us, excluded.last_us);

-- name: note_reports
INSERT INTO unknown_report (carrier, service, code, merchant_no, key)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bytea[]) ON CONFLICT DO NOTHING;

-- name: forget_reports
DELETE FROM unknown_report u USING unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) k (carrier, service, code, key)
WHERE u.carrier = k.carrier AND u.service = k.service AND u.code = k.code AND u.merchant_no = 0 AND u.key = k.key;
