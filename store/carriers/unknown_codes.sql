-- name: of_merchant
SELECT carrier, service, code FROM unknown_code WHERE merchant_no = $1;

-- name: known
SELECT DISTINCT carrier, service, code FROM unknown_code ORDER BY 1, 2, 3;

-- name: hold_epoch
-- Whoever changes codes moves the epoch first, and so waits for those who note unknown ones, or is waited for.
SELECT epoch FROM settings_epoch FOR SHARE;

-- name: hold_epoch_alone
-- Whoever looks codes up again takes rows that those who note them take in another order: one of them at a time.
SELECT epoch FROM settings_epoch FOR UPDATE;

-- name: note_codes
INSERT INTO unknown_code AS u ({counted}, first_us, last_us)
SELECT {k.counted}, $1, $1 FROM unnest({arrays counted from 2}) k ({counted})
ON CONFLICT (carrier, service, code, merchant_no)
DO UPDATE SET shown = excluded.shown, reports = u.reports + excluded.reports, last_us = greatest(u.last_us, excluded.last_us);

-- name: note_reports
INSERT INTO unknown_report ({place})
SELECT {k.place} FROM unnest({arrays place}) k ({place}) ON CONFLICT DO NOTHING;

-- name: forget_reports
DELETE FROM unknown_report u USING unnest({arrays place}) k ({place})
WHERE u.carrier = k.carrier AND u.service = k.service AND u.code = k.code AND u.kind = k.kind
  AND u.merchant_no = k.merchant_no AND u.key = k.key;
