"""A merchant's settings versions, for people and for explaining an order."""

from sqlalchemy import Integer, bindparam, or_, select

from rules.explain.view import SettingsVersion
from store.postgres import tables
from store.postgres.session import Database, raw
from store.reads.execute import Cursor, rows
from store.reads.snapshot import merchant_number
from store.settings.merchants import document_of

_settings = tables.settings.c
_wanted = bindparam("version", type_=Integer)

_VERSION = (
    select(
        _settings.version,
        _settings.effective_us,
        _settings.document,
        _settings.applied_us,
        _settings.applied_by,
    )
    .where(
        _settings.merchant_no == bindparam("merchant_no"),
        or_(_wanted.is_(None), _settings.version == _wanted),
    )
    .order_by(_settings.version.desc())
    .limit(1)
)


def settings_version(
    connection: Database, merchant_id: str, version: int | None = None
) -> SettingsVersion | None:
    """A settings version, the newest without a number; None where there is none.

    Raises UnknownMerchant.
    """
    cursor = raw(connection)
    return version_of(cursor, merchant_number(cursor, merchant_id), version)


def version_of(cursor: Cursor, merchant_no: int, version: int | None) -> SettingsVersion | None:
    """As `settings_version`, in the snapshot of `cursor`."""
    found = rows(cursor, _VERSION, merchant_no=merchant_no, version=version)
    if not found:
        return None
    number, effective_us, document, applied_us, applied_by = found[0]
    return SettingsVersion(
        version=number,
        effective_at=effective_us,
        document=document_of(document),
        applied_at=applied_us,
        applied_by=applied_by,
    )


def time_zone(connection: Database, merchant_id: str) -> str:
    """The merchant's time zone, for showing days; UTC without settings. Raises UnknownMerchant."""
    newest = settings_version(connection, merchant_id)
    return newest.document.timezone if newest is not None else "UTC"
