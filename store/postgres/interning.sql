-- name: all
SELECT no, word FROM word;

-- name: insert
INSERT INTO word (word) SELECT k.word FROM unnest($1::text[]) k (word) ORDER BY k.word ON CONFLICT DO NOTHING;

-- name: find
SELECT no, word FROM word WHERE word = ANY ($1::text[]);
