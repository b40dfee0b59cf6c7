-- name: of_notices
SELECT n.notice_id, n.merchant_no, s.merchant_id, n.member_id, n.channel, n.address_hmac
FROM notice n JOIN shop s ON s.merchant_no = n.merchant_no
WHERE n.notice_id BETWEEN $1 AND $2 AND n.notice_id = ANY ($3::uuid[]);
