-- What workers remember: read for the merchants in hand.

-- name: page_of_merchants
SELECT merchant_no, merchant_id FROM merchant WHERE merchant_no >= $1 AND merchant_no < $2;

-- name: ids
SELECT merchant_no, merchant_id FROM merchant WHERE merchant_no = ANY ($1::int[]);

-- name: find_merchants
SELECT merchant_id, merchant_no FROM merchant WHERE merchant_id = ANY ($1::text[]);

-- name: versions
SELECT merchant_no, version, effective_us, applied_us FROM settings
WHERE merchant_no = ANY ($1::int[]) ORDER BY merchant_no, version;

-- name: documents
SELECT s.merchant_no, s.version, s.document, s.effective_us
FROM unnest({arrays version}) k ({version}) JOIN settings s ON s.merchant_no = k.merchant_no AND s.version = k.version;
