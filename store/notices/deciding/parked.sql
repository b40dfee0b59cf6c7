-- Changes of points of shops that were not heard of yet.

-- name: share
-- Whoever parks holds this until it commits, so that whoever decides what is parked misses nothing.
SELECT pg_advisory_xact_lock_shared(736005, 0);

-- name: take_turns
SELECT pg_advisory_xact_lock(736005, 0);

-- name: put
WITH put AS (
  INSERT INTO parked_event ({row}, parked_us)
  SELECT {k.row}, $1 FROM unnest({arrays row from 2}) k ({row}) ORDER BY k.merchant_id, k.event_id
  ON CONFLICT DO NOTHING RETURNING event_id)
SELECT array_agg(event_id) FROM put;

-- name: ready
-- Shops that were heard of meanwhile. One probe a shop, however much of it is parked.
WITH RECURSIVE waiting (merchant_id) AS (
  (SELECT p.merchant_id FROM parked_event p ORDER BY p.merchant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT p.merchant_id FROM parked_event p WHERE p.merchant_id > w.merchant_id ORDER BY p.merchant_id LIMIT 1)
  FROM waiting w WHERE w.merchant_id IS NOT NULL
)
SELECT w.merchant_id FROM waiting w JOIN shop s ON s.merchant_id = w.merchant_id
WHERE EXISTS (SELECT FROM shop_settings t WHERE t.merchant_no = s.merchant_no)
ORDER BY w.merchant_id LIMIT $1;

-- name: take
-- The shop's oldest, and all that were recorded at the same instant as the last of them.
WITH oldest AS MATERIALIZED (
  SELECT event_id FROM parked_event WHERE merchant_id = $1 ORDER BY recorded_us FETCH FIRST ($2::int) ROWS WITH TIES)
DELETE FROM parked_event p USING oldest o WHERE p.merchant_id = $1 AND p.event_id = o.event_id
RETURNING p.event;

-- name: waiting
SELECT count(*) FROM (SELECT FROM parked_event LIMIT $1) p;
