"""Codes of carriers that no table has: counted, and the reports that carried them kept.

See rules.md 6.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from schemas.ids import Micros
from store.carriers.codes import Code
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw

MOST = 1000
"""Codes of a service that are kept apart, and services of which no table knows anything."""
OTHERS = "(others)"
"""What is counted under one label, since there are too many."""

_COUNTED: Final = Columns(tables.unknown_code, "carrier", "service", "code", "shown", "reports")
_PLACE: Final = Columns(tables.unknown_report, "carrier", "service", "code", "merchant_no", "key")
_NUMBER: Final = Columns(tables.unknown_report, "carrier", "service", "code", "key")
_SQL: Final = queries("carriers/unknown_codes", counted=_COUNTED, place=_PLACE, number=_NUMBER)


class CodeSighting(NamedTuple):
    """A report whose code is unknown: where to find it again.

    The merchant is 0 unless it named an order.
    """

    code: Code
    shown: str
    merchant_no: int
    key: bytes


class CodesChanged(Exception):
    """The tables of codes changed since the batch looked its reports up: do it again."""


class UnknownCodes:
    """Which codes have come, so that no sender can make lists and labels grow without end."""

    def __init__(self, connection: Database) -> None:
        """Reads those that are known to be unknown."""
        self._codes: dict[tuple[str, str], set[str]] = {}
        for carrier, service, code in codes(raw(connection)):
            self._codes.setdefault((carrier, service), set()).add(code)

    def spelled(self, carrier: str, service: str, code: str) -> Code:
        """The code under which to keep the report."""
        codes = self._codes.get((carrier, service))
        if codes is None:
            if len(self._codes) >= MOST:
                return OTHERS, OTHERS, OTHERS
            codes = self._codes[carrier, service] = set()
        if code not in codes:
            if len(codes) >= MOST:
                return carrier, service, OTHERS
            codes.add(code)
        return carrier, service, code


def note(cursor: Cursor, unknown: Sequence[CodeSighting], epoch: int, now: Micros) -> None:
    """Counts codes, and remembers reports to look at again.

    Raises CodesChanged when `epoch` is not the newest.

    Call it after all other locks are taken.
    """
    row = cursor.execute(_SQL["hold_epoch"]).fetchone()
    if row is None or row[0] != epoch:
        raise CodesChanged
    counts: dict[Code, tuple[str, int]] = {}
    for sighting in unknown:
        _, count = counts.get(sighting.code, ("", 0))
        counts[sighting.code] = sighting.shown, count + 1
    rows = [
        (*_encoded(code), shown.encode(), count) for code, (shown, count) in sorted(counts.items())
    ]
    cursor.execute(_SQL["note_codes"], [now, *_COUNTED.arrays(rows)])
    places = sorted(
        {
            (*_encoded(sighting.code), sighting.merchant_no, sighting.key)
            for sighting in unknown
            if sighting.code[2] != OTHERS
        }
    )
    if places:
        cursor.execute(_SQL["note_reports"], _PLACE.arrays(places))


def codes(cursor: Cursor) -> list[Code]:
    """The codes that have come and were unknown then."""
    return cursor.execute(_SQL["all"]).fetchall()


def ask(cursor: Cursor, code: Code) -> None:
    """Asks to look again at what carried a code, which is known now."""
    cursor.execute(_SQL["hold_epoch"])
    cursor.execute(queries("carriers/codes")["recheck"], list(code))
    cursor.execute(queries("carriers/codes")["forget"], list(code))


def forget_reports(cursor: Cursor, places: Collection[tuple[Code, bytes]]) -> None:
    """Forgets where purged reports were: their code, and the key they had without a merchant."""
    if places:
        rows = sorted((*_encoded(code), key) for code, key in places)
        cursor.execute(_SQL["forget_reports"], _NUMBER.arrays(rows))


def _encoded(code: Code) -> tuple[bytes, bytes, bytes]:
    carrier, service, spelled = code
    return carrier.encode(), service.encode(), spelled.encode()
