-- name: shop
-- The settings in force; before the first of them is, those that will be.
SELECT m.merchant_no, s.document ->> 'timezone', s.document -> 'languages'
FROM merchant m JOIN settings s USING (merchant_no) WHERE m.merchant_id = $1
ORDER BY s.effective_us <= points_now() DESC, abs(s.effective_us::numeric - points_now()), s.version DESC LIMIT 1;

-- name: campaigns
SELECT c.campaign_id, c.version, c.starts_us, c.ends_us, c.names, c.terms, c.removed,
       b.type, b.width, b.height, octet_length(b.content), encode(b.sha256, 'hex')
FROM campaign c LEFT JOIN banner b ON b.merchant_no = c.merchant_no AND b.sha256 = c.banner
WHERE c.merchant_no = $1 AND ($2::text IS NULL OR c.campaign_id = $2)
ORDER BY c.starts_us, c.campaign_id;

-- name: gifts
SELECT campaign_id, gift_id, product_id, points, created_us FROM campaign_gift
WHERE merchant_no = $1 AND ($2::text IS NULL OR campaign_id = $2) AND NOT removed;

-- name: overlapping
SELECT campaign_id FROM campaign
WHERE merchant_no = $1 AND campaign_id <> $2 AND NOT removed AND int8range(starts_us, ends_us) && int8range($3, $4)
ORDER BY starts_us LIMIT 1;

-- name: log
SELECT campaign_id, version, applied_us, applied_by, document FROM campaign_version
WHERE merchant_no = $1 AND ($2::text IS NULL OR campaign_id = $2)
ORDER BY applied_us, campaign_id, version;

-- name: offers
SELECT c.merchant_no, c.campaign_id, c.starts_us, c.ends_us, c.removed, g.ids, g.points
FROM unnest({arrays key}) k ({key}) JOIN campaign c USING ({key})
CROSS JOIN LATERAL (SELECT array_agg(x.gift_id ORDER BY x.gift_id) AS ids, array_agg(x.points ORDER BY x.gift_id) AS points
  FROM campaign_gift x WHERE x.merchant_no = c.merchant_no AND x.campaign_id = c.campaign_id AND NOT x.removed) g;
