-- Four roles: the owner migrates; points_app is what workers and commands act as; points_ops mends what stands still and
-- erases free text; points_readonly looks. Each may do, table by table, what its commands do and nothing else; FOR UPDATE
-- and FOR SHARE ask for UPDATE.
DO $$ DECLARE name text; BEGIN
  FOREACH name IN ARRAY ARRAY['points_app', 'points_ops', 'points_readonly'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
    IF NOT pg_has_role(current_user, name, 'SET') THEN
      EXECUTE format('GRANT %I TO %I', name, current_user);
    END IF;
  END LOOP;
END $$;

GRANT SELECT ON alembic_version, schema_compatibility TO points_app;
GRANT SELECT, INSERT ON word TO points_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON worker_beat TO points_app;

GRANT SELECT, INSERT ON merchant, settings, application_event TO points_app;
GRANT SELECT, UPDATE ON settings_epoch TO points_app;

GRANT SELECT, INSERT, UPDATE ON counted_poison, cursor, ignored_reason, pipeline_state, quarantine TO points_app;
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
GRANT SELECT, INSERT ON ledger, entry_note TO points_app;  -- I3; who erases a note is points_ops

GRANT SELECT, INSERT ON command, job_row TO points_app;  -- kept for ever (I5)
GRANT SELECT, INSERT, UPDATE ON job TO points_app;  -- FOR UPDATE: two parts of one job wait for each other
GRANT SELECT, INSERT, UPDATE ON job_line, job_piece TO points_app;
GRANT SELECT, INSERT, UPDATE ON campaign, campaign_gift TO points_app;
GRANT SELECT, INSERT ON campaign_version, banner TO points_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON tracking, awaiting_order, unknown_code TO points_app;
GRANT SELECT, INSERT, DELETE ON unknown_report TO points_app;
GRANT SELECT, INSERT ON carrier_code TO points_app;
GRANT SELECT, INSERT, UPDATE ON purged_report TO points_app;

-- Operators see all, and change what keeps records and events moving; never an order, an account or an entry.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO points_ops;
GRANT INSERT, UPDATE, DELETE ON worker_beat TO points_ops;
GRANT INSERT, UPDATE ON cursor, ignored_reason, quarantine TO points_ops;
GRANT UPDATE ON pipeline_state TO points_ops;
GRANT INSERT ON outbox TO points_ops;
GRANT DELETE ON outbox_refused TO points_ops;
GRANT INSERT ON carrier_code, recheck TO points_ops;  -- a code that is known now is looked at again
GRANT DELETE ON unknown_code, unknown_report TO points_ops;
GRANT UPDATE ON settings_epoch TO points_ops;
GRANT UPDATE (reason) ON entry_note, job_line TO points_ops;  -- erases free text; its hash stays in the ledger (I3)

-- Who only looks sees no bytes of records: those that could not be read may hold personal data.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO points_readonly;
REVOKE SELECT ON quarantine, outbox, outbox_refused FROM points_readonly;
GRANT SELECT (id, pipeline, topic, topic_uuid, partition, "offset", timestamp_us, merchant_id, reason, message,
              partition_position, received_us, redriven_us, discarded_us, purged_us) ON quarantine TO points_readonly;
GRANT SELECT (shard, id, kind, layout, events) ON outbox TO points_readonly;
GRANT SELECT (shard, id, kind, layout, topic, size, reason, refused_us) ON outbox_refused TO points_readonly;
