"""The one `metadata`, and column types that SQLAlchemy lacks."""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Identity, MetaData
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

metadata: Final = MetaData()
"""Every table of the schema. The migrations make them; a test finds no difference."""

NEVER: Final = str(2**63 - 1)
"""The greatest bigint, which stands for an instant that never comes (`schemas.ids.NEVER`)."""


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction number."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in SQL."""
        return "xid8"


ischema_names["xid8"] = Xid8  # so that reflecting a database knows it too


def count(name: str) -> Column[int]:
    """A counter that begins at 0."""
    return Column(name, BigInteger, nullable=False, server_default="0")


def numbered(name: str, type_: Any = BigInteger) -> Column[int]:
    """A number that the database gives to each new row, and the table's key."""
    return Column(name, type_, Identity(always=True), primary_key=True, autoincrement=True)
