-- name: all
SELECT no, word FROM word;

-- name: insert
INSERT INTO word (word) SELECT w FROM unnest($1::text[]) w ORDER BY w ON CONFLICT DO NOTHING;

-- name: find
SELECT no, word FROM word WHERE word = ANY ($1::text[]);
