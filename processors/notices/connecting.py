"""Connections to the lane's tables, as its workers have them."""

from processors.runtime.configuration import LaneConfiguration
from store.postgres import session
from store.postgres.session import Database, Waiting


def connect(
    configuration: LaneConfiguration,
    name: str,
    *,
    waiting: Waiting | None = None,
    check_pooling: bool = False,
) -> Database:
    """As `store.postgres.session.connect`, to the lane's database, role and schema."""
    notices = configuration.notices
    url = notices.database_url or configuration.database.url
    return session.connect(
        url.get_secret_value(),
        role=notices.database_role,
        schema=session.NOTICES_SCHEMA,
        name=f"points-{name}",
        waiting=waiting,
        check_pooling=check_pooling,
    )
