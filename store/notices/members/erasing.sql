-- name: claim
INSERT INTO notices_keys.member_key AS m (merchant_no, member_id, wrapped, kek_id) VALUES ($1, $2, '', '')
ON CONFLICT (merchant_no, member_id) DO UPDATE SET kek_id = m.kek_id
RETURNING m.wrapped <> '', public.points_now();

-- name: out_of_hand
-- What a sender has in hand, and has not begun to send. What is locked is being sent or settled at this moment.
UPDATE notice n SET state = 'waiting', sender = NULL, lease_us = NULL, changed_us = public.points_now()
FROM (
  SELECT h.notice_id FROM unnest({arrays member}) k ({member}) CROSS JOIN LATERAL (
    SELECT q.notice_id FROM notice q
    WHERE q.merchant_no = k.merchant_no AND q.member_id = k.member_id AND q.state = 'claimed'
    FOR UPDATE SKIP LOCKED) h) taken
WHERE n.notice_id = taken.notice_id;
