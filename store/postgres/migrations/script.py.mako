"""${message}"""

from store.postgres.migrations import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Expand first; contract in a later release, since old and new workers overlap."""
    run_sql("${up_revision[:4]}")
