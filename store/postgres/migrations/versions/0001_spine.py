"""The spine: orders, plans, ledger, lots, accounts, cursors, settings, outbox, quarantine."""

from store.postgres.migrations import run_sql

revision = "0001_spine"
down_revision = None


def upgrade() -> None:
    """Makes all tables, functions and the application's role."""
    run_sql("0001_spine.sql")
