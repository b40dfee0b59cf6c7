-- Points that lapse, as the ledger says, and how far reminders of them were decided.

-- name: reminded
-- The shops that want reminders. A shop without a row of its days has never been looked at for them.
SELECT x.merchant_no, s.merchant_id FROM (
  SELECT DISTINCT ON (n.merchant_no) n.merchant_no, n.document FROM notice_settings n
  ORDER BY n.merchant_no, n.version DESC) x
JOIN shop s ON s.merchant_no = x.merchant_no
WHERE x.document -> 'expiring' -> 'channels' <> '[]'::jsonb
ORDER BY x.merchant_no;

-- name: looked
SELECT days, until_us FROM expiring_run WHERE merchant_no = $1;

-- name: look
INSERT INTO expiring_run (merchant_no, days, until_us) VALUES ($1, $2, $3)
ON CONFLICT (merchant_no, days) DO UPDATE SET until_us = greatest(expiring_run.until_us, excluded.until_us);

-- name: try_turn
SELECT pg_try_advisory_xact_lock(736005, 1);

-- name: ledger_number
-- A shop's number in the ledger, whose accounts have it in their upper bits.
SELECT merchant_no FROM ledger_shop WHERE merchant_id = $1;

-- name: lapsing
-- A piece of the accounts of the ledger's shop $1 whose points lapse in [$2, $3), between the accounts $4 and $5, in their order:
-- so that however many lots there are and wherever they lie, only that shop's accounts are walked, and no more than a piece.
SELECT v.account_no, v.member, v.available, v.sequence, v.expires_us, v.points
FROM (SELECT * FROM expiring_points e
      WHERE e.merchant_no = $1 AND e.next_expiry < $3 AND e.account_no > $4 AND e.account_no < $5
        AND e.expires_us >= $2 AND e.expires_us < $3
      ORDER BY e.account_no FETCH FIRST ($6::int) ROWS WITH TIES) v;

-- name: still_lapses
SELECT k.merchant_no, k.member_id, k.expires_us, v.points
FROM unnest({arrays asked}) k (merchant_no, member_id, member, expires_us)
JOIN shop s ON s.merchant_no = k.merchant_no
JOIN expiring_points v ON v.merchant_id = s.merchant_id AND v.member = k.member AND v.expires_us = k.expires_us;

-- name: now
SELECT points_now(), epoch FROM settings_epoch;
