"""Cursors, outbox, quarantine and the recheck queue."""
