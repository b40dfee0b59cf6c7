-- The spine: orders and their facts, plans, the ledger with its lots and accounts, cursors, settings, outbox, quarantine.
-- Instants are bigint microseconds since 1970 UTC, amounts minor units, ids packed (schemas/packing.py), words interned.

CREATE FUNCTION points_now() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;
COMMENT ON FUNCTION points_now() IS 'The one clock of the product, in microseconds. Test databases replace it.';

CREATE TABLE merchant (
  merchant_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  merchant_id text NOT NULL UNIQUE
);

-- Open enumerations of upstream (statuses, delivery options, tiers, ...): unknown words are kept, rows stay narrow.
CREATE TABLE word (
  no   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  word text NOT NULL UNIQUE
);

CREATE TABLE settings (
  merchant_no  int NOT NULL REFERENCES merchant,
  version      int NOT NULL CHECK (version > 0),
  effective_us bigint NOT NULL,
  document     jsonb NOT NULL,
  digest       bytea NOT NULL,
  applied_us   bigint NOT NULL,
  applied_by   text NOT NULL,
  PRIMARY KEY (merchant_no, version)
);

-- Counts changes of settings, so that workers see with one look whether what they remember still holds.
CREATE TABLE settings_epoch (
  one   boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch bigint NOT NULL
);
INSERT INTO settings_epoch (epoch) VALUES (0);

-- Where each pipeline stands (I6) and what became of every record (I7).
CREATE TABLE cursor (
  pipeline     text NOT NULL,
  cluster      text NOT NULL,
  topic_uuid   text NOT NULL,
  partition    int NOT NULL,
  topic        text NOT NULL,
  first_offset bigint NOT NULL,
  next_offset  bigint NOT NULL,
  applied      bigint NOT NULL DEFAULT 0,
  duplicate    bigint NOT NULL DEFAULT 0,
  ignored      bigint NOT NULL DEFAULT 0,
  parked       bigint NOT NULL DEFAULT 0,
  dead         bigint NOT NULL DEFAULT 0,
  updated_us   bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (pipeline, cluster, topic_uuid, partition)
) WITH (fillfactor = 20);

CREATE TABLE ignored_reason (
  pipeline  text NOT NULL,
  topic     text NOT NULL,
  partition int NOT NULL,
  reason    text NOT NULL,
  records   bigint NOT NULL,
  PRIMARY KEY (pipeline, topic, partition, reason)
) WITH (fillfactor = 50);

CREATE TABLE pipeline_state (
  pipeline       text PRIMARY KEY,
  paused_us      bigint,
  reason         text,
  grace_position bigint NOT NULL DEFAULT 0
);

-- Facts of an order (rules/order/facts.py). What SQL has no use for is packed (store/orders/codec.py), since every column of the hot
-- path costs; the view orders_shown unpacks it for people. settings_no: the version bound to, 0 none in force, negative
-- not bound yet. No index on anything that changes, so that updates stay HOT.
CREATE TABLE orders (
  merchant_no  int NOT NULL,
  order_id     bytea NOT NULL,
  settings_no  int NOT NULL,
  flags        int NOT NULL,
  member       bytea,
  record       bytea,
  record_trail bytea,
  parcel       bytea,
  parcel_trail bytea,
  due_us       bigint,
  planned      bigint NOT NULL,
  posted       bytea,
  PRIMARY KEY (merchant_no, order_id)
) WITH (fillfactor = 50);
CREATE INDEX orders_member ON orders (merchant_no, member) WHERE member IS NOT NULL;
CREATE INDEX orders_unbound ON orders (merchant_no, order_id) WHERE settings_no < 0;

-- Read only when orders.flags says so.
CREATE TABLE parcel (
  merchant_no int NOT NULL,
  order_id    bytea NOT NULL,
  parcel_id   bytea NOT NULL,
  flags       int NOT NULL,
  parcel      bytea NOT NULL,
  trail       bytea,
  PRIMARY KEY (merchant_no, order_id, parcel_id)
);
CREATE TABLE return_order (
  merchant_no int NOT NULL,
  order_id    bytea NOT NULL,
  return_id   bytea NOT NULL,
  version     bytea NOT NULL,
  status_no   int NOT NULL,
  total       bigint NOT NULL,
  trail       bytea,
  PRIMARY KEY (merchant_no, order_id, return_id)
);

CREATE FUNCTION int_at(packed bytea, start int, bytes int) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT CASE bytes WHEN 4 THEN ('x' || encode(substring(packed FROM start + 1 FOR 4), 'hex'))::bit(32)::int::bigint
                     ELSE nullif(('x' || encode(substring(packed FROM start + 1 FOR 8), 'hex'))::bit(64)::bigint,
                                 (-9223372036854775808)::bigint) END $$;
COMMENT ON FUNCTION int_at(bytea, int, int) IS 'A number inside packed facts; the least bigint stands for none.';

CREATE FUNCTION time_at(packed bytea, start int) RETURNS timestamptz LANGUAGE sql STABLE STRICT PARALLEL SAFE AS
$$ SELECT to_timestamp(int_at(packed, start, 8) / 1000000.0) $$;

CREATE TABLE due (
  merchant_no int NOT NULL,
  due_us      bigint NOT NULL,
  order_id    bytea NOT NULL,
  PRIMARY KEY (merchant_no, due_us, order_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.2);

-- Orders to look at again because something beside them changed; an empty order id means all unbound orders.
CREATE TABLE recheck (
  merchant_no   int NOT NULL,
  order_id      bytea NOT NULL,
  not_before_us bigint NOT NULL,
  PRIMARY KEY (merchant_no, order_id, not_before_us)
);

CREATE SEQUENCE account_no;
CREATE TABLE account (
  account_no  bigint PRIMARY KEY,
  merchant_no int NOT NULL,
  member      bytea NOT NULL,
  sequence    bigint NOT NULL,
  available   bigint NOT NULL CHECK (available >= 0),
  held        bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
  debt        bigint NOT NULL DEFAULT 0 CHECK (debt >= 0),
  next_expiry bigint NOT NULL DEFAULT 9223372036854775807,
  UNIQUE (merchant_no, member),
  CHECK (available = 0 OR debt = 0)
) WITH (fillfactor = 50);
-- next_expiry changes seldom: a member's soonest lot lapses or is used up.
CREATE INDEX account_next_expiry ON account (next_expiry) WHERE next_expiry < 9223372036854775807;

CREATE TABLE lot (
  account_no  bigint NOT NULL,
  expires_us  bigint NOT NULL,
  source      bytea NOT NULL,
  episode     int NOT NULL,
  points      bigint NOT NULL,
  remaining   bigint NOT NULL CHECK (remaining >= 0),
  held        bigint NOT NULL DEFAULT 0 CHECK (held >= 0 AND held <= remaining),
  expired     bigint NOT NULL DEFAULT 0 CHECK (expired >= 0),
  PRIMARY KEY (account_no, expires_us, source, episode)
) WITH (fillfactor = 80);

-- The truth: never updated, never deleted (I3). What the entry did to lots: expires_us and lot_points when it was the one
-- lot of its order and episode, else the list in lots.
CREATE TABLE ledger (
  account_no  bigint NOT NULL,
  sequence    bigint NOT NULL,
  merchant_no int NOT NULL,
  type        smallint NOT NULL,
  cause       smallint NOT NULL,
  order_id    bytea,
  entry_no    int,
  cause_id    bytea,
  points      bigint NOT NULL,
  held_points bigint NOT NULL DEFAULT 0,
  available   bigint NOT NULL,
  held        bigint NOT NULL,
  debt        bigint NOT NULL,
  settings_no int,
  episode     int,
  expires_us  bigint,
  lot_points  bigint,
  lots        jsonb,
  occurred_us bigint NOT NULL,
  recorded_us bigint NOT NULL,
  event_id    uuid NOT NULL,
  PRIMARY KEY (account_no, sequence)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never updated or deleted (I3): post a correcting entry instead', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_is_never_truncated BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE outbox (
  shard   smallint NOT NULL,
  id      bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
  kind    smallint NOT NULL,
  key     bytea,
  value   bytea,
  headers bytea,
  PRIMARY KEY (shard, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);

CREATE TABLE quarantine (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pipeline     text NOT NULL,
  topic        text NOT NULL,
  topic_uuid   text NOT NULL,
  partition    int NOT NULL,
  "offset"     bigint NOT NULL,
  key          bytea,
  value        bytea,
  headers      bytea,
  timestamp_us bigint NOT NULL,
  merchant_id  text,
  reason       text NOT NULL,
  message      text NOT NULL,
  position     bigint NOT NULL,
  received_us  bigint NOT NULL,
  redriven_us  bigint,
  discarded_us bigint,
  purged_us    bigint,
  UNIQUE (topic_uuid, partition, "offset")
);
-- Raw bytes may hold personal data: they go after 14 days, the rest of the row stays.
CREATE INDEX quarantine_to_purge ON quarantine (received_us) WHERE purged_us IS NULL;
CREATE INDEX quarantine_position ON quarantine (pipeline, position);

CREATE VIEW orders_shown AS
SELECT m.merchant_id, encode(o.order_id, 'hex') AS order_id, encode(o.member, 'hex') AS member_id, o.settings_no,
       time_at(o.record, 25) AS created_at, time_at(o.record, 1) AS updated_at,
       (SELECT word FROM word WHERE no = int_at(o.record, 33, 4)) AS status,
       (SELECT word FROM word WHERE no = int_at(o.record, 37, 4)) AS created_by,
       (SELECT word FROM word WHERE no = int_at(o.record, 45, 4)) AS currency,
       int_at(o.record, 57, 8) AS subtotal, int_at(o.record, 65, 8) AS order_discount,
       int_at(o.record, 73, 8) AS custom_discount, int_at(o.record, 81, 8) AS points_to_cash,
       int_at(o.record, 89, 8) AS user_credit,
       (SELECT word FROM word WHERE no = int_at(o.parcel, 29, 4)) AS delivery_option,
       (SELECT word FROM word WHERE no = int_at(o.parcel, 25, 4)) AS delivery_status,
       time_at(o.parcel, 33) AS arrived_at, time_at(o.parcel, 41) AS collected_at,
       to_timestamp(o.due_us / 1000000.0) AS due_at, o.planned, int_at(o.posted, 9, 8) AS posted,
       int_at(o.posted, 5, 4) AS entries, int_at(o.posted, 1, 4) AS episode,
       time_at(o.posted, 33) AS granted_final_at, time_at(o.posted, 41) AS granted_due_at
FROM orders o JOIN merchant m USING (merchant_no);
COMMENT ON VIEW orders_shown IS 'Orders as people read them; slow, for looking only.';

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'points_app') THEN
    CREATE ROLE points_app NOLOGIN;
  END IF;
  IF NOT pg_has_role(current_user, 'points_app', 'SET') THEN
    EXECUTE format('GRANT points_app TO %I', current_user);
  END IF;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO points_app;
REVOKE UPDATE, DELETE, TRUNCATE ON ledger FROM points_app;
REVOKE UPDATE, DELETE, TRUNCATE ON settings FROM points_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO points_app;
