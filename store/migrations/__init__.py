"""The schema's history. Each revision runs one SQL file."""

from pathlib import Path

from alembic import op
from psycopg import ClientCursor

SQL = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Runs a file of `store/migrations/sql` as it stands."""
    connection = op.get_bind().connection.driver_connection
    ClientCursor(connection).execute((SQL / name).read_bytes())
