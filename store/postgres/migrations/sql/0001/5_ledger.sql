-- Accounts, their lots, and the ledger.

-- The low 40 bits of an account's number; the merchant's number stands above them, so that the accounts of a merchant are
-- one range. Past 2^40 the sequence is refused rather than run into the merchant's bits.
CREATE SEQUENCE account_no MAXVALUE 1099511627775 NO CYCLE;
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
  CHECK (available = 0 OR debt = 0),
  CHECK (account_no >> 40 = merchant_no)
) WITH (fillfactor = 50);
-- next_expiry changes seldom: a member's soonest lot lapses or is used up.
CREATE INDEX account_next_expiry ON account (next_expiry) WHERE next_expiry < 9223372036854775807;

-- source_kind says what source names: 1 an order, 2 a command, 3 a job, 4 an order whose debit was given back.
CREATE TABLE lot (
  account_no  bigint NOT NULL,
  expires_us  bigint NOT NULL,
  source_kind smallint NOT NULL DEFAULT 1,
  source      bytea NOT NULL,
  episode     int NOT NULL,
  points      bigint NOT NULL,
  remaining   bigint NOT NULL CHECK (remaining >= 0),
  held        bigint NOT NULL DEFAULT 0 CHECK (held >= 0 AND held <= remaining),
  expired     bigint NOT NULL DEFAULT 0 CHECK (expired >= 0),
  PRIMARY KEY (account_no, expires_us, source_kind, source, episode)
) WITH (fillfactor = 80);

-- The truth: never updated, never deleted (I3). What the entry did to lots: episode, expires_us and lot_points when it was
-- the one lot (of kind order) of the entry's own order, else the list in lots. note_hash: SHA-256 of the entry's note.
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
  hold_id     bytea,
  note_hash   bytea,
  occurred_us bigint NOT NULL,
  recorded_us bigint NOT NULL,
  event_id    uuid NOT NULL,
  PRIMARY KEY (account_no, sequence)
);
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_is_never_truncated BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The text of an entry that must be erasable (I3): deleting the row erases it, its hash stays in the ledger.
CREATE TABLE entry_note (
  account_no     bigint NOT NULL,
  sequence       bigint NOT NULL,
  reason         text,
  performer_kind smallint,
  performer_id   text,
  PRIMARY KEY (account_no, sequence)
);
