-- Shops as the lane knows them, and the versions of their points settings.

-- name: learn
INSERT INTO shop (merchant_id)
SELECT k.merchant_id FROM unnest($1::text[]) k (merchant_id) ORDER BY k.merchant_id ON CONFLICT DO NOTHING;

-- name: numbers
SELECT merchant_id, merchant_no FROM shop WHERE merchant_id = ANY ($1::text[]);

-- name: add_version
INSERT INTO shop_settings (merchant_no, version, effective_us, timezone, languages, enabled, entitled)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING merchant_no, version;

-- name: next_epoch
UPDATE settings_epoch SET epoch = epoch + 1;

-- name: heard_of
-- Shops whose settings are known and of which nothing is parked.
SELECT s.merchant_id, s.merchant_no FROM shop s
WHERE s.merchant_id = ANY ($1::text[])
  AND EXISTS (SELECT FROM shop_settings t WHERE t.merchant_no = s.merchant_no)
  AND NOT EXISTS (SELECT FROM parked_event p WHERE p.merchant_id = s.merchant_id);

-- name: page
SELECT merchant_no FROM shop WHERE merchant_no > $1 ORDER BY merchant_no LIMIT $2;
