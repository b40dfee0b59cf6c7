-- What carriers report: tracking numbers, reports without an order, codes.

-- One row a tracking number and merchant: which of its orders ever named the number and since when (append-only), and
-- what carriers reported for it. Reports that name no merchant lie once in the row of merchant 0 and are read for every
-- merchant whose orders named the number. Locked before the orders, so that a report and the order that names its number
-- always see each other. flags: 1 some report is ambiguous, 2 very many orders named the number, 4 (of merchant 0) some
-- merchant's order named it.
CREATE TABLE tracking (
  number      bytea NOT NULL,
  merchant_no int NOT NULL,
  first_us    bigint NOT NULL,
  flags       int NOT NULL DEFAULT 0,
  claims      bytea,
  reports     bytea,
  PRIMARY KEY (number, merchant_no)
) WITH (fillfactor = 50);
CREATE INDEX tracking_unmatched ON tracking (first_us) WHERE claims IS NULL AND flags & 4 = 0;
CREATE INDEX tracking_ambiguous ON tracking (number) WHERE flags & 1 = 1;

-- Reports that name an order, but no merchant: for every merchant's order with that id, also one that comes later. taken:
-- some merchant has such an order.
CREATE TABLE awaiting_order (
  order_id bytea NOT NULL,
  report   bytea NOT NULL,
  first_us bigint NOT NULL,
  taken    boolean NOT NULL DEFAULT false,
  PRIMARY KEY (order_id, report)
);
CREATE INDEX awaiting_order_first ON awaiting_order (first_us);

-- Codes that no table has: how often and with which text; the reports that carried them, to look at again when an
-- operator adds the code. After the first thousand of a merchant's service they are counted under one label.
-- merchant_no: 0 of reports that name none.
CREATE TABLE unknown_code (
  carrier     text NOT NULL,
  service     text NOT NULL,
  code        text NOT NULL,
  merchant_no int NOT NULL,
  shown       text NOT NULL,
  reports     bigint NOT NULL,
  first_us    bigint NOT NULL,
  last_us     bigint NOT NULL,
  PRIMARY KEY (carrier, service, code, merchant_no)
);
CREATE INDEX unknown_code_merchant ON unknown_code (merchant_no);
CREATE TABLE unknown_report (
  carrier     text NOT NULL,
  service     text NOT NULL,
  code        text NOT NULL,
  kind        smallint NOT NULL,  -- as in the recheck queue: 1 key is an order id, 5 a tracking number
  merchant_no int NOT NULL,
  key         bytea NOT NULL,
  PRIMARY KEY (carrier, service, code, kind, merchant_no, key)
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
