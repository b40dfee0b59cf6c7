-- Merchants, their settings and the events of their application.

CREATE TABLE merchant (
  merchant_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  merchant_id text NOT NULL UNIQUE
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

-- Counts changes of settings and carriers' codes, so that workers see with one look whether what they remember holds.
CREATE TABLE settings_epoch (
  one   boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch bigint NOT NULL
);
INSERT INTO settings_epoch (epoch) VALUES (0);

CREATE TABLE application_event (
  merchant_no int NOT NULL,
  at_us       bigint NOT NULL,
  installed   boolean NOT NULL,
  PRIMARY KEY (merchant_no, at_us, installed)
);
