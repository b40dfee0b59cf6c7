-- Accounts, their lots, and the ledger.

-- The low 40 bits of an account's number; the merchant's number stands above them, so that the accounts of a merchant are
-- one range. Past 2^40 the sequence is refused rather than run into the merchant's bits.
-- Statements ask for a row's merchant as well as for its account, and keys end with the merchant: so the tables can be
-- distributed by it (docs/explanation/scaling.md), while a search by account alone stays a search in the key.
CREATE FUNCTION merchant_of(account_no bigint) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT (account_no >> 40)::int $$;
COMMENT ON FUNCTION merchant_of(bigint) IS 'The merchant whose account it is: the upper bits of its number.';

CREATE SEQUENCE account_no MAXVALUE 1099511627775 NO CYCLE;
CREATE TABLE account (
  account_no  bigint NOT NULL,
  merchant_no int NOT NULL,
  member      bytea NOT NULL,
  sequence    bigint NOT NULL,
  available   bigint NOT NULL CHECK (available >= 0),
  held        bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
  debt        bigint NOT NULL DEFAULT 0 CHECK (debt >= 0),
  next_expiry bigint NOT NULL DEFAULT 9223372036854775807,
  -- No hold ends before it. Not indexed, so that holds leave the row's updates HOT: hold_ending finds them.
  next_timeout bigint NOT NULL DEFAULT 9223372036854775807,
  -- No entry is recorded before it, though the clock may step back.
  recorded_us bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (account_no, merchant_no),
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
  merchant_no int NOT NULL,
  points      bigint NOT NULL,
  remaining   bigint NOT NULL CHECK (remaining >= 0),
  held        bigint NOT NULL DEFAULT 0 CHECK (held >= 0 AND held <= remaining),
  expired     bigint NOT NULL DEFAULT 0 CHECK (expired >= 0),
  PRIMARY KEY (account_no, expires_us, source_kind, source, episode, merchant_no)
) WITH (fillfactor = 80);

-- purpose: 1 cash, 2 gift. state: 1 live, 2 captured (by order_id), 3 released, 4 timed out. Kept when it has ended, since its id
-- is used up. lots: [[expires_us, source_kind, source in hexadecimal, episode, points], ...], the soonest to expire first.
CREATE TABLE hold (
  merchant_no int NOT NULL,
  hold_id     bytea NOT NULL,
  account_no  bigint NOT NULL,
  expires_us  bigint NOT NULL,
  points      bigint NOT NULL CHECK (points > 0),
  purpose     smallint NOT NULL,
  state       smallint NOT NULL,
  settings_no int,
  order_id    bytea,
  lots        jsonb NOT NULL,
  PRIMARY KEY (merchant_no, hold_id)
);
CREATE INDEX hold_live ON hold (account_no, expires_us) WHERE state = 1;
CREATE INDEX hold_ending ON hold (expires_us) WHERE state = 1;

-- What an order took of an account: its captures, numbered from 1, and its debit, number 0 without a purpose. lots (as those of
-- a hold) and debt are what is out: points - returned.
CREATE TABLE redemption (
  merchant_no int NOT NULL,
  order_id    bytea NOT NULL,
  account_no  bigint NOT NULL,
  number      int NOT NULL,
  purpose     smallint,
  points      bigint NOT NULL,
  manual      bigint NOT NULL DEFAULT 0,
  returned    bigint NOT NULL DEFAULT 0,
  debt        bigint NOT NULL DEFAULT 0,
  entries     int NOT NULL DEFAULT 0,
  settings_no int,
  lots        jsonb NOT NULL,
  PRIMARY KEY (merchant_no, order_id, account_no, number),
  CHECK (returned >= 0 AND returned <= points AND debt >= 0)
) WITH (fillfactor = 80);

-- Orders with captures that are not heard of yet: who hears of one looks here.
CREATE TABLE redemption_awaiting (
  merchant_no int NOT NULL,
  order_id    bytea NOT NULL,
  PRIMARY KEY (merchant_no, order_id)
);

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
  PRIMARY KEY (account_no, sequence, merchant_no)
);
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_is_never_truncated BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The text of an entry that must be erasable (I3): without its reason the row still says who did it, and the ledger keeps
-- the hash of both.
CREATE TABLE entry_note (
  account_no     bigint NOT NULL,
  sequence       bigint NOT NULL,
  merchant_no    int NOT NULL,
  reason         text,
  performer_kind smallint,
  performer_id   text,
  PRIMARY KEY (account_no, sequence, merchant_no)
);
