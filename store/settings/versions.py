"""Settings versions: applied, logged, published to the settings topic.

See rules.md 1.7, architecture.md 2.8.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from schemas.errors import Exit, PointsError
from schemas.events import SettingsChanged
from schemas.ids import Micros, instant, iso, micros, record_key
from schemas.settings import SettingsDocument, canonical, digest
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw, transaction
from store.settings import turns
from store.settings.merchants import document_of
from store.streams import outbox, recheck
from store.streams.outbox import OutboxKind
from store.streams.recheck import RecheckKind, RecheckRequest


class VersionConflict(PointsError):
    """The settings in force are not those the change was made for, or the date is too early."""

    code = "version_conflict"
    exit_code = Exit.REFUSED


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did: the version with that content, and whether it is a new one."""

    version: int
    effective_at: Micros
    changed: bool


@dataclass(frozen=True, slots=True)
class LoggedVersion:
    """One version, with who applied it and when.

    `document` has all keys of today, those that came after it was applied with their defaults.
    """

    version: int
    effective_at: Micros
    applied_at: Micros
    applied_by: str
    document: dict[str, Any]


def apply(
    connection: Database,
    merchant_id: str,
    document: SettingsDocument,
    by: str,
    if_version: int | None = None,
) -> Applied:
    """Makes a new version of a merchant's settings; content equal to the newest makes none.

    Nor does content equal to the version in force, while a later one waits that it cannot follow.
    Raises VersionConflict.
    """
    sql = queries("settings/versions")
    raw(connection).execute(sql["add_merchants"], [[merchant_id]])
    with transaction(connection) as cursor:
        # No batch is under way when the time is taken, and the next one sees the version: an order
        # heard of later is bound to it, as in a replay (D13), and one heard of before is not. So it
        # is with the merchant's commands. They come first: a piece of a job may take long, and
        # all merchants' orders would wait for it.
        turns.change(cursor, merchant_id)
        turns.keep_partitions(cursor)
        cursor.execute(sql["lock_cursors"])
        cursor.execute(sql["next_epoch"])  # locks out every other apply, so versions are gapless
        number, now = cursor.execute(sql["merchant_now"], [merchant_id]).fetchone() or (0, 0)
        latest = cursor.execute(sql["latest"], [number]).fetchone()
        version, before, known = latest if latest is not None else (0, None, None)
        _refuse_other(version, if_version, before is not None and before > now)
        effective = micros(document.effective_at) if document.effective_at is not None else now
        # Not by its stored digest: the document may have fewer keys than have come since.
        if known is not None and digest(document_of(known)) == digest(document):
            return Applied(version, before, changed=False)
        if before is not None and effective <= before:
            if standing := _standing(cursor, number, document):
                return standing
            raise VersionConflict(
                f"effective_at: must be later than that of version {version}, {iso(before)}"
            )
        _write(cursor, (number, merchant_id), version + 1, document, effective, now, by)
        return Applied(version + 1, effective, changed=True)


def _refuse_other(version: int, wanted: int | None, scheduled: bool) -> None:  # noqa: FBT001 - a fact of the version
    if wanted is not None and wanted != version:
        what = "the newest" if scheduled else "in force"
        raise VersionConflict(
            f"version {version} is {what}, not {wanted}",
            "look at it with `points settings show`",
        )


def _standing(cursor: Cursor, number: int, document: SettingsDocument) -> Applied | None:
    """The version in force, if that is what the document says."""
    row = cursor.execute(queries("settings/versions")["in_force"], [number]).fetchone()
    if row is None or digest(document_of(row[2])) != digest(document):
        return None
    version, effective, _ = row
    return Applied(version, effective, changed=False)


def _write(
    cursor: Cursor,
    merchant: tuple[int, str],
    version: int,
    document: SettingsDocument,
    effective: Micros,
    now: Micros,
    by: str,
) -> None:
    number, merchant_id = merchant
    body = canonical(document)
    stored = [number, version, effective, body.decode(), bytes.fromhex(digest(document)), now, by]
    cursor.execute(queries("settings/versions")["apply"], stored)
    if version == 1:
        recheck.add(cursor, [RecheckRequest(RecheckKind.UNBOUND, number)])
    event = SettingsChanged(
        merchant_id=merchant_id,
        version=version,
        effective_at=instant(effective),
        recorded_at=instant(now),
        performer=by,
        digest=digest(document),
        settings=document,
    )
    key = record_key(merchant_id, str(version))
    outbox.add(cursor, [(OutboxKind.SETTINGS, key, event.to_json(), None)])


def log(connection: Database, merchant_id: str) -> list[LoggedVersion]:
    """All versions of a merchant, oldest first."""
    rows = raw(connection).execute(queries("settings/versions")["log"], [merchant_id]).fetchall()
    return [
        LoggedVersion(version, effective, at, by, _content(document))
        for version, effective, document, at, by in rows
    ]


def _content(stored: Any) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(canonical(document_of(stored)))
    return content
