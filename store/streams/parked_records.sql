-- name: put
INSERT INTO parked_record (pipeline, first_us, {record})
SELECT $1, $2, {k.record} FROM unnest({arrays record from 3}) k ({record}) ON CONFLICT DO NOTHING;

-- name: settled
DELETE FROM parked_record p USING unnest({arrays wait}) k ({wait})
WHERE p.key = k.key AND p.merchant_no = k.merchant_no AND p.occurred_us = k.occurred_us;

-- name: reasons
UPDATE parked_record p SET reason = k.reason FROM unnest({arrays reason}) k ({reason})
WHERE p.key = k.key AND p.merchant_no = k.merchant_no AND p.occurred_us = k.occurred_us AND p.reason <> k.reason;

-- name: out_of_reach
UPDATE parked_record p SET reason = 'out_of_reach' FROM unnest({arrays wait}) k ({wait})
WHERE p.key = k.key AND p.merchant_no = k.merchant_no AND p.occurred_us = k.occurred_us AND p.reason = 'unmatched';

-- name: purge
DELETE FROM parked_record p
USING (SELECT topic_uuid, partition, "offset" FROM parked_record WHERE first_us < $1
       ORDER BY first_us LIMIT $2 FOR UPDATE SKIP LOCKED) old
WHERE p.topic_uuid = old.topic_uuid AND p.partition = old.partition AND p."offset" = old."offset";
