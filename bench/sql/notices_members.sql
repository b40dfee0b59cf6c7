-- So many members of whom the lane has heard, m0, m1 … of the shops shop-0, shop-1 … in turn. Values are filler of the usual
-- width: nothing opens them, since deciding asks only whether there are any.
INSERT INTO notices.contact (merchant_no, member_id, version_us, has_email, has_phone, email_verified, phone_verified,
                             email, phone, name, language, versions)
SELECT s.merchant_no, 'm' || i, public.points_now(), true, true, false, false,
       f.filler, f.filler, f.filler, f.filler, substr(f.filler, 1, 25)
FROM generate_series(0, %(members)s - 1) i
JOIN notices.shop s ON s.merchant_id = 'shop-' || i %% %(shops)s
CROSS JOIN LATERAL (SELECT substr(sha256(int8send(i)) || sha256(int8send(-i)), 1, 61) AS filler) f
ORDER BY s.merchant_no, s.merchant_id;
