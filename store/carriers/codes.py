"""Codes that operators added or changed over the shipped tables, and codes not known yet.

See rules.md 6.

Every change is a row that is never changed again, so the log is the table itself. A change moves
the settings epoch, so that workers read their codes again, and asks to look again at what carried
the code while it was unknown.
"""

from dataclasses import dataclass
from typing import NamedTuple

from schemas.carriers.meaning import Meaning
from schemas.events import CarrierCodeChanged
from schemas.ids import Micros, instant, record_key
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw, transaction
from store.streams import outbox
from store.streams.outbox import OutboxKind

Code = tuple[str, str, str]
"""Carrier, service and code: a code means nothing alone."""


class Changed(NamedTuple):
    """What a change did: the version now newest, and whether it is new.

    `rechecked`: how many orders and tracking numbers are looked at again.
    """

    version: int
    changed: bool
    rechecked: int


@dataclass(frozen=True, slots=True)
class LoggedCode:
    """One change of a code.

    `meaning` None leads back to the shipped table; `before` is what the operator had set.
    """

    version: int
    code: Code
    meaning: Meaning | None
    note: str
    applied_at: Micros
    applied_by: str
    before: Meaning | None


class UnknownCode(NamedTuple):
    """A code that no table has: the text it came with (redacted), how often, from when to when."""

    carrier: str
    service: str
    code: str
    text: str
    reports: int
    first_at: Micros
    last_at: Micros


def overlay(cursor: Cursor) -> dict[Code, Meaning]:
    """What operators have set over the shipped tables; codes that were reset are not in it."""
    rows = cursor.execute(queries("carriers/codes")["overlay"]).fetchall()
    return {(carrier, service, code): Meaning(meaning) for carrier, service, code, meaning in rows}


def set_code(
    connection: Database, code: Code, meaning: Meaning | None, note: str, by: str
) -> Changed:
    """Gives a code its meaning from now on, or with None the shipped table's again.

    What it has already makes no version.

    Reports that carried the code while it was unknown are looked at again; others keep what they
    meant when they came.
    """
    sql = queries("carriers/codes")
    with transaction(connection) as cursor:
        # Waits for batches that are noting unknown codes right now
        # (store/carriers/unknown_codes.py); later ones read the codes again.
        cursor.execute(queries("settings/versions")["next_epoch"])
        version, known = cursor.execute(sql["newest"], list(code)).fetchone() or (0, None)
        if known == meaning:
            return Changed(version, changed=False, rechecked=0)
        row = cursor.execute(sql["add"], [*code, meaning, note, by]).fetchone() or (0, 0)
        _publish(cursor, code, meaning, note, by, version=int(row[0]), now=row[1])
        cursor.execute(sql["recheck"], list(code))
        rechecked = cursor.rowcount
        cursor.execute(sql["forget"], list(code))
        return Changed(int(row[0]), changed=True, rechecked=rechecked)


def _publish(
    cursor: Cursor,
    code: Code,
    meaning: Meaning | None,
    note: str,
    by: str,
    *,
    version: int,
    now: Micros,
) -> None:
    """Tells the settings topic, so that the topics alone say why points are as they are."""
    carrier, service, word = code
    event = CarrierCodeChanged(
        version=version,
        carrier=carrier,
        service=service,
        code=word,
        word=meaning.word if meaning is not None else None,
        effect=meaning.effect if meaning is not None else None,
        note=note,
        performer=by,
        recorded_at=instant(now),
    )
    # No merchant's id is empty, so these keys are no merchant's.
    key = record_key("", "carrier-code", str(version))
    outbox.add(cursor, [(OutboxKind.SETTINGS, key, event.to_json(), None)])


def log(connection: Database) -> list[LoggedCode]:
    """All changes, oldest first."""
    return [
        LoggedCode(
            version, (carrier, service, code), _meaning(meaning), note, at, by, _meaning(before)
        )
        for version, carrier, service, code, meaning, note, at, by, before in raw(
            connection
        ).execute(queries("carriers/codes")["log"])
    ]


def _meaning(number: int | None) -> Meaning | None:
    return Meaning(number) if number is not None else None


def own(connection: Database) -> dict[Code, LoggedCode]:
    """The changes in force: the newest of each code, without those that were reset."""
    newest = {change.code: change for change in log(connection)}
    return {code: change for code, change in newest.items() if change.meaning is not None}


def unknown(connection: Database) -> list[UnknownCode]:
    """Codes that came and that no table has, the latest first."""
    return [
        UnknownCode(*row)
        for row in raw(connection).execute(queries("carriers/codes")["unknown"]).fetchall()
    ]


def has_come(connection: Database, carrier: str, service: str) -> bool:
    """Whether a report of the service came with an unknown code."""
    row = (
        raw(connection)
        .execute(queries("carriers/codes")["has_come"], [carrier, service])
        .fetchone()
    )
    return row is not None and bool(row[0])
