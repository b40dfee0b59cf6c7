"""Traces: from the record that made a plan to the event of its grant (architecture.md 2.11)."""
