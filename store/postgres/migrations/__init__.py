"""The schema's history. Each revision runs the SQL files of one folder."""

from pathlib import Path

from alembic import op
from psycopg import ClientCursor

SQL = Path(__file__).parent / "sql"


def run_sql(folder: str) -> None:
    """Run the files of `store/postgres/migrations/sql/<folder>` in the order of their names."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("migrations need a connection: run them with `points migrate`")
    for file in sorted((SQL / folder).glob("*.sql")):
        ClientCursor(connection).execute(file.read_bytes())
