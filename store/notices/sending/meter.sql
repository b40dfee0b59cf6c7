-- name: usage
SELECT channel, provider, messages, parts, provider_parts, unknown FROM meter
WHERE merchant_no = $1 AND month = $2 ORDER BY channel, provider;

-- name: used
-- What shops have used of a channel, by provider's parts.
SELECT k.merchant_no, k.month, coalesce(sum(m.provider_parts), 0)::bigint
FROM unnest({arrays month}) k ({month})
LEFT JOIN meter m ON m.merchant_no = k.merchant_no AND m.month = k.month AND m.channel = $3
GROUP BY k.merchant_no, k.month;

-- name: differences
SELECT provider, sum(provider_parts - parts)::bigint FROM meter WHERE month >= $1 GROUP BY provider;

-- name: against_notices
-- Where the meter is not the sum of the notices: for the test, and for whoever doubts it. Reads every notice. What shops owed
-- in months whose weeks are gone (drop_partitions) is in the meter alone.
SELECT merchant_no, month, channel, provider, coalesce(m.row, n.row) FROM
  (SELECT merchant_no, month, channel, provider, ROW (messages, parts, provider_parts, unknown)::text AS row FROM meter
   WHERE messages <> 0 OR parts <> 0 OR provider_parts <> 0 OR unknown <> 0) m
FULL JOIN
  (SELECT merchant_no, month, channel, provider,
          ROW (count(*), coalesce(sum(parts), 0)::bigint, coalesce(sum(coalesce(provider_parts, parts)), 0)::bigint,
               count(*) FILTER (WHERE state = 'unknown'))::text AS row
   FROM notice WHERE state IN ('sent', 'unknown') GROUP BY merchant_no, month, channel, provider) n
USING (merchant_no, month, channel, provider)
WHERE m.row IS DISTINCT FROM n.row ORDER BY 1, 2, 3, 4;
