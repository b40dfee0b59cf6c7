-- name: add_merchants
INSERT INTO merchant (merchant_id)
SELECT k.merchant_id FROM unnest($1::text[]) k (merchant_id) ORDER BY k.merchant_id ON CONFLICT DO NOTHING;

-- name: epoch
SELECT epoch FROM settings_epoch;

-- name: lock_cursors
-- In the order in which batches lock theirs.
SELECT FROM cursor WHERE pipeline = 'intake' ORDER BY topic_uuid, partition FOR SHARE;

-- name: next_epoch
UPDATE settings_epoch SET epoch = epoch + 1;

-- name: latest
SELECT version, effective_us, document FROM settings WHERE merchant_no = $1 ORDER BY version DESC LIMIT 1;

-- name: in_force
SELECT version, effective_us, document FROM settings
WHERE merchant_no = $1 AND effective_us <= points_now() ORDER BY version DESC LIMIT 1;

-- name: apply
INSERT INTO settings (merchant_no, version, effective_us, document, digest, applied_us, applied_by)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7);

-- name: log
SELECT version, effective_us, document, applied_us, applied_by FROM settings JOIN merchant USING (merchant_no) WHERE merchant_id = $1 ORDER BY version;

-- name: merchant_now
SELECT merchant_no, points_now() FROM merchant WHERE merchant_id = $1;

-- name: now
SELECT points_now();
