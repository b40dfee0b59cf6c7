-- What carriers reported of an order, packed (store/orders/codec.py): at, meaning, service, code, named, tracking number.
ALTER TABLE orders ADD COLUMN reports bytea;

CREATE FUNCTION number_at(packed bytea, start int) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT CASE WHEN get_byte(packed, 0) = 2
               THEN nullif(encode(substring(packed FROM start + 2 FOR get_byte(packed, start)), 'escape'), '') END $$;
COMMENT ON FUNCTION number_at(bytea, int) IS 'The tracking number inside packed facts, if there is one.';

CREATE OR REPLACE VIEW orders_shown AS
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
       time_at(o.posted, 33) AS granted_final_at, time_at(o.posted, 41) AS granted_due_at,
       number_at(o.record, 125) AS tracking_number, number_at(o.parcel, 57) AS delivery_tracking_number,
       o.reports IS NOT NULL AS has_carrier_reports
FROM orders o JOIN merchant m USING (merchant_no);

-- Whose orders a customer event concerns; with the id, so that a member's thousands are read page by page. Nothing in it
-- changes once an order has its member, so updates stay HOT.
DROP INDEX orders_member;
CREATE INDEX orders_member ON orders (merchant_no, member, order_id) WHERE member IS NOT NULL;

-- One row a tracking number: which orders ever named it (append-only), and what carriers reported for it. Locked before
-- the orders, so that a report and the order that names its number always see each other. flags: 1 some report is
-- ambiguous.
CREATE TABLE tracking (
  number   bytea PRIMARY KEY,
  first_us bigint NOT NULL,
  flags    int NOT NULL DEFAULT 0,
  claims   bytea,
  reports  bytea
) WITH (fillfactor = 50);
CREATE INDEX tracking_unmatched ON tracking (first_us) WHERE claims IS NULL;
CREATE INDEX tracking_ambiguous ON tracking (number) WHERE flags & 1 = 1;

-- Reports that name an order, but no merchant, and whose order is not known, or known of several merchants.
CREATE TABLE awaiting_order (
  order_id bytea NOT NULL,
  report   bytea NOT NULL,
  first_us bigint NOT NULL,
  PRIMARY KEY (order_id, report)
);
CREATE INDEX awaiting_order_first ON awaiting_order (first_us);

-- Codes that no table has: how often and with which text; the reports that carried them, to look at again when an
-- operator adds the code. After the first thousand of a service they are counted under one label.
CREATE TABLE unknown_code (
  carrier  text NOT NULL,
  service  text NOT NULL,
  code     text NOT NULL,
  shown    text NOT NULL,
  reports  bigint NOT NULL,
  first_us bigint NOT NULL,
  last_us  bigint NOT NULL,
  PRIMARY KEY (carrier, service, code)
);
CREATE TABLE unknown_report (
  carrier     text NOT NULL,
  service     text NOT NULL,
  code        text NOT NULL,
  merchant_no int NOT NULL,  -- 0: key is a tracking number, else an order id
  key         bytea NOT NULL,
  PRIMARY KEY (carrier, service, code, merchant_no, key)
);

-- Codes that operators added or changed, over the shipped tables: the newest version of a code counts, all are kept.
CREATE TABLE carrier_code (
  version    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  carrier    text NOT NULL,
  service    text NOT NULL,
  code       text NOT NULL,
  meaning    smallint,  -- null: back to the shipped table
  note       text NOT NULL,
  applied_us bigint NOT NULL,
  applied_by text NOT NULL
);

-- How many reports without an order were forgotten after 180 days.
CREATE TABLE purged_report (
  kind    text PRIMARY KEY,
  reports bigint NOT NULL
);

CREATE TABLE customer (
  merchant_no   int NOT NULL,
  member        bytea NOT NULL,
  version       bytea NOT NULL,
  registered_us bigint,
  is_member     boolean,
  PRIMARY KEY (merchant_no, member)
) WITH (fillfactor = 80);

CREATE TABLE application_event (
  merchant_no int NOT NULL,
  at_us       bigint NOT NULL,
  installed   boolean NOT NULL,
  PRIMARY KEY (merchant_no, at_us, installed)
);

-- Orders that were split: a child is bound to settings as its parent is (SPEC 1.7).
CREATE TABLE family (
  merchant_no int NOT NULL,
  parent_id   bytea NOT NULL,
  child_id    bytea NOT NULL,
  PRIMARY KEY (merchant_no, parent_id, child_id)
);

-- The one queue of what is to be looked at again. kind: 1 an order, 2 all unbound orders of the merchant, 3 the orders of
-- a member, 4 the merchant's orders, 5 a tracking number (key names the order, member or number); 3 and 4 mean the orders
-- created from since_us until before_us. xid is the transaction that asked: the row is worked off when everything that
-- ran beside it is over, so that whatever ran beside it is seen. It leads the key, so that the oldest come first.
DROP TABLE recheck;
CREATE TABLE recheck (
  kind          smallint NOT NULL,
  xid           xid8 NOT NULL DEFAULT pg_current_xact_id(),
  merchant_no   int NOT NULL,
  key           bytea NOT NULL,
  since_us      bigint NOT NULL DEFAULT 0,
  before_us     bigint NOT NULL DEFAULT 9223372036854775807,
  not_before_us bigint NOT NULL DEFAULT 0,
  reached       bytea NOT NULL DEFAULT '',  -- how far a row for many orders has come
  PRIMARY KEY (kind, xid, merchant_no, key, since_us)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);

GRANT SELECT, INSERT, UPDATE, DELETE ON tracking, awaiting_order, unknown_code, unknown_report, purged_report, customer,
  family, recheck TO points_app;
GRANT SELECT, INSERT ON application_event, carrier_code TO points_app;
