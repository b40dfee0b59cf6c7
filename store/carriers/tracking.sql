-- name: claims
-- Without a lock: a claim that is seen stays, one that is not seen is looked for again under the lock. With each number the
-- row of the reports that name no merchant (0).
SELECT t.number, t.merchant_no, t.flags, t.claims
FROM unnest({arrays key}) k ({key})
JOIN tracking t ON t.number = k.number AND t.merchant_no IN (0, k.merchant_no);

-- name: claimed_by
-- At most $2 merchants of each number: a number that very many name must not make a batch long.
SELECT t.number, t.merchant_no, t.flags, t.claims
FROM unnest($1::bytea[]) k (number)
CROSS JOIN LATERAL (
  SELECT c.number, c.merchant_no, c.flags, c.claims FROM tracking c
  WHERE c.number = k.number AND c.merchant_no > 0 AND c.claims IS NOT NULL
  ORDER BY c.merchant_no LIMIT $2) t;

-- name: ask_each
-- Kind 5 of the queue, a tracking number of a merchant, for each merchant with an order that named it.
INSERT INTO recheck (kind, merchant_no, key, since_us)
SELECT 5, t.merchant_no, t.key, $2
FROM (SELECT merchant_no, number AS key FROM tracking
      WHERE number = $1 AND merchant_no > 0 AND claims IS NOT NULL ORDER BY merchant_no) t
ON CONFLICT DO NOTHING;

-- name: lock
SELECT {t.row}
FROM unnest({arrays key}) k ({key}) JOIN tracking t ON t.number = k.number AND t.merchant_no = k.merchant_no
ORDER BY t.number, t.merchant_no FOR UPDATE OF t;

-- name: read
SELECT {t.row}
FROM unnest({arrays key}) k ({key}) JOIN tracking t ON t.number = k.number AND t.merchant_no = k.merchant_no
ORDER BY t.number, t.merchant_no;

-- name: insert
INSERT INTO tracking ({row}, first_us)
SELECT {k.row}, $1 FROM unnest({arrays row from 2}) k ({row}) ON CONFLICT DO NOTHING;

-- name: update
UPDATE tracking t SET {set row}
FROM unnest({arrays row}) k ({row})
WHERE t.number = k.number AND t.merchant_no = k.merchant_no;

-- name: unmatched
SELECT t.number, t.merchant_no, t.reports FROM tracking t
WHERE t.claims IS NULL AND t.flags & 4 = 0 AND t.first_us < $1
ORDER BY t.first_us LIMIT $2 FOR UPDATE OF t SKIP LOCKED;

-- name: forget
DELETE FROM tracking t USING unnest({arrays key}) k ({key}) WHERE t.number = k.number AND t.merchant_no = k.merchant_no;

-- name: keep
UPDATE tracking t SET {set kept}
FROM unnest({arrays kept}) k ({kept}) WHERE t.number = k.number AND t.merchant_no = k.merchant_no;

-- name: count_purged
INSERT INTO purged_report AS p (kind, reports) VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE SET reports = p.reports + excluded.reports;
