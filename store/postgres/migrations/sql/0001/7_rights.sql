-- The role that all commands but `migrate` act as. It may do, table by table, what the code does and nothing else;
-- FOR UPDATE and FOR SHARE ask for UPDATE.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'points_app') THEN
    CREATE ROLE points_app NOLOGIN;
  END IF;
  IF NOT pg_has_role(current_user, 'points_app', 'SET') THEN
    EXECUTE format('GRANT points_app TO %I', current_user);
  END IF;
END $$;

GRANT SELECT ON alembic_version, schema_compatibility TO points_app;
GRANT SELECT, INSERT ON word TO points_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON worker_beat TO points_app;

GRANT SELECT, INSERT ON merchant, settings, application_event TO points_app;
GRANT SELECT, UPDATE ON settings_epoch TO points_app;

GRANT SELECT, INSERT, UPDATE ON cursor, ignored_reason, pipeline_state, quarantine TO points_app;
GRANT SELECT, INSERT, DELETE ON answered_ahead, outbox, outbox_refused TO points_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON merchant_poison, parked_record, recheck TO points_app;

-- Orders are kept for ever, so that a late repeat of an event has no effect (I5).
GRANT SELECT, INSERT, UPDATE ON orders, parcel, return_order, customer TO points_app;
GRANT DELETE ON parcel, return_order TO points_app;  -- what their limits drop
GRANT SELECT, INSERT ON family TO points_app;
GRANT SELECT, INSERT, DELETE ON due TO points_app;

GRANT USAGE ON SEQUENCE account_no TO points_app;
GRANT SELECT, INSERT, UPDATE ON account, lot, hold, redemption TO points_app;
GRANT SELECT, INSERT, DELETE ON redemption_awaiting TO points_app;
GRANT SELECT, INSERT ON ledger, entry_note TO points_app;  -- I3; whoever erases a note is the owner

GRANT SELECT, INSERT ON command, job_row TO points_app;  -- kept for ever (I5)
GRANT SELECT, INSERT, UPDATE ON job TO points_app;  -- FOR UPDATE: two parts of one job wait for each other
GRANT SELECT, INSERT, UPDATE ON job_line, job_piece TO points_app;
GRANT SELECT, INSERT, UPDATE ON campaign, campaign_gift TO points_app;
GRANT SELECT, INSERT ON campaign_version, banner TO points_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON tracking, awaiting_order, unknown_code TO points_app;
GRANT SELECT, INSERT, DELETE ON unknown_report TO points_app;
GRANT SELECT, INSERT ON carrier_code TO points_app;
GRANT SELECT, INSERT, UPDATE ON purged_report TO points_app;
