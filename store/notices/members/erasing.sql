-- name: claim
INSERT INTO notices_keys.member_key AS m (merchant_no, member_id, wrapped, kek_id) VALUES ($1, $2, '', '')
ON CONFLICT (merchant_no, member_id) DO UPDATE SET kek_id = m.kek_id
RETURNING m.wrapped <> '', public.points_now();
