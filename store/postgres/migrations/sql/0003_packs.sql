-- A row of kind 1 holds many events: its values, one a line, are far over a page and stored as they are, since packing
-- them on the way costs more than the pages saved.
ALTER TABLE outbox ADD COLUMN events int NOT NULL DEFAULT 1, ALTER COLUMN value SET STORAGE EXTERNAL;
ALTER TABLE outbox SET (autovacuum_vacuum_threshold = 10000, toast.autovacuum_vacuum_scale_factor = 0,
                        toast.autovacuum_vacuum_threshold = 50000);
