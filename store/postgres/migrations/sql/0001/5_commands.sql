-- Commands that were answered, for ever (I5), and the bulk jobs that they are parts of.

-- fingerprint: SHA-256 of what decides (schemas/commands/reading.py). answer: its numbers and codes, without the command's
-- content; what the topic had is made of it and of the command that comes again. Never updated, never deleted.
CREATE TABLE command (
  merchant_no int NOT NULL,
  command_id  bytea NOT NULL,
  fingerprint bytea NOT NULL,
  answer      jsonb NOT NULL,
  PRIMARY KEY (merchant_no, command_id)
);

-- A job gives the same points to many members. terms: SHA-256 of points, reason and notify, which it keeps.
CREATE TABLE job (
  merchant_no int NOT NULL,
  job_id      bytea NOT NULL,
  terms       bytea NOT NULL,
  PRIMARY KEY (merchant_no, job_id)
);

-- To whom a job has given, and with which entry of the member's: once, for ever.
CREATE TABLE job_row (
  merchant_no int NOT NULL,
  job_id      bytea NOT NULL,
  member      bytea NOT NULL,
  sequence    bigint NOT NULL,
  PRIMARY KEY (merchant_no, job_id, member)
);
