"""Every carrier, every order: carrier reports, customers, application events, families of orders, one recheck queue."""

from store.postgres.migrations import run_sql

revision = "0002_carriers"
down_revision = "0001_spine"


def upgrade() -> None:
    """Adds tables and columns; nothing that exists changes its meaning."""
    run_sql("0002_carriers.sql")
