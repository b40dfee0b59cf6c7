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

-- A job gives points to many members: the same to all by commands, or by a file what its rows say. terms: SHA-256 of what it
-- keeps. total: rows of its file; 0 for a job of commands. gate: 1 open, 2 waiting for approval, 3 cancelled. undoes: the job
-- whose points this one takes back. reason, made_by and approved_by can be erased.
CREATE TABLE job (
  merchant_no int NOT NULL,
  job_id      bytea NOT NULL,
  terms       bytea NOT NULL,
  gate        smallint NOT NULL DEFAULT 1,
  total       int NOT NULL DEFAULT 0,
  points      bigint NOT NULL DEFAULT 0,
  reason      bytea,
  made_by     bytea,
  approved_by bytea,
  made_us     bigint,
  undoes      bytea,
  PRIMARY KEY (merchant_no, job_id)
);

-- To whom a job of commands has given, and with which entry of the member's: once, for ever.
CREATE TABLE job_row (
  merchant_no int NOT NULL,
  job_id      bytea NOT NULL,
  member      bytea NOT NULL,
  sequence    bigint NOT NULL,
  PRIMARY KEY (merchant_no, job_id, member)
);

-- The rows of a job's file, numbered from 1; line: where in the file. code: null until it is applied. missing: of an undo,
-- what could not be taken. fillfactor: the mark that a row is applied stays on its page.
CREATE TABLE job_line (
  merchant_no int NOT NULL,
  job_id      bytea NOT NULL,
  number      int NOT NULL,
  line        int,
  member      bytea NOT NULL,
  points      int NOT NULL,
  reason      bytea,
  code        smallint,
  sequence    bigint,
  missing     int NOT NULL DEFAULT 0,
  PRIMARY KEY (merchant_no, job_id, number)
) WITH (fillfactor = 60);

-- The rows from first to last are applied in one transaction, by whoever locks the piece.
CREATE TABLE job_piece (
  merchant_no int NOT NULL,
  job_id      bytea NOT NULL,
  first       int NOT NULL,
  last        int NOT NULL,
  is_done     boolean NOT NULL DEFAULT false,
  applied     int NOT NULL DEFAULT 0,
  refused     int NOT NULL DEFAULT 0,
  PRIMARY KEY (merchant_no, job_id, first)
);
-- What is left to do, for those who look how things are going.
CREATE INDEX job_piece_open ON job_piece (merchant_no, job_id) WHERE NOT is_done;
