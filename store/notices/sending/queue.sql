-- name: due_shops
-- A loose index scan: one probe a shop, however many notices wait there. $2: the least id of a notice that can be waiting.
WITH RECURSIVE clock AS MATERIALIZED (SELECT points_now() AS now_us),
shops (merchant_no, not_before_us, decided_us, n) AS (
  (SELECT q.merchant_no, q.not_before_us, q.decided_us, 1 FROM notice q
   WHERE q.channel = $1 AND q.state = 'waiting' AND q.notice_id >= $2
   ORDER BY q.merchant_no, q.not_before_us LIMIT 1)
  UNION ALL
  SELECT x.merchant_no, x.not_before_us, x.decided_us, s.n + 1
  FROM shops s CROSS JOIN LATERAL (
    SELECT q.merchant_no, q.not_before_us, q.decided_us FROM notice q
    WHERE q.channel = $1 AND q.state = 'waiting' AND q.notice_id >= $2 AND q.merchant_no > s.merchant_no
    ORDER BY q.merchant_no, q.not_before_us LIMIT 1) x
)
SELECT s.merchant_no, greatest(s.not_before_us, s.decided_us), c.now_us
FROM shops s, clock c WHERE s.not_before_us <= c.now_us ORDER BY s.merchant_no;

-- name: claim
-- Each shop's oldest, as many as its share; what another sender has in its hands is passed over.
-- What is picked is locked, so its state is not asked again: PostgreSQL would look for it among all that wait.
WITH clock AS MATERIALIZED (SELECT points_now() AS now_us),
picked AS MATERIALIZED (
  SELECT x.notice_id
  FROM unnest({arrays share from 3}) s ({share}) CROSS JOIN clock c CROSS JOIN LATERAL (
    SELECT q.notice_id FROM notice q
    WHERE q.channel = $1 AND q.merchant_no = s.merchant_no AND q.state = 'waiting' AND q.not_before_us <= c.now_us
      AND q.notice_id >= $2
    ORDER BY q.not_before_us LIMIT s.places FOR UPDATE SKIP LOCKED) x
),
taken AS (
  UPDATE notice n SET state = 'claimed', sender = $5, lease_us = c.now_us + $6::bigint, changed_us = c.now_us
  FROM picked p, clock c WHERE n.notice_id = p.notice_id AND p.notice_id >= $2
  RETURNING n.*
)
SELECT {t.row}, s.merchant_id, c.now_us FROM taken t JOIN shop s ON s.merchant_no = t.merchant_no, clock c;

-- name: mark
-- What is still in this sender's hands since it was taken, and says what was written into the message. From here on a request may be made.
-- Each is found by its id: so that it is not searched among all that are in hand, their index (state, lease) is of no use here.
WITH clock AS MATERIALIZED (SELECT points_now() AS now_us)
UPDATE {notice} n
SET state = 'sending', attempt = n.attempt + 1, lease_us = c.now_us + $3::bigint, asked_us = coalesce(n.asked_us, c.now_us),
    reason = NULL, provider_parts = NULL, changed_us = c.now_us, {set marked from k}
FROM unnest({arrays keyed from 4}) k ({keyed}), clock c
WHERE n.notice_id = k.notice_id AND k.notice_id >= $2 AND n.state || '' = 'claimed' AND n.sender = $1
  AND n.lease_us + 0 > c.now_us AND n.sequence = k.sequence AND n.changed_us = k.claimed_us
RETURNING n.notice_id, n.attempt, n.asked_us, n.changed_us, k.claimed_us;

-- name: still_ours
-- What the table says, when Valkey does not answer or a sender was slow: whether a request may be made now. By id, as above.
SELECT n.notice_id FROM unnest({arrays attempt}) k ({attempt})
JOIN {notice} n ON n.notice_id = k.notice_id AND n.state || '' = 'sending' AND n.attempt = k.attempt
  AND n.lease_us + 0 > points_now();

-- name: stale
-- What senders have left behind: their leases have ended.
SELECT {n.row}, s.merchant_id, points_now()
FROM notice n JOIN shop s ON s.merchant_no = n.merchant_no
WHERE n.state IN ('claimed', 'sending') AND n.lease_us < points_now() AND n.notice_id >= $1
ORDER BY n.lease_us LIMIT $2 FOR UPDATE OF n SKIP LOCKED;

-- name: overdue
-- What could not go out in time. $3: the youngest that can be overdue.
SELECT {n.row}, s.merchant_id, points_now()
FROM notice n JOIN shop s ON s.merchant_no = n.merchant_no
WHERE n.channel = $1 AND n.state = 'waiting' AND n.give_up_us <= points_now() AND n.notice_id >= $2 AND n.notice_id < $3
LIMIT $4 FOR UPDATE OF n SKIP LOCKED;
