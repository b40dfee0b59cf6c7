-- Where ids are joined, each is looked up in the one week that it lies in. A range around them would be read whole, for each of them,
-- wherever PostgreSQL thinks that it holds few rows. Elsewhere $1 and $2 are the least and the greatest id: their weeks are looked at.

-- name: settle
-- Compare and set: what a receipt or another sender settled meanwhile stays as it is, and what was taken in hand once more.
-- Only that its provider has taken a message counts still where a receipt came first, with its parts, or where the lease had
-- ended and nobody knew: unless somebody has had it sent again since, as if it had never been written.
WITH clock AS MATERIALIZED (SELECT points_now() AS now_us),
done AS (
  UPDATE {notice} n
  SET state = k.state, reason = k.reason, changed_us = c.now_us,
      not_before_us = CASE WHEN k.state = 'waiting' THEN c.now_us + k.delay_us ELSE n.not_before_us END,
      asked_us = CASE WHEN k.keeps_asked THEN n.asked_us END,
      provider_id = coalesce(k.provider_id, n.provider_id), provider_parts = coalesce(n.provider_parts, k.provider_parts),
      lease_us = NULL, sender = CASE WHEN k.state <> 'waiting' THEN n.sender END
  FROM unnest({arrays settled}) k ({settled}), clock c
  WHERE n.notice_id = k.notice_id AND n.attempt = k.attempt
    AND (n.state = k.was OR k.state = 'sent' AND n.asked_us IS NOT NULL AND n.state IN ('waiting', 'claimed', 'unknown', 'sent'))
    AND n.changed_us = coalesce(k.as_of_us, n.changed_us)
  RETURNING {returned}
),
{metered}
{published};

-- name: standing
-- How notices stand that receipts are about; locked, so that they still do when these are written down.
SELECT n.notice_id, n.state, n.attempt, n.asked_us IS NOT NULL, n.delivered_us IS NOT NULL, n.provider, n.provider_id, n.provider_parts
FROM notice n WHERE n.notice_id = ANY ($3::uuid[]) AND n.notice_id BETWEEN $1 AND $2
ORDER BY n.notice_id FOR UPDATE;

-- name: receipt
-- What receipts make of those, as the rules say. What was sent stays in its place in the indexes when a receipt proves it.
WITH clock AS MATERIALIZED (SELECT points_now() AS now_us),
done AS (
  UPDATE notice n
  SET state = k.state, reason = CASE k.state WHEN 'failed' THEN 'refused' END,
      delivered_us = CASE WHEN k.delivered THEN coalesce(n.delivered_us, c.now_us) END,
      provider_id = k.provider_id, provider_parts = k.provider_parts, lease_us = NULL,
      changed_us = CASE WHEN n.state <> k.state THEN c.now_us ELSE n.changed_us END
  FROM unnest({arrays receipt}) k ({receipt}), clock c
  WHERE n.notice_id = k.notice_id
  RETURNING {returned}
),
{metered}
{published};

-- name: resolve
-- An operator knows what became of a message of which nobody else does. Found and locked by their ids before the state is
-- asked for: by that, PostgreSQL would read the index of all that is unknown.
WITH clock AS MATERIALIZED (SELECT points_now() AS now_us),
named AS MATERIALIZED (
  SELECT n.notice_id, n.state FROM unnest($1::uuid[]) k (notice_id) JOIN notice n ON n.notice_id = k.notice_id
  ORDER BY n.notice_id FOR UPDATE OF n
),
done AS (
  UPDATE notice n SET state = $2, reason = CASE WHEN $2 = 'failed' THEN 'refused' END, changed_us = c.now_us
  FROM named k, clock c WHERE n.notice_id = k.notice_id AND k.state = 'unknown'
  RETURNING {returned}
),
{metered}
{published};

-- name: resend
-- Once more, as if it had never been written. What is too old to be told stays as it is, and so does a reminder of points that
-- have lapsed: while they are not posted, the ledger still has them. (least passes over NULL.)
WITH clock AS MATERIALIZED (SELECT points_now() AS now_us),
done AS (
  UPDATE notice n
  SET state = 'waiting', reason = NULL, asked_us = NULL, not_before_us = c.now_us, changed_us = c.now_us, sender = NULL,
      give_up_us = least(c.now_us + CASE n.channel WHEN 'sms' THEN $4::bigint ELSE $5::bigint END,
                         CASE n.kind WHEN 'expiring' THEN n.expires_us END)
  FROM clock c
  WHERE n.notice_id = ANY ($3::uuid[]) AND n.notice_id BETWEEN $1 AND $2 AND n.notice_id >= $6
    AND n.state IN ('unknown', 'failed', 'expired') AND (n.kind <> 'expiring' OR n.expires_us > c.now_us)
  RETURNING {returned}
),
{metered}
{published};
