"""Carriers' reports about an order."""

from struct import Struct
from typing import Final

from rules.order.facts import CarrierReport
from schemas.carriers.meaning import Meaning
from store.orders.codec.parts import SHORT
from store.orders.layouts import FIXED, UnknownLayout
from store.postgres.interning import InternedStrings

_REPORT = Struct(">qBBiiH")
_NAMED, _RETURN_LEG = 1, 2
MEANINGS: Final = tuple(Meaning)
"""Meanings by their number: faster than asking the enumeration."""


def reports_bytes(reports: tuple[CarrierReport, ...], strings: InternedStrings) -> bytes | None:
    """Carriers' reports; the tracking numbers in them stand once, in front."""
    if not reports:
        return None
    numbers = {number: i for i, number in enumerate(sorted({r.number for r in reports}))}
    head = SHORT.pack(len(numbers)) + b"".join(
        [b"%c%b" % (len(number), number) for number in numbers]
    )
    number = strings.number
    return b"%c%b%b" % (
        FIXED,
        head,
        b"".join(
            [
                _REPORT.pack(
                    r.at,
                    r.meaning,
                    (_NAMED if r.named else 0) | (_RETURN_LEG if r.return_leg else 0),
                    number(r.service),
                    number(r.code),
                    numbers[r.number],
                )
                for r in reports
            ]
        ),
    )


def reports_of(packed: bytes | None, strings: InternedStrings) -> tuple[CarrierReport, ...]:
    """What `reports_bytes` packed."""
    if packed is None:
        return ()
    if packed[0] != FIXED:
        raise UnknownLayout("an order's carrier reports", packed[0])
    start, numbers, word = 3, [], strings.word
    for _ in range(SHORT.unpack_from(packed, 1)[0]):
        end = start + 1 + packed[start]
        numbers.append(packed[start + 1 : end])
        start = end
    return tuple(
        [
            CarrierReport(
                at,
                MEANINGS[meaning],
                numbers[number],
                word(service) or "",
                word(code) or "",
                bool(flags & _NAMED),
                bool(flags & _RETURN_LEG),
            )
            for at, meaning, flags, service, code, number in _REPORT.iter_unpack(packed[start:])
        ]
    )
