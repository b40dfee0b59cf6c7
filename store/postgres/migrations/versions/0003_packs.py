"""The outbox holds many events in a row."""

from store.postgres.migrations import run_sql

revision = "0003_packs"
down_revision = "0002_carriers"


def upgrade() -> None:
    """Adds the number of events of a row."""
    run_sql("0003_packs.sql")
