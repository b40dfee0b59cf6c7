-- name: lock
-- Sorted, so that all workers lock in one order. Adds what the batch grants; the old values show what was there before.
-- Only an account that is not there takes a number: one for every posting would use up a merchant's 2^40.
-- recorded_us goes forward only: entries of this batch are recorded at it, whatever the clock did.
INSERT INTO account AS a (account_no, merchant_no, member, sequence, available, next_expiry, recorded_us)
SELECT coalesce(known.account_no, (k.merchant_no::bigint << 40) | nextval('account_no')),
       k.merchant_no, k.member, k.sequence, k.available, k.next_expiry, k.recorded_us
FROM unnest({arrays granted}) k ({granted})
LEFT JOIN account known ON known.merchant_no = k.merchant_no AND known.member = k.member
WHERE k.is_made OR known.account_no IS NOT NULL
ORDER BY k.merchant_no, k.member
ON CONFLICT (merchant_no, member) DO UPDATE
SET sequence = a.sequence + excluded.sequence,
    available = greatest(a.available - a.debt + excluded.available, 0),
    debt = greatest(a.debt - a.available - excluded.available, 0),
    next_expiry = least(a.next_expiry, excluded.next_expiry),
    recorded_us = greatest(a.recorded_us, excluded.recorded_us)
RETURNING a.merchant_no, a.member, a.account_no, coalesce(old.sequence, 0), coalesce(old.available, 0), a.held,
          coalesce(old.debt, 0), coalesce(old.next_expiry, 9223372036854775807), a.next_timeout, a.recorded_us;

-- name: lock_known
-- In the same order. The row is written once, with what is done, and not for the lock.
SELECT a.merchant_no, a.member, a.account_no, a.sequence, a.available, a.held, a.debt, a.next_expiry, a.next_timeout,
       a.recorded_us
FROM unnest({arrays member}) k ({member})
JOIN account a USING ({member})
ORDER BY a.merchant_no, a.member
FOR UPDATE OF a;

-- name: claim_ended
SELECT merchant_no, member FROM account
WHERE (account_no, merchant_no) IN (SELECT account_no, merchant_no FROM hold WHERE state = 1 AND expires_us <= $1 ORDER BY expires_us LIMIT $2)
FOR UPDATE SKIP LOCKED;

-- name: claim_lapsed
SELECT merchant_no, member FROM account WHERE next_expiry <= $1 ORDER BY next_expiry LIMIT $2 FOR UPDATE SKIP LOCKED;
