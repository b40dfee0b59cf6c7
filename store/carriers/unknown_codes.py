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
"""Codes of a service that are kept apart for a merchant, and services of which no table knows
anything: no merchant's reports use up another's (D18).
"""
MOST_IN_ALL = 10_000
"""Codes of a merchant that are kept apart, of all services: so many are read with the first one."""
OTHERS = "(others)"
"""What is counted under one label, since there are too many."""

_COUNTED: Final = Columns(
    tables.unknown_code, "merchant_no", "carrier", "service", "code", "shown", "reports"
)
_PLACE: Final = Columns(
    tables.unknown_report, "carrier", "service", "code", "kind", "merchant_no", "key"
)
_SQL: Final = queries("carriers/unknown_codes", counted=_COUNTED, place=_PLACE)


class CodeSighting(NamedTuple):
    """A report whose code is unknown: the merchant that it names, 0 for none, where to find it.

    `kind` says what `key` is: an order's id (RecheckKind.ORDER, of the merchant `merchant_no`), or
    a number (RecheckKind.NUMBER).
    """

    code: Code
    shown: str
    named: int
    kind: int
    merchant_no: int
    key: bytes


class CodesChanged(Exception):
    """The tables of codes changed since the batch looked its reports up: do it again."""


class UnknownCodes:
    """Which codes have come, so that no sender can make lists and labels grow without end.

    A merchant's are read when a report of his has an unknown one: what it costs depends on the
    merchants in hand, never on how many there are.
    """

    def __init__(self, connection: Database) -> None:
        """Nothing is read yet."""
        self._connection = connection
        self._codes: dict[tuple[int, str, str], set[str]] = {}
        self._services: dict[int, int] = {}
        self._in_all: dict[int, int] = {}

    def spelled(self, merchant_no: int, carrier: str, service: str, code: str) -> Code:
        """The code under which to keep a report of the merchant, or of none (0)."""
        if merchant_no not in self._services:
            self._read(merchant_no)
        if (merchant_no, carrier, service) not in self._codes and (
            self._services[merchant_no] >= MOST
        ):
            return OTHERS, OTHERS, OTHERS
        codes = self._of_service(merchant_no, carrier, service)
        if code not in codes:
            if len(codes) >= MOST or self._in_all[merchant_no] >= MOST_IN_ALL:
                return carrier, service, OTHERS
            codes.add(code)
            self._in_all[merchant_no] += 1
        return carrier, service, code

    def _read(self, merchant_no: int) -> None:
        self._services[merchant_no] = self._in_all[merchant_no] = 0
        cursor = raw(self._connection).execute(_SQL["of_merchant"], [merchant_no])
        for carrier, service, code in cursor.fetchall():
            self._of_service(merchant_no, carrier, service).add(code)
            self._in_all[merchant_no] += 1

    def _of_service(self, merchant_no: int, carrier: str, service: str) -> set[str]:
        known = self._codes.get((merchant_no, carrier, service))
        if known is None:
            self._services[merchant_no] += 1
            known = self._codes[merchant_no, carrier, service] = set()
        return known


def note(cursor: Cursor, unknown: Sequence[CodeSighting], epoch: int, now: Micros) -> None:
    """Counts codes, and remembers reports to look at again.

    Raises CodesChanged when `epoch` is not the newest.

    Call it after all other locks are taken.
    """
    row = cursor.execute(_SQL["hold_epoch"]).fetchone()
    if row is None or row[0] != epoch:
        raise CodesChanged
    counts: dict[tuple[Code, int], tuple[str, int]] = {}
    for sighting in unknown:
        key = sighting.code, sighting.named
        counts[key] = sighting.shown, counts.get(key, ("", 0))[1] + 1
    rows = [
        (merchant_no, *_encoded(code), shown.encode(), count)
        for (code, merchant_no), (shown, count) in sorted(counts.items())
    ]
    cursor.execute(_SQL["note_codes"], [now, *_COUNTED.arrays(rows)])
    places = sorted(
        {
            (*_encoded(sighting.code), sighting.kind, sighting.merchant_no, sighting.key)
            for sighting in unknown
            if sighting.code[2] != OTHERS
        }
    )
    if places:
        cursor.execute(_SQL["note_reports"], _PLACE.arrays(places))


def codes(cursor: Cursor) -> list[Code]:
    """The codes that have come and were unknown then, sorted."""
    return cursor.execute(_SQL["known"]).fetchall()


def ask(cursor: Cursor, known: Sequence[Code]) -> None:
    """Asks to look again at what carried codes that are known now."""
    if known:
        cursor.execute(_SQL["hold_epoch_alone"])
    for code in known:
        cursor.execute(queries("carriers/codes")["recheck"], list(code))
        cursor.execute(queries("carriers/codes")["forget"], list(code))


def forget_reports(cursor: Cursor, places: Collection[tuple[Code, int, int, bytes]]) -> None:
    """Forgets where purged reports were: code, kind, merchant and key of their sighting."""
    if places:
        rows = sorted((*_encoded(code), *place) for code, *place in places)
        cursor.execute(_SQL["forget_reports"], _PLACE.arrays(rows))


def _encoded(code: Code) -> tuple[bytes, bytes, bytes]:
    carrier, service, spelled = code
    return carrier.encode(), service.encode(), spelled.encode()
