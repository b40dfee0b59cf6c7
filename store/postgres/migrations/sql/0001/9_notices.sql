-- The notices lane: what it knows of shops and members, what it tells them, and what became of it. A schema and a role of
-- its own: the lane may do nothing to the engine's tables, and the engine nothing to these.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'points_notices') THEN CREATE ROLE points_notices NOLOGIN; END IF;
  IF NOT pg_has_role(current_user, 'points_notices', 'SET') THEN
    EXECUTE format('GRANT points_notices TO %I', current_user);
  END IF;
END $$;
CREATE SCHEMA notices;
-- What opens the sealed columns of notices.contact, apart, so that a dump can leave it out.
CREATE SCHEMA notices_keys;

-- The same tables as the engine's, so that the same code works on them with search_path = notices.
CREATE TABLE notices.worker_beat (LIKE public.worker_beat INCLUDING ALL);
CREATE TABLE notices.cursor (LIKE public.cursor INCLUDING ALL);
CREATE TABLE notices.ignored_reason (LIKE public.ignored_reason INCLUDING ALL);
CREATE TABLE notices.pipeline_state (LIKE public.pipeline_state INCLUDING ALL);
CREATE TABLE notices.outbox (LIKE public.outbox INCLUDING ALL);
CREATE TABLE notices.outbox_refused (LIKE public.outbox_refused INCLUDING ALL);
CREATE TABLE notices.quarantine (LIKE public.quarantine INCLUDING ALL);
CREATE TABLE notices.merchant_poison (LIKE public.merchant_poison INCLUDING ALL);
CREATE TABLE notices.counted_poison (LIKE public.counted_poison INCLUDING ALL);
-- Moves when a shop's settings or notice settings change, so that processes see with one look whether what they remember holds.
CREATE TABLE notices.settings_epoch (LIKE public.settings_epoch INCLUDING ALL);
INSERT INTO notices.settings_epoch (epoch) VALUES (0);
-- A copied index has a name that PostgreSQL makes up.
ALTER INDEX notices.outbox_shard_idx RENAME TO outbox_heartbeat;
ALTER INDEX notices.quarantine_received_us_idx RENAME TO quarantine_to_purge;
ALTER INDEX notices.quarantine_topic_received_us_idx RENAME TO quarantine_open;
ALTER INDEX notices.quarantine_topic_uuid_partition_partition_position_idx RENAME TO quarantine_position;

-- Shops as the settings topic or an operator told of them.
CREATE TABLE notices.shop (
  merchant_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  merchant_id text COLLATE "C" NOT NULL UNIQUE
);

-- Of each version of a shop's points settings what notices need.
CREATE TABLE notices.shop_settings (
  merchant_no  int NOT NULL REFERENCES notices.shop,
  version      int NOT NULL,
  effective_us bigint NOT NULL,
  timezone     text NOT NULL,
  languages    text[] NOT NULL,
  enabled      boolean NOT NULL,
  entitled     boolean NOT NULL,  -- by plan or module; whether the app is installed is the engine's to know
  PRIMARY KEY (merchant_no, version)
);

-- A shop's notice settings, every version.
CREATE TABLE notices.notice_settings (
  merchant_no int NOT NULL REFERENCES notices.shop,
  version     int NOT NULL CHECK (version > 0),
  document    jsonb NOT NULL,
  digest      bytea NOT NULL,
  applied_us  bigint NOT NULL,
  applied_by  text NOT NULL,
  PRIMARY KEY (merchant_no, version)
);

-- An id leads with its instant in milliseconds, so that ids sort by time and a range of them is a week.
CREATE FUNCTION notices.first_id(at_us bigint) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT (lpad(to_hex(greatest(at_us, 0) / 1000), 12, '0') || repeat('0', 20))::uuid $$;
COMMENT ON FUNCTION notices.first_id(bigint) IS 'The least notice_id of an instant (microseconds).';

-- One row a change of points, kind and channel, for ever the same id: derived of the event, channel and kind, behind the
-- time when the event was recorded. Partitioned by the week of that time. No address, name or text.
-- state: parked, waiting, claimed, sending, sent, failed, unknown, expired, skipped, withdrawn.
CREATE TABLE notices.notice (
  notice_id      uuid NOT NULL PRIMARY KEY,
  event_id       uuid NOT NULL,
  merchant_no    int NOT NULL,
  member_id      text COLLATE "C" NOT NULL,
  kind           text COLLATE "C" NOT NULL,
  channel        text COLLATE "C" NOT NULL,
  recorded_us    bigint NOT NULL,
  state          text COLLATE "C" NOT NULL,
  reason         text COLLATE "C",            -- why it is so: skipped, failed, waiting again
  points         bigint NOT NULL,             -- what it says: the present figures while it waits
  event_points   bigint NOT NULL DEFAULT 0,   -- what its event gave, or took, and the event's sequence: they never change
  event_sequence bigint NOT NULL DEFAULT 0,
  balance        bigint NOT NULL,
  sequence       bigint NOT NULL,             -- the newest event of the member that the figures know
  expires_us     bigint,
  order_id       text,
  sealed_reason  bytea,                       -- free text of whoever gave points, under the member's key
  not_before_us  bigint NOT NULL DEFAULT 0,
  give_up_us     bigint NOT NULL DEFAULT 9223372036854775807,
  attempt        int NOT NULL DEFAULT 0,
  lease_us       bigint,
  asked_us       bigint,                      -- the first request that may have arrived: a provider's window begins then
  sender         text,                        -- the process that has it
  provider       text,
  provider_id    text,
  parts          int,                         -- by our count
  provider_parts int,                         -- by the provider's, where it says
  delivered_us   bigint,                      -- when a receipt proved that it arrived: then it is sent, whatever comes later
  address_hmac   bytea,                       -- under the member's key
  month          int,                         -- in the shop's zone, as 202611: what it is metered under
  decided_us     bigint NOT NULL,
  changed_us     bigint NOT NULL,
  CHECK (channel IN ('email', 'sms')),
  CHECK (state IN ('parked', 'waiting', 'claimed', 'sending', 'sent', 'failed', 'unknown', 'expired', 'skipped',
                   'withdrawn'))
) PARTITION BY RANGE (notice_id);
-- Who is next: shops take turns, each from its oldest.
CREATE INDEX notice_waiting ON notices.notice (channel, merchant_no, not_before_us) WHERE state = 'waiting';
-- What a sender that died has in hand.
CREATE INDEX notice_leased ON notices.notice (lease_us) WHERE state IN ('claimed', 'sending');
-- What an operator or a receipt must settle.
CREATE INDEX notice_unknown ON notices.notice (changed_us) WHERE state = 'unknown';
CREATE INDEX notice_member ON notices.notice (merchant_no, member_id);

-- Partitions come when the first notice of their week does and go as a whole. With the owner's rights, since the lane's
-- role owns no table; both do one thing only.
CREATE FUNCTION notices.ensure_partition(at_us bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, notices AS $$
DECLARE
  week   bigint := 604800000000;
  monday bigint := 345600000000;  -- 1970-01-05
  n      bigint := floor((at_us - monday)::numeric / week);
  name   text;
BEGIN
  IF n < 0 OR at_us > public.points_now() + 4 * week THEN
    RAISE EXCEPTION 'no partition of notices for instant %', at_us USING ERRCODE = 'check_violation';
  END IF;
  name := 'notice_w' || to_char(n, 'FM00000');
  IF to_regclass('notices.' || name) IS NULL THEN
    PERFORM pg_advisory_xact_lock(736003, n::int);
    -- Asked of the table, which shows what was committed while we waited; to_regclass remembers that there was none.
    IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'notices'::regnamespace AND relname = name) THEN
      EXECUTE format('CREATE TABLE notices.%I (LIKE notices.notice INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES) '
                     'WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)', name);
      EXECUTE format('ALTER TABLE notices.notice ATTACH PARTITION notices.%I FOR VALUES FROM (%L) TO (%L)', name,
                     notices.first_id(monday + n * week), notices.first_id(monday + (n + 1) * week));
      -- Whoever knows the week names its table, since to name the whole one is to open every week.
      EXECUTE format('GRANT SELECT, UPDATE ON notices.%I TO points_notices', name);
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION notices.ensure_partition(bigint) IS 'Makes the partition of the week of an instant, unless it is there.';

CREATE FUNCTION notices.drop_partitions(older_than_days int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, notices AS $$
DECLARE
  kept int := floor((public.points_now() - greatest(older_than_days, 400) * 86400000000 - 345600000000)::numeric / 604800000000);
  name text; dropped int := 0;
BEGIN
  FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'notices'::regnamespace AND relkind = 'r'
                AND relname ~ '^notice_w[0-9]{5}$' AND substr(relname, 9)::int < kept ORDER BY 1 LOOP
    EXECUTE format('DROP TABLE notices.%I', name);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;
COMMENT ON FUNCTION notices.drop_partitions(int) IS 'Drops the weeks that are wholly older than so many days, never less than 400.';
REVOKE ALL ON FUNCTION notices.ensure_partition(bigint), notices.drop_partitions(int) FROM PUBLIC;

-- Changes of points of shops of which no settings were heard yet, without texts: decided when they come.
CREATE TABLE notices.parked_event (
  merchant_id text COLLATE "C" NOT NULL,
  event_id    uuid NOT NULL,
  recorded_us bigint NOT NULL,
  event       jsonb NOT NULL,  -- what deciding needs of it, and no text
  parked_us   bigint NOT NULL,
  PRIMARY KEY (merchant_id, event_id)
);
-- A shop's are decided in the order in which they were recorded, some at a time.
CREATE INDEX parked_event_next ON notices.parked_event (merchant_id, recorded_us);

-- Which reminders of points that lapse were decided: a shop's days, once each.
CREATE TABLE notices.expiring_run (
  merchant_no int NOT NULL REFERENCES notices.shop,
  days        int NOT NULL,
  until_us    bigint NOT NULL,  -- lots that lapse before this instant were looked at
  PRIMARY KEY (merchant_no, days)
);

-- How members are reached. Each value sealed (AES-256-GCM) under the member's key; without a key only the booleans can be read.
CREATE TABLE notices.contact (
  merchant_no int NOT NULL REFERENCES notices.shop,
  member_id   text COLLATE "C" NOT NULL,
  version_us  bigint NOT NULL,  -- when the newest record that changed it was made (its updated_at)
  has_email   boolean NOT NULL,
  has_phone   boolean NOT NULL,
  email_verified boolean NOT NULL,
  phone_verified boolean NOT NULL,
  email       bytea,
  phone       bytea,
  name        bytea,
  language    bytea,
  versions    bytea NOT NULL DEFAULT '',  -- of each field, the version of the record that counts; a row without fields is one removed
  PRIMARY KEY (merchant_no, member_id)
);
CREATE TABLE notices_keys.member_key (
  merchant_no int NOT NULL,
  member_id   text COLLATE "C" NOT NULL,
  wrapped     bytea NOT NULL,  -- the member's key under a key-encryption key
  kek_id      text NOT NULL,
  PRIMARY KEY (merchant_no, member_id)
);

-- Who does not want to hear; stays when a contact is erased. kind: one, or * for all.
CREATE TABLE notices.optout (
  merchant_no int NOT NULL REFERENCES notices.shop,
  member_id   text COLLATE "C" NOT NULL,
  channel     text NOT NULL,
  kind        text NOT NULL,
  source      text NOT NULL,  -- link, stop, bounce, complaint, staff
  since_us    bigint NOT NULL,
  PRIMARY KEY (merchant_no, member_id, channel, kind)
);

-- Providers that an operator paused, and breakers as they were last seen (their truth, when Valkey is away).
CREATE TABLE notices.provider (
  provider    text PRIMARY KEY,
  paused_us   bigint,
  paused_by   text,
  open_until_us bigint,
  why         text
);

-- What each shop owes, by month in its zone. unknown: of the messages, those of which nobody knows yet whether they arrived.
CREATE TABLE notices.meter (
  merchant_no    int NOT NULL REFERENCES notices.shop,
  month          int NOT NULL,
  channel        text NOT NULL,
  provider       text NOT NULL,
  messages       bigint NOT NULL DEFAULT 0,
  parts          bigint NOT NULL DEFAULT 0,
  provider_parts bigint NOT NULL DEFAULT 0,
  unknown        bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (merchant_no, month, channel, provider)
) WITH (fillfactor = 50);

-- Shops that used up their month's parts of SMS, from the first notice that was left out for it. skipped: how many were.
CREATE TABLE notices.limit_reached (
  merchant_no int NOT NULL REFERENCES notices.shop,
  month       int NOT NULL,
  limit_parts int NOT NULL,
  since_us    bigint NOT NULL,
  skipped     bigint NOT NULL,
  PRIMARY KEY (merchant_no, month)
);

-- What the lane reads of the engine's: the numbers of its shops, by which accounts lie together, and the free points that
-- lapse, by member and instant, with the account's posted balance and newest sequence. Accounts with holds that have ended and
-- are not posted are left out for that second: what these free pays debt first. next_expiry: none of the account's points lapse
-- before it.
CREATE VIEW notices.ledger_shop AS SELECT m.merchant_id, m.merchant_no FROM public.merchant m;
CREATE VIEW notices.expiring_points AS
SELECT m.merchant_id, a.merchant_no, a.account_no, a.member, a.available, a.sequence, a.next_expiry, l.expires_us, l.points
FROM public.merchant m
JOIN public.account a ON a.merchant_no = m.merchant_no
CROSS JOIN LATERAL (
  SELECT l.expires_us, sum(l.remaining - l.held)::bigint AS points FROM public.lot l
  WHERE l.account_no = a.account_no AND l.merchant_no = a.merchant_no AND l.remaining > l.held
    AND l.expires_us < 9223372036854775807
  GROUP BY l.expires_us) l
WHERE NOT EXISTS (SELECT FROM public.hold h WHERE h.account_no = a.account_no AND h.merchant_no = a.merchant_no
                    AND h.state = 1 AND h.expires_us <= public.points_now());

-- What the engine sees of the lane's: how far it has read, what became of the records, and whether it is
-- paused. No shop, no member.
CREATE VIEW public.notices_cursor AS
SELECT c.pipeline, c.cluster, c.topic_uuid, c.partition, c.topic, c.first_offset, c.next_offset,
  c.applied, c.duplicate, c.ignored, c.parked, c.dead, c.control
FROM notices.cursor c;
CREATE VIEW public.notices_pause AS
SELECT s.pipeline, s.paused_us FROM notices.pipeline_state s WHERE s.paused_us IS NOT NULL;
GRANT SELECT ON public.notices_cursor, public.notices_pause TO points_app, points_ops, points_readonly;

GRANT USAGE ON SCHEMA notices, notices_keys TO points_notices;
GRANT SELECT ON alembic_version, schema_compatibility TO points_notices;
GRANT SELECT ON notices.ledger_shop, notices.expiring_points TO points_notices;
GRANT EXECUTE ON FUNCTION notices.ensure_partition(bigint), notices.drop_partitions(int) TO points_notices;
GRANT SELECT, INSERT, UPDATE, DELETE ON notices.worker_beat, notices.merchant_poison, notices.optout,
  notices_keys.member_key TO points_notices;
GRANT SELECT, INSERT, UPDATE ON notices.counted_poison, notices.cursor, notices.ignored_reason, notices.pipeline_state,
  notices.quarantine, notices.notice, notices.contact, notices.expiring_run, notices.provider, notices.meter,
  notices.limit_reached TO points_notices;
GRANT SELECT, INSERT, DELETE ON notices.outbox, notices.outbox_refused, notices.parked_event TO points_notices;
GRANT SELECT, INSERT ON notices.shop, notices.shop_settings, notices.notice_settings TO points_notices;
GRANT SELECT, UPDATE ON notices.settings_epoch TO points_notices;
