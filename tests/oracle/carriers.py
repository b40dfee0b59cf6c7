"""The carriers' own voice (rules.md 2.4, 6).

What a few codes of every service mean, and what a parcel's reports add up to.
"""

from datetime import datetime
from typing import NamedTuple

from tests.oracle.upstream import Report

UNKNOWN, IN_TRANSIT, WAITING = "unknown", "in transit", "at the pick-up point"
DELIVERED, COLLECTED = "delivered", "collected"
RETURNING, RETURNED, LOST = "returning", "returned", "lost"
REVERSED = "reversed"
REVERSED_AND_GOING_BACK = "reversed, returning"
RETURN_REVERSED = "return reversed"
RANK = (UNKNOWN, IN_TRANSIT, WAITING, DELIVERED, COLLECTED, RETURNING, RETURNED, LOST,
        REVERSED, REVERSED_AND_GOING_BACK, RETURN_REVERSED)  # fmt: skip
"""Reports of the same moment count in this order."""
GONE = (RETURNING, RETURNED, LOST)
DECISIVE = RANK[RANK.index(DELIVERED) :]

_SHOP = {
    "2030": IN_TRANSIT,
    "2063": WAITING,
    "2073": WAITING,
    "2067": COLLECTED,
    "2074": RETURNING,
    "2070": RETURNED,
}
_FAMILY = {
    "3032": IN_TRANSIT,
    "3018": WAITING,
    "3022": COLLECTED,
    "3020": RETURNING,
    "3023": RETURNED,
    "7006": LOST,
}
_SF = {
    "44": IN_TRANSIT,
    "8000": IN_TRANSIT,
    "125": WAITING,
    "130": WAITING,
    "607": WAITING,
    "631": RETURNING,
}
CODES: dict[tuple[str, str], dict[str, str]] = {
    ("ecpay", "unimart"): _SHOP | {
        "2053": IN_TRANSIT, "2042": LOST, "2036": LOST, "2037": IN_TRANSIT, "2016": RETURNING,
    },
    ("ecpay", "unimartc2c"): {k: v for k, v in _SHOP.items() if k != "2063"} | {
        "2053": REVERSED_AND_GOING_BACK, "2042": LOST,
    },
    ("ecpay", "fami"): _FAMILY,
    ("ecpay", "famic2c"): _FAMILY,
    ("ecpay", "hilife"): _SHOP | _FAMILY | {"2053": REVERSED_AND_GOING_BACK},
    ("ecpay", "hilifec2c"): _SHOP | _FAMILY | {"2053": REVERSED_AND_GOING_BACK},
    ("ecpay", "okmartc2c"): {
        "2030": IN_TRANSIT, "2073": WAITING, "3022": COLLECTED, "2074": RETURNING,
        "3023": RETURNED,
    },
    ("ecpay", "tcat"): {
        "3006": IN_TRANSIT, "3117": IN_TRANSIT, "3003": DELIVERED, "3016": REVERSED,
        "3017": RETURN_REVERSED, "5005": RETURNING, "5008": RETURNED, "5002": LOST,
    },
    ("ecpay", "post"): {
        "3312": IN_TRANSIT, "3308": DELIVERED, "3305": RETURNING, "3310": RETURNED, "7302": LOST,
    },
    ("ecpay", "unimartcb"): {
        "6008": IN_TRANSIT, "6009": WAITING, "6010": COLLECTED, "6011": RETURNING, "6001": LOST,
    },
    ("tcat", "home"): {
        "151": IN_TRANSIT, "301": DELIVERED, "順利送達": DELIVERED, "161": RETURNING,
        "305": RETURNED,
    },
    ("seven_eleven", "etracking"): {
        "門市已收件": IN_TRANSIT, "包裹配達門市": WAITING, "已完成包裹成功取件": COLLECTED,
    },
    ("familymart", "native"): {
        "配送中": IN_TRANSIT, "貨件配達取件店舖": WAITING, "已完成取件": COLLECTED,
        "退回": RETURNING,
    },
    ("hct", "home"): {
        "到著": IN_TRANSIT, "配達": IN_TRANSIT, "正常配交": DELIVERED, "缺件配達": DELIVERED,
        "破損配達": DELIVERED, "拒收退回": RETURNING,
    },
    ("sf", "express"): _SF | {"80": DELIVERED},
    ("sf", "pickup"): _SF | {"80": COLLECTED},
    ("ninja_van", "v2"): {
        "Arrived at Destination Hub": IN_TRANSIT, "Delivered, Received by Customer": DELIVERED,
        "Delivered, Left at Doorstep": DELIVERED,
        "Delivery Exception, Return to Sender Initiated": RETURNING,
        "Returned to Sender": RETURNED, "Cancelled": LOST,
    },
}  # fmt: skip
"""A code or, where carriers send texts, a text: what it means under this (carrier, service),
and only there.
"""


class Statement(NamedTuple):
    """What a voice says of a parcel at a moment: a report's meaning."""

    at: datetime
    meaning: str


def statement_of(report: Report) -> Statement:
    """What the report says; on the leg back nothing is delivered to the customer."""
    what = report.what
    codes = CODES.get((what["carrier"], what["service"]), {})
    meaning = codes.get(str(what.get("code") or "")) or codes.get(what.get("text") or "") or UNKNOWN
    return Statement(report.at, on_the_way_back(meaning) if what.get("return_leg") else meaning)


def on_the_way_back(meaning: str) -> str:
    """A parcel handed over on the return leg is with the seller again.

    One that moves there goes back.
    """
    if meaning in (DELIVERED, COLLECTED):
        return RETURNED
    return RETURNING if meaning in (IN_TRANSIT, WAITING) else meaning


class Voice(NamedTuple):
    """What one voice says of a parcel: when it became final, or how it has gone back since then.

    `before` is the final moment from before it went back.
    """

    final: datetime | None = None
    gone: tuple[Statement, ...] = ()
    before: datetime | None = None

    def denies(self, final: datetime) -> bool:
        """Whether it says *returning, returned or lost* later than the other's final moment.

        rules.md 2.4.
        """
        return any(statement.at > final for statement in self.gone)

    def is_out(self) -> bool:
        """Returned or lost by its newest statement about that.

        A parcel on its way back is still awaited (rules.md 2.5).
        """
        return bool(self.gone) and self.gone[-1].meaning in (RETURNED, LOST)

    def keeping(self, kept_from: datetime) -> "Voice":
        """With `keep`, going back from then on changes nothing; a reversed scan always does.

        rules.md 4.5.
        """
        left = tuple(s for s in self.gone if s.at < kept_from or s.meaning not in GONE)
        return self._replace(gone=left) if left or not self.gone else Voice(self.before)


def in_turn(statements: list[Statement]) -> list[Statement]:
    """By the time of the event, then by rank; the ones that decide nothing left out."""
    return sorted(
        (s for s in statements if s.meaning in DECISIVE),
        key=lambda s: (s.at, RANK.index(s.meaning)),
    )


def carrier_says(statements: list[Statement], *, fetched: bool) -> Voice:
    """What a parcel's reports add up to: each changes the result of those before it."""
    final: datetime | None = None
    before: datetime | None = None
    gone: tuple[Statement, ...] = ()
    for statement in in_turn(statements):
        if statement.meaning == COLLECTED or (statement.meaning == DELIVERED and not fetched):
            final, gone = (final or statement.at), ()
        elif statement.meaning in GONE:
            before = before if gone else final
            final, gone = None, (*gone, statement)
        elif statement.meaning == REVERSED:  # a delivery is taken back, and no more
            final = before = None
        elif statement.meaning == REVERSED_AND_GOING_BACK:
            final, before, gone = None, None, (*gone, statement)
        elif statement.meaning == RETURN_REVERSED and gone:
            final, gone = before, ()
    return Voice(final, gone, before)
