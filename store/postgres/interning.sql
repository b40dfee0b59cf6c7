-- name: page
SELECT no, word FROM word WHERE no >= $1 AND no < $2;

-- name: insert
INSERT INTO word (word) SELECT k.word FROM unnest($1::text[]) k (word) ORDER BY k.word ON CONFLICT DO NOTHING;

-- name: find
SELECT no, word FROM word WHERE word = ANY ($1::text[]);
