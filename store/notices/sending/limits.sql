-- Parts of SMS that shops with a limit may still send in a month.

-- name: hold
-- One sender at a time looks at what a shop has left and writes down what it sends of it, until its transaction ends.
SELECT pg_advisory_xact_lock(736007, k.merchant_no)
FROM (SELECT merchant_no FROM unnest($1::int[]) s (merchant_no) ORDER BY merchant_no) k;

-- name: in_hand
-- What is being sent, by all senders. $2: the least id that a notice can have which is. Found by its lease: few have one.
SELECT n.merchant_no, n.month, coalesce(sum(n.parts), 0)::bigint FROM notice n
WHERE n.state = 'sending' AND n.lease_us > 0 AND n.channel = 'sms' AND n.merchant_no = ANY ($1::int[]) AND n.notice_id >= $2
GROUP BY n.merchant_no, n.month;

-- name: left_out
-- Adds up what was skipped. Who finds no row is the first: it tells the shop.
INSERT INTO limit_reached AS r ({left_out}, since_us)
SELECT {k.left_out}, points_now() FROM unnest({arrays left_out}) k ({left_out}) ORDER BY k.merchant_no, k.month
ON CONFLICT ({key left_out}) DO UPDATE SET skipped = r.skipped + excluded.skipped
RETURNING new.merchant_no, new.month, old.month IS NULL;

-- name: of_month
SELECT limit_parts, since_us, skipped FROM limit_reached WHERE merchant_no = $1 AND month = $2;
