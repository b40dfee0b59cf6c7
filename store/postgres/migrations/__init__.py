"""The schema's history. Each revision runs one SQL file."""

from pathlib import Path

from alembic import op
from psycopg import ClientCursor

SQL = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Runs a file of `store/postgres/migrations/sql` as it stands."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("migrations need a connection: run them with `points migrate`")
    ClientCursor(connection).execute((SQL / name).read_bytes())
