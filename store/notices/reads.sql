-- What people ask of the notices lane. Tables are those of the schema notices, by the search path.

-- name: list
-- Newest events first: the key leads with their time, so that few weeks are read.
SELECT {notice}, s.merchant_id FROM notice n JOIN shop s ON s.merchant_no = n.merchant_no
WHERE s.merchant_id = $1 AND ($2::text IS NULL OR n.member_id = $2) AND ($3::text IS NULL OR n.state = $3)
ORDER BY n.notice_id DESC LIMIT $4;

-- name: newest
SELECT {notice}, s.merchant_id FROM notice n JOIN shop s ON s.merchant_no = n.merchant_no
WHERE s.merchant_id = $1 AND n.member_id = $2 AND n.kind = $3 ORDER BY n.notice_id DESC LIMIT 1;

-- name: sealed_reason
SELECT sealed_reason FROM notice WHERE notice_id = $1;

-- name: show
SELECT {notice}, s.merchant_id FROM notice n JOIN shop s ON s.merchant_no = n.merchant_no WHERE n.notice_id = $1;

-- name: unknown
SELECT {notice}, s.merchant_id FROM notice n JOIN shop s ON s.merchant_no = n.merchant_no
WHERE n.state = 'unknown' AND ($1::text IS NULL OR s.merchant_id = $1)
ORDER BY n.changed_us, n.notice_id LIMIT $2;

-- name: shop
SELECT merchant_no FROM shop WHERE merchant_id = $1;

-- name: open
-- What is not at its end, by channel and state; each part from the index of its states.
SELECT channel, 'waiting', count(*), count(*) FILTER (WHERE not_before_us <= points_now()),
       min(not_before_us) FILTER (WHERE not_before_us <= points_now())
FROM notice WHERE state = 'waiting' GROUP BY channel
UNION ALL
SELECT channel, state, count(*), 0, NULL FROM notice WHERE state IN ('claimed', 'sending') GROUP BY channel, state
UNION ALL
SELECT channel, 'unknown', count(*), 0, min(changed_us) FROM notice WHERE state = 'unknown' GROUP BY channel;

-- name: refused
-- Shops whose senders or gateways are refused: what was tried waits, and says so. The provider is the one that was asked last.
SELECT s.merchant_id, n.channel, n.provider, min(n.decided_us) FROM notice n JOIN shop s ON s.merchant_no = n.merchant_no
WHERE n.state = 'waiting' AND n.reason = 'shop_refused' GROUP BY s.merchant_id, n.channel, n.provider ORDER BY 1, 2, 3;

-- name: parked
SELECT count(*), count(DISTINCT merchant_id) FROM parked_event;

-- name: providers
SELECT provider, paused_us, paused_by, open_until_us, why FROM provider ORDER BY provider;

-- name: outbox
SELECT count(*), (SELECT count(*) FROM outbox_refused) FROM outbox;

-- name: figures
SELECT points_now(), (SELECT count(*) FROM shop),
       (SELECT count(*) FROM quarantine WHERE redriven_us IS NULL AND discarded_us IS NULL);

-- name: letters
-- Where dead letters came from: the earliest of each partition.
SELECT topic, topic_uuid, partition, min("offset") FROM quarantine WHERE id = ANY ($1::bigint[]) GROUP BY 1, 2, 3 ORDER BY 1, 3;

-- name: position
SELECT cluster, next_offset FROM cursor WHERE pipeline = $1 AND topic_uuid = $2 AND partition = $3 FOR UPDATE;
