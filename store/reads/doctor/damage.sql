-- What a restore, a copy or a hand left out of the schema. By the catalogue, which everybody may read.

-- name: missing_columns
SELECT k.schema, k.relation || '.' || k.attribute
FROM unnest({arrays column}) k ({column})
WHERE NOT EXISTS (
  SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = k.schema AND c.relname = k.relation AND a.attname = k.attribute AND NOT a.attisdropped)
ORDER BY 1, 2;

-- name: unusable_indexes
SELECT k.schema, k.name FROM unnest({arrays index}) k ({index})
WHERE NOT EXISTS (
  SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = k.schema AND c.relname = k.name AND i.indisvalid AND i.indisready)
ORDER BY 1, 2;

-- name: last_number
-- 0 where none was given yet, NULL where it may not be seen.
SELECT CASE WHEN has_sequence_privilege(c.oid, 'USAGE, SELECT') THEN coalesce(pg_sequence_last_value(c.oid), 0) END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'S';
