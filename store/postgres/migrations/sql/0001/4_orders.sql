-- Orders with their facts and plans, and what belongs to them.

-- Facts of an order (rules/order/facts.py). What SQL has no use for is packed (store/orders/codec/), since every column
-- of the hot path costs; the view orders_shown unpacks it for people. settings_no: the version bound to, 0 none in force,
-- negative not bound yet. No index on anything that changes, so that updates stay HOT.
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
  origin       bytea,
  reports      bytea,
  PRIMARY KEY (merchant_no, order_id)
) WITH (fillfactor = 50);
-- Whose orders a customer event concerns; with the id, so that a member's thousands are read page by page. Nothing in it
-- changes once an order has its member, so updates stay HOT.
CREATE INDEX orders_member ON orders (merchant_no, member, order_id) WHERE member IS NOT NULL;
-- Whose a report is that names an order and no merchant: without it, one probe for each merchant there is.
CREATE INDEX orders_id ON orders (order_id);
CREATE INDEX orders_unbound ON orders (merchant_no, order_id) WHERE settings_no < 0;

-- Read only when orders.flags says so: the parcels behind the first, and returns.
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
  merchant_no  int NOT NULL,
  order_id     bytea NOT NULL,
  return_id    bytea NOT NULL,
  return_order bytea NOT NULL,
  PRIMARY KEY (merchant_no, order_id, return_id)
);

-- trace: of what made the plan, packed (processors/tracing/context.py), so that the grant can link to it; where there is
-- none, it takes no byte.
CREATE TABLE due (
  merchant_no int NOT NULL,
  due_us      bigint NOT NULL,
  order_id    bytea NOT NULL,
  trace       bytea,
  PRIMARY KEY (merchant_no, due_us, order_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.2);
-- What is due soonest, whoever's it is: without it, one probe for each merchant that has plans. Plans share their
-- midnights, so most of its entries are duplicates and take a few bytes.
CREATE INDEX due_soonest ON due (due_us, merchant_no);

-- What customer events say of members since when (rules.md 1.5), packed; version is of the record that changed it last.
CREATE TABLE customer (
  merchant_no int NOT NULL,
  member      bytea NOT NULL,
  version     bytea NOT NULL,
  timeline    bytea NOT NULL,
  PRIMARY KEY (merchant_no, member)
) WITH (fillfactor = 80);

-- Orders that were split or combined: a child is judged by its ancestors' creation (rules.md 1.7).
CREATE TABLE family (
  merchant_no int NOT NULL,
  parent_id   bytea NOT NULL,
  child_id    bytea NOT NULL,
  PRIMARY KEY (merchant_no, parent_id, child_id)
);
