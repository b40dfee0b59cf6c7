"""Facts to bytes and back: plain orders pay nothing for what only some have."""

from typing import Any

import pytest

from rules.order.facts import (
    CarrierReport,
    DeliveryKey,
    OrderFacts,
    OrderRecord,
    Parcel,
    ParcelRecord,
    Posted,
    ReturnOrder,
)
from rules.order.family import Origin
from rules.order.membership import Buyer, MemberStatement
from rules.order.trail import ENDS, NOT_SAID, State, Trail, TrailEntry, Version
from schemas.carriers.meaning import Meaning
from store.orders import codec
from store.orders.layouts import UnknownLayout
from store.orders.orders import flags_of
from store.postgres.interning import InternedStrings

PLAIN = OrderRecord(
    Version(5, 6, 7),
    1_700_000_000_000_000,
    "confirmed",
    b"m" * 12,
    False,
    "shop",
    None,
    "TWD",
    100_000,
    1,
    2,
    3,
    4,
    99,
    DeliveryKey.PRESENT,
)
PARCEL = ParcelRecord(
    Version(8, 9, 10), b"p" * 12, "arrived", "tw_tcat", False, False, 11, None, 12
)


class Dictionary(InternedStrings):
    """Words with numbers of their own, without a database."""

    def __init__(self) -> None:
        self._all: list[str | None] = [None]

    def number(self, word: str | None) -> int:
        if word not in self._all:
            self._all.append(word)
        return self._all.index(word)

    def word(self, number: int) -> str | None:
        return self._all[number]


TAILS = [
    PLAIN,
    PLAIN._replace(tracking=b"D40617352918"),
    PLAIN._replace(delivery_id=b"d" * 12),
    PLAIN._replace(tracking=b"X" * 200, delivery_id=b"\xff" + b"d" * 400),
    PLAIN._replace(summary_days=7),
    PLAIN._replace(summary_points=0),
    PLAIN._replace(tracking=b"1", summary_days=-3, summary_points=2**40),
    PLAIN._replace(currencies=("TWD", None, "USD", None, None)),
    PLAIN._replace(said=5, lent=((1, Version(1, 2, 3)), (1 << 16, Version(-4, 5, ENDS)))),
    PLAIN._replace(summary_days=1, currencies=(None,) * 5, said=0, lent=((2, Version(1)),)),
]


@pytest.mark.parametrize("record", TAILS)
def test_an_order_comes_back_whole(record: OrderRecord) -> None:
    strings = Dictionary()
    facts = OrderFacts(record, tier="gold", tier_at=Version(1, 2, 3))
    packed = codec.record_bytes(facts, strings)
    assert packed is not None
    assert codec.record_of(packed, codec.DELIVERY_PRESENT, record.member, None, strings) == (
        record,
        "gold",
        Version(1, 2, 3),
    )


def test_an_order_without_tracking_number_is_packed_as_before_there_were_any() -> None:
    packed = codec.record_bytes(OrderFacts(PLAIN), Dictionary())
    assert packed is not None
    assert (packed[0], len(packed)) == (1, 129)


@pytest.mark.parametrize("number", [None, b"742"])
def test_the_nested_parcels_id_is_not_packed_again_when_it_is_the_first(
    number: bytes | None,
) -> None:
    strings = Dictionary()
    record = PLAIN._replace(delivery_id=PARCEL.parcel_id, tracking=number)
    facts = OrderFacts(record, parcels=(Parcel(PARCEL),))
    packed = codec.record_bytes(facts, strings)
    assert packed is not None
    assert PARCEL.parcel_id not in packed
    assert (
        codec.record_of(packed, flags_of(facts), record.member, PARCEL.parcel_id, strings)[0]
        == record
    )


@pytest.mark.parametrize("number", [None, b"7420518836", b"N" * 200])
@pytest.mark.parametrize("parcel_id", [b"p" * 12, b"\xff" + b"p" * 300])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("event", [None, Version(1, 2, 3)])
@pytest.mark.parametrize(
    "more", [{}, {"by_return": True}, {"said": 3, "lent": ((4, Version(1, 2, ENDS)),)}]
)
def test_a_parcel_comes_back_whole(
    number: bytes | None,
    parcel_id: bytes,
    nested: bool,
    event: Version | None,
    more: dict[str, Any],
) -> None:
    strings = Dictionary()
    record = PARCEL._replace(tracking=number, parcel_id=parcel_id, **more)
    parcel = Parcel(record, codec.trail_of(None, record.version), nested, event)
    packed = codec.parcel_bytes(parcel, strings)
    assert codec.parcel_of(packed, 0, None, strings) == parcel


@pytest.mark.parametrize(
    "one",
    [
        ReturnOrder(b"r", Version(1, 2, 3), "completed", 430),
        ReturnOrder(b"r", Version(1), "", None, None, 5, "USD", 7, 8, 3, ((4, Version(1, 2, 3)),)),
    ],
)
def test_a_return_comes_back_whole(one: ReturnOrder) -> None:
    strings = Dictionary()
    assert codec.return_of(b"r", codec.return_bytes(one, strings), strings) == one


@pytest.mark.parametrize("failed", [True, False, None])
@pytest.mark.parametrize("moment", [None, NOT_SAID, 5])
@pytest.mark.parametrize("floor", [None, Version(1, 2, 3)])
def test_a_trail_comes_back_whole(
    failed: bool | None, moment: int | None, floor: Version | None
) -> None:
    trail = Trail(floor, tuple(TrailEntry(Version(4), s, moment, 6, moment, failed) for s in State))
    assert codec.trail_of(codec.trail_bytes(trail, Version(4)), Version(4)) == trail
    empty = Trail(floor)
    assert codec.trail_of(codec.trail_bytes(empty, Version(4)), Version(4)) == empty


def test_a_parcel_without_tracking_number_is_packed_as_before_there_were_any() -> None:
    packed = codec.parcel_bytes(Parcel(PARCEL, nested=True), Dictionary())
    assert (packed[0], packed[59:]) == (1, PARCEL.parcel_id)


def test_reports_come_back_whole_and_in_order() -> None:
    strings = Dictionary()
    reports = (
        CarrierReport(-5, Meaning.IN_TRANSIT, b"A1", "tcat/home", "3001"),
        CarrierReport(5, Meaning.UNKNOWN, b"", "tcat/home", "3999", named=True, return_leg=True),
        CarrierReport(5, Meaning.RETURN_REVERSED, b"B2", "tcat/home", "3017", named=True),
        CarrierReport(6, Meaning.DELIVERED, b"A1", "hct/home", "正常配交"),
    )
    packed = codec.reports_bytes(reports, strings)
    assert codec.reports_of(packed, strings) == reports
    assert codec.reports_bytes((), strings) is None
    assert codec.reports_of(None, strings) == ()


def test_a_tracking_number_that_comes_often_is_packed_once() -> None:
    strings = Dictionary()
    many = tuple(
        CarrierReport(at, Meaning.DELIVERED, b"D40617352918", "tcat/home", "3003")
        for at in range(500)
    )
    packed = codec.reports_bytes(many, strings)
    assert packed is not None
    assert len(packed) == 3 + 13 + 500 * 20
    assert codec.reports_of(packed, strings) == many


NEWEST, OLDER = Version(9, 8, 7), Version(1, 2, 3)


@pytest.mark.parametrize(
    "origin",
    [
        Origin(),
        Origin(-5, NEWEST),
        Origin(5, OLDER, b"", NEWEST, (), OLDER),
        Origin(5, OLDER, b"p" * 12, OLDER, (b"\xffa", b"b" * 12), NEWEST, b"\xffc", NEWEST),
        Origin(5, NEWEST, combined_to=b"\xffc", combined_told=OLDER),
    ],
)
def test_where_an_order_comes_from_comes_back_whole(origin: Origin) -> None:
    assert codec.origin_of(codec.origin_bytes(origin, NEWEST), NEWEST) == origin


def test_an_order_that_comes_from_no_other_costs_ten_bytes() -> None:
    plain = Origin(5, NEWEST, b"", NEWEST, (), NEWEST, b"", NEWEST)
    assert len(codec.origin_bytes(plain, NEWEST)) == 10


def test_a_members_timeline_comes_back_whole() -> None:
    buyer = Buyer(
        (
            MemberStatement(OLDER, is_member=True, registered_at=-7),
            MemberStatement(OLDER, is_member=None, registered_at=4),
            MemberStatement(NEWEST, is_member=False, removal=True),
        )
    )
    assert codec.buyer_of(codec.buyer_bytes(buyer)) == buyer


def test_facts_of_a_layout_that_is_not_known_are_refused() -> None:
    strings = Dictionary()
    record = codec.record_bytes(OrderFacts(PLAIN), strings) or b""
    origin = codec.origin_bytes(Origin(5), None)
    parcel = codec.parcel_bytes(Parcel(PARCEL), strings)
    posted = codec.posted_bytes(Posted(episode=1), None) or b""
    reports = codec.reports_bytes(
        (CarrierReport(5, Meaning.DELIVERED, b"A1", "tcat/home", "3003"),), strings
    )
    for read in (
        lambda: codec.record_of(b"\x09" + record[1:], 0, None, None, strings),
        lambda: codec.origin_of(b"\x09" + origin[1:], None),
        lambda: codec.buyer_of(b"\x09"),
        lambda: codec.parcel_of(b"\x09" + parcel[1:], 0, None, strings),
        lambda: codec.posted_of(b"\x09" + posted[1:], 0, None),
        lambda: codec.reports_of(b"\x09" + (reports or b"")[1:], strings),
        lambda: codec.trail_of(b"\x09", None),
    ):
        with pytest.raises(UnknownLayout, match="layout 9, which this version does not know"):
            read()
