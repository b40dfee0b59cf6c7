"""Tracking numbers: which orders ever named one, and what carriers reported for it (rules.md 6).

A row is locked before the orders that it concerns, so that a report and the order that names its
number always see each other, whichever comes first. Claims are only ever added: which of them count
now is the orders' own say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final, NamedTuple

from rules.order.facts import CarrierReport
from rules.order.report_limits import least_telling
from schemas.carriers.meaning import Meaning
from schemas.ids import DAY, Micros
from store.orders.codec import MEANINGS
from store.orders.orders import OrderKey
from store.postgres import tables
from store.postgres.arrays import byteas
from store.postgres.columns import Columns
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

KEPT: Micros = 180 * DAY
"""How long reports wait for an order (rules.md 6)."""
MOST_REPORTS = 500
"""Of one number: as many as of one order (rules/order/folding.py)."""
MOST_CLAIMS = 50
"""A number that more orders named is none (000000000000, or a shop's own word): it is never joined
to any of them.
"""
AMBIGUOUS, CROWDED = 1, 2
"""Bits of `tracking.flags`: some report could be of several orders; more than MOST_CLAIMS orders
named it.
"""

_ROW: Final = Columns(tables.tracking, "number", "flags", "claims", "reports")
_KEPT: Final = Columns(tables.tracking, "number", "reports", "first_us")
_SQL: Final = queries("carriers/tracking", row=_ROW, kept=_KEPT)
_CLAIM = Struct(">iH")
_ENTRY = Struct(">qiiiB")
_WIDTH = _ENTRY.size + 1


class NewNumberRace(Exception):
    """Another worker inserted one of these numbers first: roll back and do the batch again."""


class StoredReport(NamedTuple):
    """A report as its number keeps it; `merchant_no` is 0 when it named none."""

    at: Micros
    merchant_no: int
    service: str
    code: str
    return_leg: bool
    meaning: Meaning


@dataclass(slots=True)
class TrackingRow:
    """A tracking number, locked.

    `packed` are its reports as they are stored: what identifies each, and its meaning.
    """

    number: bytes
    flags: int = 0
    claims: list[OrderKey] = field(default_factory=list)
    packed: bytes = b""
    new: bool = False
    changed: bool = False

    @property
    def reports(self) -> dict[bytes, int]:
        """The meaning of each report by what else is known of it, packed."""
        return _reports_of(self.packed)

    def replace(self, reports: Mapping[bytes, int]) -> None:
        """Lets these be the reports."""
        self.packed = _packed(reports)
        self.changed = True

    def has(self, identity: bytes) -> bool:
        """Whether a report is kept."""
        at = self.packed.find(identity)
        while at > 0 and at % _WIDTH:
            at = self.packed.find(identity, at + 1)
        return at >= 0

    @property
    def is_contested(self) -> bool:
        """Whether only the slow path can tell whose its reports are."""
        return len(self.claims) > 1 and not self.flags & CROWDED

    def claim(self, key: OrderKey) -> bool:
        """Notes that the order named the number.

        False when that is known already, or matters no more.
        """
        if self.flags & CROWDED or key in self.claims:
            return False
        self.claims.append(key)
        self.changed = True
        if len(self.claims) > MOST_CLAIMS:
            self.flags |= CROWDED
        return True

    def add(self, identity: bytes, meaning: Meaning) -> bool:
        """Keeps a report; False when there are too many and it tells least of all."""
        if len(self.packed) >= MOST_REPORTS * _WIDTH:
            kept = self.reports | {identity: meaning}
            least = _least_telling(kept)
            if least == identity:
                return False
            del kept[least]
            self.replace(kept)
            return True
        self.packed += b"%b%c" % (identity, meaning)
        self.changed = True
        return True


def _least_telling(kept: Mapping[bytes, int]) -> bytes:
    """The report to drop, as an order drops one.

    A report that names no merchant may be of any of them, as one without a number may be of any of
    an order's parcels.
    """
    shown = []
    for packed, meaning in kept.items():
        at, merchant_no, service, code, return_leg = _ENTRY.unpack(packed)
        merchant = str(merchant_no).encode() if merchant_no else b""
        report = CarrierReport(
            at, MEANINGS[meaning], merchant, str(service), str(code), return_leg=bool(return_leg)
        )
        shown.append((report, packed))
    shown.sort()
    return shown[least_telling([report for report, _ in shown])][1]


identity = _ENTRY.pack
"""What makes a report the same as another: when, the merchant's number, the strings' numbers of
service and code, return leg.

Its meaning follows from these, so it is no part of it.
"""


def unpack_reports(
    reports: Iterable[tuple[bytes, int]], strings: InternedStrings
) -> Iterator[StoredReport]:
    """Reports of a row, as `TrackingRow.reports` has them."""
    for packed, meaning in reports:
        at, merchant_no, service, code, leg = _ENTRY.unpack(packed)
        yield StoredReport(
            at,
            merchant_no,
            strings.word(service) or "",
            strings.word(code) or "",
            bool(leg),
            MEANINGS[meaning],
        )


def claims_of(packed: bytes | None) -> list[OrderKey]:
    """Orders that named a number."""
    claims, at = [], 0
    while packed is not None and at < len(packed):
        merchant_no, length = _CLAIM.unpack_from(packed, at)
        at += _CLAIM.size + length
        claims.append((merchant_no, packed[at - length : at]))
    return claims


def _claims_bytes(claims: Sequence[OrderKey]) -> bytes | None:
    return (
        b"".join(
            [_CLAIM.pack(merchant_no, len(order_id)) + order_id for merchant_no, order_id in claims]
        )
        or None
    )


def _reports_of(packed: bytes) -> dict[bytes, int]:
    return {
        packed[at : at + _WIDTH - 1]: packed[at + _WIDTH - 1]
        for at in range(0, len(packed), _WIDTH)
    }


def _packed(reports: Mapping[bytes, int]) -> bytes:
    return b"".join([b"%b%c" % report for report in reports.items()])


def _at(report: bytes) -> Micros:
    """When a packed report's event was."""
    return int(_ENTRY.unpack(report)[0])


def read_claims(cursor: Cursor, numbers: Sequence[bytes]) -> dict[bytes, TrackingRow]:
    """The numbers that are known, with their claims and without their reports; not locked."""
    cursor.execute(_SQL["claims"], [byteas(numbers)], binary=True)
    return {
        number: TrackingRow(number, flags, claims_of(claims))
        for number, flags, claims in cursor.fetchall()
    }


def lock(cursor: Cursor, numbers: Sequence[bytes]) -> dict[bytes, TrackingRow]:
    """Locks the numbers that are known among these (sorted) and reads them whole."""
    cursor.execute(_SQL["lock"], [byteas(numbers)], binary=True)
    return {row[0]: _row(*row) for row in cursor.fetchall()}


def read(cursor: Cursor, numbers: Sequence[bytes]) -> dict[bytes, TrackingRow]:
    """As `lock`, without locking: looking must not make intake wait."""
    cursor.execute(_SQL["read"], [byteas(numbers)], binary=True)
    return {row[0]: _row(*row) for row in cursor.fetchall()}


def _row(number: bytes, flags: int, claims: bytes | None, reports: bytes | None) -> TrackingRow:
    return TrackingRow(number, flags, claims_of(claims), reports or b"")


def write(
    cursor: Cursor,
    rows: Iterable[TrackingRow],
    now: Micros,
    claims: Mapping[bytes, OrderKey] | None = None,
) -> None:
    """Writes those that changed, and new numbers known only by the claim of one order.

    Raises NewNumberRace when another worker has inserted a new one.
    """
    changed = [row for row in rows if row.changed]
    new = [_columns(row) for row in changed if row.new]
    if claims:
        new += [
            (number, 0, _CLAIM.pack(key[0], len(key[1])) + key[1], None)
            for number, key in claims.items()
        ]
    if new:
        new.sort()
        cursor.execute(_SQL["insert"], [now, *_ROW.arrays(new)])
        if cursor.rowcount != len(new):
            raise NewNumberRace
    old = [_columns(row) for row in changed if not row.new]
    if old:
        cursor.execute(_SQL["update"], _ROW.arrays(old))


def _columns(row: TrackingRow) -> tuple[Any, ...]:
    return row.number, row.flags, _claims_bytes(row.claims), row.packed or None


def purge(cursor: Cursor, now: Micros, limit: int) -> list[tuple[bytes, bytes, int]]:
    """Forgets reports of numbers that no order has named for 180 days.

    Returns (number, packed report, meaning) of each. A number that was reported again meanwhile
    keeps its younger reports, and waits for as long again.
    """
    cursor.execute(_SQL["unmatched"], [now - KEPT, limit], binary=True)
    gone: list[tuple[bytes, bytes, int]] = []
    empty, kept = [], []
    for number, packed in cursor.fetchall():
        reports = _reports_of(packed or b"")
        young = {
            report: meaning for report, meaning in reports.items() if _at(report) >= now - KEPT
        }
        gone += [
            (number, report, meaning) for report, meaning in reports.items() if report not in young
        ]
        if young:
            kept.append(
                (
                    number,
                    _packed(young),
                    min(map(_at, young)),
                )
            )
        else:
            empty.append(number)
    if empty:
        cursor.execute(_SQL["forget"], [byteas(empty)])
    if kept:
        cursor.execute(_SQL["keep"], _KEPT.arrays(kept))
    count_purged(cursor, "unmatched", len(gone))
    return gone


def count_purged(cursor: Cursor, kind: str, reports: int) -> None:
    """Adds to what was forgotten."""
    if reports:
        cursor.execute(_SQL["count_purged"], [kind, reports])
