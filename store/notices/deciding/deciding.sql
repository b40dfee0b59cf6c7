-- Notices as they are decided, a batch at a time.

-- name: reach
-- How members are reached, as far as it can be read without a key, and what they do not want to hear.
SELECT k.merchant_no, k.member_id, c.has_email, c.has_phone,
       (SELECT array_agg(ARRAY[o.channel, o.kind]) FROM optout o
        WHERE o.merchant_no = k.merchant_no AND o.member_id = k.member_id)
FROM unnest({arrays member}) k ({member})
LEFT JOIN contact c ON c.merchant_no = k.merchant_no AND c.member_id = k.member_id;

-- name: standing
-- Of some members the notices that wait, and those about the orders in hand. $1: the least id that can still wait.
-- Member by member (OFFSET 0): a week of which PostgreSQL has no statistics yet would be read whole.
SELECT n.notice_id, n.event_id, n.merchant_no, n.member_id, n.kind, n.state, n.attempt, n.channel, n.points, n.event_points,
       n.event_sequence, n.balance, n.sequence, n.order_id
FROM unnest({arrays asked from 2}) k ({asked}) CROSS JOIN LATERAL (
  SELECT * FROM notice m
  WHERE m.merchant_no = k.merchant_no AND m.member_id = k.member_id AND m.notice_id >= $1
    AND (m.state IN ('waiting', 'claimed') OR m.order_id = k.order_id)
  OFFSET 0) n;

-- name: ensure_partitions
SELECT ensure_partition(k.at_us) FROM unnest($1::bigint[]) k (at_us);

-- name: add
-- Those that were there already, by id, where not all are new: an event makes its notices once.
WITH added AS (
  INSERT INTO notice ({row}, decided_us, changed_us)
  SELECT {k.row}, $1, $1 FROM unnest({arrays row from 3}) k ({row})
  ON CONFLICT (notice_id) DO NOTHING RETURNING notice_id)
SELECT CASE WHEN count(*) < $2 THEN coalesce(array_agg(notice_id), '{}') END FROM added;

-- name: bring_up
-- The present figures of notices that are not out yet, in one order of locks. A sender sees by `sequence` that they moved.
-- Nobody says that one was withdrawn which may have arrived: its time is over, and whoever gives it up says that nobody knows.
-- Id by id: what is locked has no index, so it brings its figures along; and the ids are asked for $1, not the notices, of which
-- a week without statistics would be read whole.
WITH locked AS MATERIALIZED (
  SELECT {k.brought}, k.gone AND n.asked_us IS NULL AS is_withdrawn, k.gone AND n.asked_us IS NOT NULL AS is_over
  FROM unnest({arrays brought from 2}) k ({brought})
  JOIN notice n ON n.notice_id = k.notice_id AND k.notice_id >= $1 AND n.state IN ('waiting', 'claimed')
  ORDER BY n.notice_id FOR UPDATE OF n)
UPDATE notice n
SET points = k.points, balance = k.balance, sequence = k.sequence,
    state = CASE WHEN k.is_withdrawn THEN 'withdrawn' ELSE n.state END,
    reason = CASE WHEN k.is_withdrawn THEN 'taken_back' ELSE n.reason END,
    give_up_us = CASE WHEN k.is_over THEN points_now() ELSE n.give_up_us END,
    changed_us = CASE WHEN k.is_withdrawn THEN points_now() ELSE n.changed_us END
FROM locked k
WHERE n.notice_id = k.notice_id AND k.notice_id >= $1 AND n.sequence <= k.sequence
RETURNING n.notice_id, k.is_withdrawn;
