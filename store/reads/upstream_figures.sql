-- Named SQL, not Core: this goes through all orders, and comparing rows by their whole key
-- (merchant_no, order_id) is what makes each page one range of the primary key.

-- name: count_orders
SELECT count(*) FROM orders WHERE $1::int IS NULL OR merchant_no = $1;

-- name: page_end
-- The last key of the next page, how many orders it has, and the time.
SELECT p.merchant_no, p.order_id, count(*) OVER (), points_now()
FROM (SELECT o.merchant_no, o.order_id FROM orders o
      WHERE (o.merchant_no, o.order_id) > ($1::int, $2::bytea) AND ($3::int IS NULL OR o.merchant_no = $3)
      ORDER BY o.merchant_no, o.order_id LIMIT $4) p
ORDER BY p.merchant_no DESC, p.order_id DESC LIMIT 1;

-- name: page
-- Only records of the longer layout (store/orders/codec/records.py) can carry the platform's figure.
SELECT {o.row} FROM orders o
WHERE (o.merchant_no, o.order_id) > ($1::int, $2::bytea) AND (o.merchant_no, o.order_id) <= ($3::int, $4::bytea)
  AND get_byte(o.record, 0) > 1
ORDER BY o.merchant_no, o.order_id;
