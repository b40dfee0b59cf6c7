-- A shop's notice settings, every version.

-- name: latest
SELECT n.version, n.document FROM notice_settings n WHERE n.merchant_no = $1 ORDER BY n.version DESC LIMIT 1;

-- name: apply
INSERT INTO notice_settings (merchant_no, version, document, digest, applied_us, applied_by)
VALUES ($1, $2, $3::jsonb, $4, points_now(), $5) RETURNING applied_us;

-- name: number
SELECT merchant_no, EXISTS (SELECT FROM shop_settings t WHERE t.merchant_no = s.merchant_no) FROM shop s WHERE merchant_id = $1;

-- name: learn
INSERT INTO shop (merchant_id) VALUES ($1) ON CONFLICT DO NOTHING;

-- name: next_epoch
UPDATE settings_epoch SET epoch = epoch + 1;

-- name: log
SELECT n.version, n.document, encode(n.digest, 'hex'), n.applied_us, n.applied_by
FROM notice_settings n JOIN shop s USING (merchant_no) WHERE s.merchant_id = $1 ORDER BY n.version;

-- name: in_force
-- The version that has taken effect last; before the first one does, that first one, as not enabled.
WITH clock AS MATERIALIZED (SELECT points_now() AS now_us)
SELECT s.merchant_no, s.merchant_id, t.timezone, t.languages, t.enabled AND t.effective_us <= c.now_us, t.entitled,
       (SELECT min(f.effective_us) FROM shop_settings f WHERE f.merchant_no = s.merchant_no AND f.effective_us > c.now_us),
       n.document
FROM clock c
CROSS JOIN shop s
CROSS JOIN LATERAL (
  SELECT v.* FROM shop_settings v WHERE v.merchant_no = s.merchant_no
  ORDER BY v.effective_us <= c.now_us DESC, abs(v.effective_us - c.now_us) LIMIT 1) t
LEFT JOIN LATERAL (
  SELECT w.document FROM notice_settings w WHERE w.merchant_no = s.merchant_no
  ORDER BY w.version DESC LIMIT 1) n ON true
WHERE s.merchant_no = ANY ($1::int[]);
