"""A shop's notice settings: applied, logged, and what is in force (docs/notices.md)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from rules.notices.shop import ShopInForce, speaking
from schemas.errors import Exit, PointsError
from schemas.ids import NEVER, Micros
from schemas.notices.document import NoticeSettings, canonical, digest, load_notice_settings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw, transaction

_SQL: Final = queries("notices/settings")
_NONE_GIVEN: Final = NoticeSettings()


class NoticeSettingsConflict(PointsError):
    """The notice settings in force are not those that the change was made for."""

    code = "notice_version_conflict"
    exit_code = Exit.REFUSED


@dataclass(frozen=True, slots=True)
class AppliedNotices:
    """What `apply` did: the version now newest, and whether it is a new one.

    `heard_of`: whether the shop's points settings were heard of; until then nothing is sent.
    """

    version: int
    changed: bool
    heard_of: bool


@dataclass(frozen=True, slots=True)
class LoggedNotices:
    """One version, with who applied it and when; `digest` is of its content, in hexadecimal."""

    version: int
    settings: NoticeSettings
    digest: str
    applied_at: Micros
    applied_by: str


def apply(
    connection: Database,
    merchant_id: str,
    settings: NoticeSettings,
    by: str,
    if_version: int | None = None,
) -> AppliedNotices:
    """Makes a new version of a shop's notice settings; content equal to the newest makes none.

    They count from the next notice on. Raises NoticeSettingsConflict.
    """
    raw(connection).execute(_SQL["learn"], [merchant_id])
    with transaction(connection) as cursor:
        cursor.execute(_SQL["next_epoch"])  # locks out every other apply, so versions are gapless
        number, heard_of = cursor.execute(_SQL["number"], [merchant_id]).fetchone() or (0, False)
        latest = cursor.execute(_SQL["latest"], [number]).fetchone()
        version, known = latest if latest is not None else (0, None)
        if if_version is not None and if_version != version:
            raise NoticeSettingsConflict(
                f"version {version} is in force, not {if_version}",
                "look at it with `points notices settings show`",
            )
        new = digest(settings)
        # Not by its stored digest: the document may have fewer keys than have come since.
        if known is not None and digest(settings_of(known)) == new:
            return AppliedNotices(version, changed=False, heard_of=heard_of)
        stored = [number, version + 1, canonical(settings).decode(), bytes.fromhex(new), by]
        cursor.execute(_SQL["apply"], stored)
        return AppliedNotices(version + 1, changed=True, heard_of=heard_of)


def log(connection: Database, merchant_id: str) -> list[LoggedNotices]:
    """All versions of a shop's notice settings, oldest first."""
    rows = raw(connection).execute(_SQL["log"], [merchant_id]).fetchall()
    return [
        LoggedNotices(version, settings_of(document), found, at, by)
        for version, document, found, at, by in rows
    ]


def settings_of(stored: Any) -> NoticeSettings:
    """A stored document, read by the same reader as a file."""
    return _settings_of(orjson.dumps(stored))


@lru_cache(maxsize=256)
def _settings_of(document: bytes) -> NoticeSettings:
    return load_notice_settings(document, "stored notice settings", stored=True)


def in_force(cursor: Cursor, merchant_nos: Collection[int]) -> Mapping[int, ShopInForce]:
    """What is in force now of those of these shops whose points settings were heard of."""
    rows = cursor.execute(_SQL["in_force"], [sorted(merchant_nos)]).fetchall()
    return {row[0]: _shop(row) for row in rows}


@lru_cache(maxsize=256)
def _speaking(document: bytes, languages: tuple[str, ...]) -> NoticeSettings:
    return speaking(_settings_of(document) if document else _NONE_GIVEN, languages)


def _shop(row: tuple[Any, ...]) -> ShopInForce:
    merchant_no, merchant_id, zone, languages, enabled, entitled, until, document = row
    given = b"" if document is None else orjson.dumps(document)
    notices = _speaking(given, tuple(languages))
    return ShopInForce(
        merchant_no=merchant_no,
        merchant_id=merchant_id,
        zone=zone,
        languages=tuple(languages),
        enabled=enabled,
        entitled=entitled,
        notices=notices,
        until=NEVER if until is None else until,
    )
