"""How PostgreSQL carries out a statement."""

from collections.abc import Sequence

from store.postgres.session import Cursor


def shape_of(cursor: Cursor, statement: bytes, values: Sequence[object]) -> str:
    """The plan of a statement, without its costs and times; it is carried out."""
    explain = b"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + statement
    return "\n".join(line for (line,) in cursor.execute(explain, values).fetchall())
