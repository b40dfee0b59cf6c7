-- No statement here locks: the lots of an account belong to whoever has its row locked.

-- name: read
-- What an account is opened with. Part 1: the lots named, whatever is left of them. Part 2: all that have lapsed.
-- Part 3: the first free ones behind those, in the order in which they are spent. No free lot expires before
-- account.next_expiry (from_us), so that what was spent long ago is not walked over.
SELECT 1::smallint, l.account_no, l.expires_us, l.source_kind, l.source, l.episode, l.points, l.remaining, l.held, l.expired
FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bytea[], $5::int[])
     k (account_no, expires_us, source_kind, source, episode)
JOIN lot l USING (account_no, expires_us, source_kind, source, episode)
UNION ALL
SELECT 2, l.account_no, l.expires_us, l.source_kind, l.source, l.episode, l.points, l.remaining, l.held, l.expired
FROM unnest($6::bigint[], $7::bigint[]) a (account_no, from_us)
JOIN lot l ON l.account_no = a.account_no AND l.expires_us >= a.from_us AND l.expires_us <= $9
WHERE l.remaining > l.held
UNION ALL
SELECT 3, l.account_no, l.expires_us, l.source_kind, l.source, l.episode, l.points, l.remaining, l.held, l.expired
FROM unnest($6::bigint[], $7::bigint[], $8::int[]) a (account_no, from_us, lots)
CROSS JOIN LATERAL (
SELECT * FROM lot x
WHERE x.account_no = a.account_no AND x.expires_us >= a.from_us AND x.expires_us > $9 AND x.remaining > x.held
ORDER BY x.account_no, x.expires_us, x.source_kind, x.source, x.episode
LIMIT a.lots) l;

-- name: read_more
-- The next free ones behind a lot.
SELECT 3::smallint, l.account_no, l.expires_us, l.source_kind, l.source, l.episode, l.points, l.remaining, l.held, l.expired
FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bytea[], $5::int[])
     k (account_no, expires_us, source_kind, source, episode)
CROSS JOIN LATERAL (
SELECT * FROM lot x
WHERE x.account_no = k.account_no
  AND (x.expires_us, x.source_kind, x.source, x.episode) > (k.expires_us, k.source_kind, k.source, k.episode)
  AND x.remaining > x.held
ORDER BY x.account_no, x.expires_us, x.source_kind, x.source, x.episode
LIMIT $6) l;

-- name: add
-- Of accounts whose lots were not read: grants are added to what may be there.
INSERT INTO lot AS l (account_no, expires_us, source_kind, source, episode, points, remaining, held, expired)
SELECT k.account_no, k.expires_us, k.source_kind, k.source, k.episode, k.points, k.remaining, k.held, k.expired
FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bytea[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[])
     k (account_no, expires_us, source_kind, source, episode, points, remaining, held, expired)
ON CONFLICT (account_no, expires_us, source_kind, source, episode) DO UPDATE
SET points = l.points + excluded.points, remaining = l.remaining + excluded.remaining;

-- name: write
-- Of accounts whose lots were read: new ones, and those that were changed, as they are now.
INSERT INTO lot AS l (account_no, expires_us, source_kind, source, episode, points, remaining, held, expired)
SELECT k.account_no, k.expires_us, k.source_kind, k.source, k.episode, k.points, k.remaining, k.held, k.expired
FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bytea[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[])
     k (account_no, expires_us, source_kind, source, episode, points, remaining, held, expired)
ON CONFLICT (account_no, expires_us, source_kind, source, episode) DO UPDATE
SET points = excluded.points, remaining = excluded.remaining, held = excluded.held, expired = excluded.expired;
