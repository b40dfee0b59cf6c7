"""Tracking numbers: which orders ever named one, and what carriers reported for it (rules.md 6).

Merchants are apart (D18): a number has a row for each merchant whose orders name it or whom a
report of it names. Reports that name no merchant lie once in the row of ANY_MERCHANT, and are read
for each merchant whose orders named the number.

A row is locked before the orders that it concerns, so that a report and the order that names its
number always see each other, whichever comes first. One pair has no row in common: an order that
names a number, and the first report of it that names no merchant. Whoever makes a row of
ANY_MERCHANT therefore asks for a recheck, which comes when all that ran at the same time is over
(ADR 11). Claims are only ever added: which of them count now is the orders' own say.
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

ANY_MERCHANT = 0
"""The merchant's number of reports that name none."""
KEPT: Micros = 180 * DAY
"""How long reports wait for an order (rules.md 6)."""
MOST_REPORTS = 500
"""Of one row: as many as of one order (rules/order/folding.py)."""
MOST_CLAIMS = 50
"""A number that more orders of one merchant named is none (000000000000, or a shop's own word): it
is never joined to any of them.
"""
MOST_MERCHANTS = 20
"""So many merchants are read with a number; for more, the recheck queue takes one after another."""
AMBIGUOUS, CROWDED, TAKEN = 1, 2, 4
"""Bits of `tracking.flags`: some report could be of several members' orders; more than MOST_CLAIMS
orders named it; of a row of ANY_MERCHANT, orders of some merchant named it.
"""

NumberKey = tuple[bytes, int]
"""(number, merchant's number, or ANY_MERCHANT): the primary key, and the order of locking."""
_ROW: Final = Columns(tables.tracking, "number", "merchant_no", "flags", "claims", "reports")
_KEY: Final = Columns(tables.tracking, "number", "merchant_no")
_KEPT: Final = Columns(tables.tracking, "number", "merchant_no", "reports", "first_us")
_SQL: Final = queries("carriers/tracking", row=_ROW, key=_KEY, kept=_KEPT)
_CLAIM = Struct(">qH")
_ENTRY = Struct(">qiiB")
_WIDTH = _ENTRY.size + 1


class NewNumberRace(Exception):
    """Another worker inserted one of these numbers first: roll back and do the batch again."""


class StoredReport(NamedTuple):
    """A report as its number keeps it."""

    at: Micros
    service: str
    code: str
    return_leg: bool
    meaning: Meaning

    def as_fact(self, number: bytes) -> CarrierReport:
        """The report in the form in which orders keep theirs."""
        return CarrierReport(
            at=self.at,
            meaning=self.meaning,
            number=number,
            service=self.service,
            code=self.code,
            return_leg=self.return_leg,
        )


@dataclass(slots=True)
class TrackingRow:
    """A tracking number of a merchant.

    `claims` are the orders that ever named it, each with the time of the first record that did.
    `packed` are its reports as they are stored: what identifies each, and its meaning.
    """

    number: bytes
    merchant_no: int
    flags: int = 0
    claims: dict[bytes, Micros] = field(default_factory=dict)
    packed: bytes = b""
    new: bool = False
    changed: bool = False

    @property
    def key(self) -> NumberKey:
        """The row's primary key."""
        return self.number, self.merchant_no

    @property
    def order_keys(self) -> list[OrderKey]:
        """The orders that named it."""
        return [(self.merchant_no, order_id) for order_id in self.claims]

    @property
    def reports(self) -> dict[bytes, int]:
        """The meaning of each report by what else is known of it, packed."""
        return _reports_of(self.packed)

    def times(self) -> set[Micros]:
        """When the events of its reports were."""
        return {_at(report) for report in self.reports}

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

    @property
    def only_claim(self) -> tuple[bytes, Micros] | None:
        """The order that alone ever named it, and since when; None when there is none such."""
        return next(iter(self.claims.items())) if len(self.claims) == 1 else None

    def set_flag(self, flag: int, *, on: bool = True) -> None:
        """Sets or clears a bit of `flags`."""
        flags = self.flags | flag if on else self.flags & ~flag
        if flags != self.flags:
            self.flags, self.changed = flags, True

    def claim(self, order_id: bytes, named_at: Micros) -> bool:
        """Notes that the order named the number in a record of this time.

        False when it is known to have named it as early, or it matters no more.
        """
        known = self.claims.get(order_id)
        if self.flags & CROWDED or (known is not None and known <= named_at):
            return False
        self.claims[order_id] = named_at
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
    """The report to drop, as an order drops one."""
    shown = []
    for packed, meaning in kept.items():
        at, service, code, return_leg = _ENTRY.unpack(packed)
        report = CarrierReport(
            at, MEANINGS[meaning], b"", str(service), str(code), return_leg=bool(return_leg)
        )
        shown.append((report, packed))
    shown.sort()
    return shown[least_telling([report for report, _ in shown])][1]


identity = _ENTRY.pack
"""What makes a report the same as another of its row: when, the strings' numbers of service and
code, return leg.

Its meaning follows from these, so it is no part of it.
"""


def unpack_reports(
    reports: Iterable[tuple[bytes, int]], strings: InternedStrings
) -> Iterator[StoredReport]:
    """Reports of a row, as `TrackingRow.reports` has them."""
    for packed, meaning in reports:
        at, service, code, leg = _ENTRY.unpack(packed)
        yield StoredReport(
            at,
            strings.word(service) or "",
            strings.word(code) or "",
            bool(leg),
            MEANINGS[meaning],
        )


def reports_for(
    row: TrackingRow, any_merchant: TrackingRow | None, strings: InternedStrings
) -> list[StoredReport]:
    """The reports that count for a merchant: its own, and those that name none; each once."""
    packed = row.reports
    if any_merchant is not None and any_merchant is not row:
        packed = any_merchant.reports | packed
    return list(unpack_reports(packed.items(), strings))


def claims_of(packed: bytes | None) -> dict[bytes, Micros]:
    """Orders that named a number, and since when."""
    claims, at = {}, 0
    while packed is not None and at < len(packed):
        named_at, length = _CLAIM.unpack_from(packed, at)
        at += _CLAIM.size + length
        claims[packed[at - length : at]] = named_at
    return claims


def _claims_bytes(claims: Mapping[bytes, Micros]) -> bytes | None:
    packed = [
        _CLAIM.pack(named_at, len(order_id)) + order_id for order_id, named_at in claims.items()
    ]
    return b"".join(packed) or None


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


def read_claims(cursor: Cursor, keys: Sequence[NumberKey]) -> dict[NumberKey, TrackingRow]:
    """Those that are known, and their numbers' rows of ANY_MERCHANT.

    With their claims and without their reports; not locked.
    """
    cursor.execute(_SQL["claims"], _KEY.arrays(keys), binary=True)
    return _claim_rows(cursor)


def claimed_by(cursor: Cursor, numbers: Sequence[bytes]) -> dict[NumberKey, TrackingRow]:
    """The rows of all merchants whose orders named these numbers.

    Of a number that more than MOST_MERCHANTS named, one row more than that, by which it is told.
    With their claims and without their reports; not locked. Complete only for who holds the
    numbers' rows of ANY_MERCHANT.
    """
    cursor.execute(_SQL["claimed_by"], [byteas(numbers), MOST_MERCHANTS + 1], binary=True)
    return _claim_rows(cursor)


def _claim_rows(cursor: Cursor) -> dict[NumberKey, TrackingRow]:
    return {
        (number, merchant_no): TrackingRow(number, merchant_no, flags, claims_of(claims))
        for number, merchant_no, flags, claims in cursor.fetchall()
    }


def ask_each(cursor: Cursor, number: bytes, at: Micros) -> None:
    """Asks for a recheck of the number in each merchant whose orders named it."""
    cursor.execute(_SQL["ask_each"], [number, at])


def lock(cursor: Cursor, keys: Sequence[NumberKey]) -> dict[NumberKey, TrackingRow]:
    """Locks those that are known among these (sorted) and reads them whole."""
    return _whole_rows(cursor, "lock", keys)


def read(cursor: Cursor, keys: Sequence[NumberKey]) -> dict[NumberKey, TrackingRow]:
    """As `lock`, without locking: looking must not make intake wait."""
    return _whole_rows(cursor, "read", keys)


def _whole_rows(
    cursor: Cursor, statement: str, keys: Sequence[NumberKey]
) -> dict[NumberKey, TrackingRow]:
    if not keys:
        return {}
    cursor.execute(_SQL[statement], _KEY.arrays(keys), binary=True)
    return {
        (number, merchant_no): TrackingRow(
            number, merchant_no, flags, claims_of(claims), reports or b""
        )
        for number, merchant_no, flags, claims, reports in cursor.fetchall()
    }


def write(
    cursor: Cursor,
    rows: Iterable[TrackingRow],
    now: Micros,
    claims: Mapping[NumberKey, tuple[bytes, Micros]] | None = None,
) -> None:
    """Writes those that changed, and new numbers known only by the claim of one order.

    Raises NewNumberRace when another worker has inserted a new one.
    """
    changed = [row for row in rows if row.changed]
    new = [_columns(row) for row in changed if row.new]
    if claims:
        new += [
            (*key, 0, _CLAIM.pack(named_at, len(order_id)) + order_id, None)
            for key, (order_id, named_at) in claims.items()
        ]
    if new:
        new.sort(key=_key_of)
        cursor.execute(_SQL["insert"], [now, *_ROW.arrays(new)])
        if cursor.rowcount != len(new):
            raise NewNumberRace
    old = [_columns(row) for row in changed if not row.new]
    if old:
        cursor.execute(_SQL["update"], _ROW.arrays(old))


def _key_of(row: tuple[Any, ...]) -> NumberKey:
    return row[0], row[1]


def _columns(row: TrackingRow) -> tuple[Any, ...]:
    return row.number, row.merchant_no, row.flags, _claims_bytes(row.claims), row.packed or None


def purge(cursor: Cursor, now: Micros, limit: int) -> list[tuple[NumberKey, bytes, int]]:
    """Forgets reports of numbers that no order has named for 180 days.

    Returns (number and merchant, packed report, meaning) of each. A number that was reported again
    meanwhile keeps its younger reports, and waits for as long again.
    """
    cursor.execute(_SQL["unmatched"], [now - KEPT, limit], binary=True)
    gone: list[tuple[NumberKey, bytes, int]] = []
    empty: list[NumberKey] = []
    kept = []
    for number, merchant_no, packed in cursor.fetchall():
        key = number, merchant_no
        reports = _reports_of(packed or b"")
        young = {
            report: meaning for report, meaning in reports.items() if _at(report) >= now - KEPT
        }
        gone += [
            (key, report, meaning) for report, meaning in reports.items() if report not in young
        ]
        if young:
            kept.append((*key, _packed(young), min(map(_at, young))))
        else:
            empty.append(key)
    if empty:
        cursor.execute(_SQL["forget"], _KEY.arrays(empty))
    if kept:
        cursor.execute(_SQL["keep"], _KEPT.arrays(kept))
    count_purged(cursor, "unmatched", len(gone))
    return gone


def count_purged(cursor: Cursor, kind: str, reports: int) -> None:
    """Adds to what was forgotten."""
    if reports:
        cursor.execute(_SQL["count_purged"], [kind, reports])
