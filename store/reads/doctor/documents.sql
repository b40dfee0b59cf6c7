-- name: versions
SELECT s.merchant_no, s.version, m.merchant_id, s.document
FROM settings s JOIN merchant m USING (merchant_no)
WHERE (s.merchant_no, s.version) > ($1::int, $2::int) ORDER BY s.merchant_no, s.version LIMIT $3;

-- name: newest_of_notices
SELECT s.merchant_no, n.version, s.merchant_id, n.document
FROM shop s
CROSS JOIN LATERAL (
  SELECT v.version, v.document FROM notice_settings v WHERE v.merchant_no = s.merchant_no
  ORDER BY v.version DESC LIMIT 1) n
WHERE s.merchant_no >= $1::int AND (s.merchant_no, n.version) > ($1::int, $2::int)
ORDER BY s.merchant_no LIMIT $3;
