-- What is read and what is sent: cursors, outbox, quarantine, and the queue of what is to be looked at again.

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
  -- Offsets without a record for us: markers and aborted records of transactional producers, and what compaction took.
  control      bigint NOT NULL DEFAULT 0,
  -- Up to this place in the partition's count of records, poison does not count: an operator has resumed the pipeline.
  grace_position bigint NOT NULL DEFAULT 0,
  updated_us   bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (pipeline, cluster, topic_uuid, partition)
) WITH (fillfactor = 20);

-- Commands behind their partition's cursor that were answered ahead of it; place: the record's offset.
CREATE TABLE answered_ahead (
  cluster    text NOT NULL,
  topic_uuid text NOT NULL,
  partition  int NOT NULL,
  place      bigint NOT NULL,
  was_repeat boolean NOT NULL,
  PRIMARY KEY (cluster, topic_uuid, partition, place)
);

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
  reason         text
);

-- A row of kind 1 holds many events: its values, one a line, are far over a page and stored as they are, since packing
-- them on the way costs more than the pages saved. layout: how value and headers are packed (store/streams/outbox.py).
CREATE TABLE outbox (
  shard   smallint NOT NULL,
  id      bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
  kind    smallint NOT NULL,
  layout  smallint NOT NULL DEFAULT 1,
  key     bytea,
  value   bytea STORAGE EXTERNAL,
  headers bytea,
  events  int NOT NULL DEFAULT 1,
  PRIMARY KEY (shard, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 50000);
-- A shard never holds more than one heartbeat, however long nothing is sent. No other row is in the index.
CREATE UNIQUE INDEX outbox_heartbeat ON outbox (shard) WHERE kind = 10;

-- Rows of the outbox that the broker refuses for good, set aside so that they hold up no others; with the topic, size
-- and reason for the operator who retries or discards them. Never a points-changed row.
CREATE TABLE outbox_refused (
  shard      smallint NOT NULL,
  id         bigint NOT NULL,
  kind       smallint NOT NULL,
  layout     smallint NOT NULL,
  key        bytea,
  value      bytea,
  headers    bytea,
  topic      text NOT NULL,
  size       bigint NOT NULL,
  reason     text NOT NULL,
  refused_us bigint NOT NULL,
  PRIMARY KEY (shard, id)
);

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
  -- The place in the partition's count of records: counted by partition, so that two workers never count the same ones.
  partition_position bigint NOT NULL,
  received_us  bigint NOT NULL,
  redriven_us  bigint,
  discarded_us bigint,
  purged_us    bigint,
  UNIQUE (topic_uuid, partition, "offset")
);
-- Raw bytes may hold personal data: they go after 14 days, the rest of the row stays.
CREATE INDEX quarantine_to_purge ON quarantine (received_us) WHERE purged_us IS NULL;
-- What waits for an operator, by topic and age: for gauges.
CREATE INDEX quarantine_open ON quarantine (topic, received_us) WHERE redriven_us IS NULL AND discarded_us IS NULL;
CREATE INDEX quarantine_position ON quarantine (topic_uuid, partition, partition_position);

-- One merchant's poison of a day (UTC): how much of it was kept, and how much was only counted because its share was used
-- up. A day's rows are forgotten with its bytes.
CREATE TABLE merchant_poison (
  pipeline      text NOT NULL,
  merchant_id   text NOT NULL,
  day           int NOT NULL,
  kept          bigint NOT NULL DEFAULT 0,
  kept_bytes    bigint NOT NULL DEFAULT 0,
  counted       bigint NOT NULL DEFAULT 0,
  counted_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (pipeline, merchant_id, day)
) WITH (fillfactor = 50);

-- The places of poison that was only counted, in the partition's count of records, and whose it was: as many of the last
-- as the pause looks at. What is kept has its place in quarantine.
CREATE TABLE counted_poison (
  pipeline   text NOT NULL,
  topic_uuid text NOT NULL,
  partition  int NOT NULL,
  positions  bigint[] NOT NULL,
  merchants  text[] NOT NULL,
  PRIMARY KEY (pipeline, topic_uuid, partition)
);

-- Every record that is parked, by its coordinates, and why: no effect until what key names (a tracking number, or an
-- order id behind a zero byte) is settled. The row goes when that is so, or after 180 days.
CREATE TABLE parked_record (
  pipeline    text NOT NULL,
  topic       text NOT NULL,
  topic_uuid  text NOT NULL,
  partition   int NOT NULL,
  "offset"    bigint NOT NULL,
  merchant_no int NOT NULL,
  reason      text NOT NULL,
  key         bytea NOT NULL,
  occurred_us bigint NOT NULL,
  first_us    bigint NOT NULL,
  PRIMARY KEY (topic_uuid, partition, "offset")
);
CREATE INDEX parked_record_key ON parked_record (key, merchant_no);
CREATE INDEX parked_record_first ON parked_record (first_us);

-- The one queue of what is to be looked at again. kind: 1 an order, 2 all unbound orders of the merchant, 3 the orders of
-- a member, 4 the merchant's orders, 5 a tracking number, 6 the orders that come from an order (key names the order,
-- member or number); 3 and 4 mean the orders created from since_us until before_us; of 1 and 5 since_us is when the event
-- occurred that asks, 0 for none; of 6 before_us is how many generations below are meant, and not_before_us is endless of
-- one that was walked, until all of its walk are. xid is the transaction that asked: the row is worked off when everything
-- that ran at the same time is over, so that its effects are seen. It leads the key, so that the oldest come first.
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
