"""The baseline: everything that version 0.1 stores."""

from store.postgres.migrations import run_sql

revision = "0001_baseline"
down_revision = None


def upgrade() -> None:
    """Makes all tables, functions, the view for people and the application's role."""
    run_sql("0001")
