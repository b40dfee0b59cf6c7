-- What all rooms use: the clock, functions over packed facts, interned strings, and which code may work on this schema.
-- Instants are bigint microseconds since 1970 UTC, amounts minor units, ids packed (schemas/packing.py).

CREATE FUNCTION points_now() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;
COMMENT ON FUNCTION points_now() IS 'The one clock of the product, in microseconds. Test databases replace it.';

CREATE FUNCTION int_at(packed bytea, start int, bytes int) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT CASE bytes WHEN 4 THEN ('x' || encode(substring(packed FROM start + 1 FOR 4), 'hex'))::bit(32)::int::bigint
                     ELSE nullif(('x' || encode(substring(packed FROM start + 1 FOR 8), 'hex'))::bit(64)::bigint,
                                 (-9223372036854775808)::bigint) END $$;
COMMENT ON FUNCTION int_at(bytea, int, int) IS 'A number inside packed facts; the least bigint stands for none.';

CREATE FUNCTION time_at(packed bytea, start int) RETURNS timestamptz LANGUAGE sql STABLE STRICT PARALLEL SAFE AS
$$ SELECT to_timestamp(int_at(packed, start, 8) / 1000000.0) $$;
COMMENT ON FUNCTION time_at(bytea, int) IS 'An instant inside packed facts.';

CREATE FUNCTION number_at(packed bytea, start int) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT CASE WHEN get_byte(packed, 0) = 2
               THEN nullif(encode(substring(packed FROM start + 2 FOR get_byte(packed, start)), 'escape'), '') END $$;
COMMENT ON FUNCTION number_at(bytea, int) IS 'The tracking number inside packed facts, if there is one.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never updated or deleted (I3): post a correcting entry instead', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;

-- The oldest code (named by the newest revision it knows) that works on each revision of this schema: an expanding
-- revision names its predecessor's, a contracting one its own (store/postgres/migrate.py).
CREATE TABLE schema_compatibility (
  revision    text PRIMARY KEY,
  oldest_code text NOT NULL
);
INSERT INTO schema_compatibility (revision, oldest_code) VALUES ('0001_baseline', '0001_baseline');

-- Open enumerations of upstream (statuses, delivery options, tiers, ...): unknown strings are kept, rows stay narrow.
CREATE TABLE word (
  no   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  word text NOT NULL UNIQUE
);

-- Workers that run, each a row that it writes every few seconds: which proves that it can write, and shows `points doctor`
-- which ones run, which were started again and again, and what holds them up. A worker that ends in order takes its row
-- with it.
CREATE TABLE worker_beat (
  kind       text NOT NULL,
  instance   text NOT NULL,
  started_us bigint NOT NULL,
  beat_us    bigint NOT NULL,
  trouble    text,
  PRIMARY KEY (kind, instance)
) WITH (fillfactor = 50);

-- Workers that are connected compare the revision again when the epoch moves (store/settings/merchants.py).
CREATE FUNCTION move_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE settings_epoch SET epoch = epoch + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER schema_moved AFTER UPDATE OF version_num ON alembic_version FOR EACH STATEMENT EXECUTE FUNCTION move_epoch();
