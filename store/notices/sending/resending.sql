-- Notices that are sent once more, with what became of their orders since.

-- name: hold_deciding
-- Nobody decides until the transaction ends: who does has a cursor locked. In the order in which they lock them.
SELECT FROM cursor WHERE pipeline = $1 ORDER BY topic_uuid, partition FOR SHARE;

-- name: of_orders
-- Of the orders of some notices, all changes that gave points or took some back. $4: the least id that is looked at; what was
-- changed before takes nothing off what a notice tells. Notice by notice (OFFSET 0), as in deciding.sql.
SELECT a.notice_id, a.event_id, m.event_sequence, m.event_id, m.event_points, m.sequence, m.balance
FROM notice a CROSS JOIN LATERAL (
  SELECT * FROM notice n
  WHERE n.merchant_no = a.merchant_no AND n.member_id = a.member_id AND n.notice_id >= $4 AND n.order_id = a.order_id
    AND n.kind IN ('earned', 'earned_more', 'corrected')
  OFFSET 0) m
WHERE a.notice_id = ANY ($3::uuid[]) AND a.notice_id BETWEEN $1 AND $2 AND a.kind IN ('earned', 'earned_more');
