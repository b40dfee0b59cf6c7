-- name: lock
-- One save of a merchant's campaigns after another: versions have no gaps, and two saves do not wait for each other.
SELECT pg_advisory_xact_lock(736010, $1);

-- name: first_saved
SELECT gift_id, first_us FROM campaign_gift WHERE merchant_no = $1 AND campaign_id = $2;

-- name: write
INSERT INTO campaign ({campaign})
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, decode($8, 'hex'), $9)
ON CONFLICT ({key campaign}) DO UPDATE SET {set campaign from excluded};

-- name: take_out_gifts
UPDATE campaign_gift SET removed = true WHERE merchant_no = $1 AND campaign_id = $2 AND NOT removed;

-- name: write_gifts
INSERT INTO campaign_gift ({gift})
SELECT {k.gift} FROM unnest({arrays gift}) k ({gift}) ORDER BY {k.gift}
ON CONFLICT ({key gift}) DO UPDATE SET {set gift from excluded};

-- name: keep_version
INSERT INTO campaign_version ({version}) VALUES ($1, $2, $3, $4::jsonb, $5, $6);

-- name: keep_banner
INSERT INTO banner ({banner}) VALUES ($1, decode($2, 'hex'), $3, $4, $5, $6) ON CONFLICT DO NOTHING;
