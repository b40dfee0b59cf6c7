-- So many notices of an earlier life, a mail and an SMS of each grant, of the shops shop-0, shop-1 … and their members in turn, over so
-- many weeks until now. Most were sent; of a hundred grants' notices some were skipped, failed, gave up or are unknown, and of
-- the last two days some wait. Ids are as the product makes them: the instant, then noise.
INSERT INTO notices.notice (notice_id, event_id, merchant_no, member_id, kind, channel, recorded_us, state, reason, points,
                            event_points, event_sequence, balance, sequence, expires_us, order_id, not_before_us, give_up_us,
                            attempt, asked_us, sender, provider, provider_id, parts, provider_parts, address_hmac, month,
                            decided_us, changed_us)
SELECT encode(substr(int8send(e.at_us / 1000), 3, 6) || '\x8000'::bytea || '\x80'::bytea
              || substr(sha256(int8send(e.i) || c.channel::bytea), 1, 7), 'hex')::uuid,
       encode(substr(sha256(int8send(e.i)), 1, 16), 'hex')::uuid, s.merchant_no, 'm' || e.i %% %(members)s, 'earned', c.channel, e.at_us,
       o.state, o.reason, 10, 10, 1 + e.i / %(members)s, 10 * (1 + e.i / %(members)s), 1 + e.i / %(members)s, NULL,
       'earlier-' || e.i, e.at_us, e.at_us + 259200000000,
       o.sent::int, CASE WHEN o.sent THEN e.at_us END, CASE WHEN o.sent THEN 'earlier' END,
       CASE WHEN o.sent THEN c.provider END, CASE WHEN o.sent THEN 'earlier-' || e.i END, CASE WHEN o.sent THEN 1 END,
       CASE WHEN o.sent THEN 1 END, CASE WHEN o.sent THEN sha256(int8send(e.i)) END, CASE WHEN o.sent THEN to_char(to_timestamp(e.at_us / 1e6), 'YYYYMM')::int END, e.at_us, e.at_us
FROM (SELECT i, public.points_now() - (%(grants)s - i) * (%(weeks)s * 604800000000 / %(grants)s) AS at_us
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) i) e
JOIN notices.shop s ON s.merchant_id = 'shop-' || e.i %% %(members)s %% %(shops)s
CROSS JOIN (VALUES ('email', 'smtp'), ('sms', 'mitake')) c (channel, provider)
CROSS JOIN LATERAL (SELECT x.state, x.reason, x.state IN ('sent', 'failed', 'unknown') AS sent FROM (
  SELECT CASE WHEN n < 3 AND e.at_us > public.points_now() - 172800000000 THEN 'waiting' WHEN n < 85 THEN 'sent' WHEN n < 96 THEN 'skipped'
              WHEN n < 98 THEN 'failed' WHEN n < 99 THEN 'expired' WHEN c.channel = 'sms' AND n = 99 THEN 'unknown' ELSE 'sent' END AS state,
         CASE WHEN n >= 85 AND n < 96 THEN 'no_address' END AS reason
  FROM (SELECT get_byte(sha256(int8send(e.i) || c.channel::bytea), 31) * 100 / 256 AS n) y) x) o;
