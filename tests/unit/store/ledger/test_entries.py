"""An entry and its event are one value; what the writer publishes is what the model says."""

import json
from hashlib import sha256
from typing import Any

import orjson
import pytest

from rules.account.account import Moved
from rules.account.entries import Entry, event_id
from rules.account.lots import LotKey, SourceKind, order_lot
from schemas.events import (
    CHANGES_HELD,
    CauseKind,
    EntryType,
    Notify,
    Performer,
    PerformerKind,
    PointsChanged,
)
from schemas.ids import NEVER
from schemas.packing import pack_id
from store.ledger.entries import MOST_NAMED, event_of, note_hash

ORDER = pack_id("5f0000000000000000000003")
OWN = order_lot(1_609_430_400_000_000, ORDER, 1)
OTHER = LotKey(NEVER, SourceKind.command, pack_id("cmd-1"), 0)
OUR_CAUSES = {CauseKind.command, CauseKind.expiry, CauseKind.hold_timeout}
A_MEGABYTE = 1_000_000
"""What a topic takes where nobody said otherwise, less what headers and their batch need."""
STAFF = Performer(kind=PerformerKind.staff, id="mei@shop.example")


def entry(entry_type: EntryType, **changes: Any) -> Entry:
    held = 30 if entry_type in CHANGES_HELD else 0
    points = 0 if entry_type in {EntryType.held, EntryType.released} else -70
    made = Entry(
        type=entry_type,
        event_id=event_id(entry_type.name),
        occurred_at=1_575_388_800_000_000,
        cause=CauseKind.order,
        cause_id=ORDER,
        moved=Moved(points, ((OWN, -50), (OTHER, -20)), held),
        order_id=ORDER,
        lot=OWN,
        settings_no=3,
        sequence=7,
        available=340,
        held=5,
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def written(made: Entry) -> bytes:
    return orjson.dumps(event_of(made, "shop", "anna", "2019-12-03T16:00:00.250Z"))


@pytest.mark.parametrize("cause", CauseKind)
@pytest.mark.parametrize("entry_type", EntryType)
def test_what_is_written_is_what_the_model_writes_byte_for_byte(
    entry_type: EntryType, cause: CauseKind
) -> None:
    value = written(
        entry(entry_type, cause=cause, cause_id=b"raw" if cause in OUR_CAUSES else ORDER)
    )
    assert PointsChanged.model_validate_json(value).to_json() == value


@pytest.mark.parametrize("entry_type", EntryType)
@pytest.mark.parametrize(
    "more",
    [
        {"hold_id": b"hold-1"},
        {"reason": "生日快樂", "performer": STAFF, "notify": Notify(email=True, sms=False)},
        {
            "order_id": None,
            "settings_no": None,
            "lot": None,
            "cause": CauseKind.command,
            "cause_id": b"cmd-9",
        },
    ],
)
def test_what_only_some_have_is_written_as_the_model_writes_it(
    entry_type: EntryType, more: dict[str, Any]
) -> None:
    value = written(entry(entry_type, **more))
    assert PointsChanged.model_validate_json(value).to_json() == value


def test_a_grant_is_published_in_these_bytes_for_ever() -> None:
    made = entry(EntryType.granted, moved=Moved(100, ((OWN, 60),)), debt=0)
    assert written(made) == (
        b'{"event_id":"28e8ba4e-da4d-5cf7-a8eb-69196da9baf8","type":"granted","merchant_id":"shop",'
        b'"member_id":"anna","sequence":7,"points":100,"balance":{"available":340,"held":5,"debt":0},'
        b'"lots":[{"lot_id":"5f0000000000000000000003-1","points":60,"expires_at":"2020-12-31T16:00:00Z"}],'
        b'"order_id":"5f0000000000000000000003","cause":{"kind":"order","id":"5f0000000000000000000003"},'
        b'"settings_version":3,"reason":null,"performer":null,"occurred_at":"2019-12-03T16:00:00Z",'
        b'"recorded_at":"2019-12-03T16:00:00.250Z"}'
    )


def test_a_hold_is_published_with_what_it_reserves_of_each_lot() -> None:
    made = entry(
        EntryType.held,
        moved=Moved(0, ((OWN, 20), (OTHER, 10)), 30),
        cause=CauseKind.command,
        cause_id=b"cmd-7",
        order_id=None,
        lot=None,
        hold_id=b"cart-77",
        performer=Performer(kind=PerformerKind.member, id="anna"),
    )
    event = json.loads(written(made))
    assert (event["points"], event["held_points"], event["hold_id"]) == (0, 30, "cart-77")
    assert sum(lot["points"] for lot in event["lots"]) == 30
    assert event["lots"][1] == {"lot_id": "command:cmd-1", "points": 10, "expires_at": None}
    assert event["cause"] == {"kind": "command", "id": "cmd-7"}
    assert event["performer"] == {"kind": "member", "id": "anna"}
    assert (event["order_id"], event["reason"]) == (None, None)


def test_the_hash_of_a_note_is_that_of_its_canonical_json() -> None:
    made = entry(EntryType.assigned, reason="生日快樂", performer=STAFF)
    note = '{"performer":{"id":"mei@shop.example","kind":"staff"},"reason":"生日快樂"}'
    assert note_hash(made) == sha256(note.encode()).digest()
    alone = entry(EntryType.held, performer=STAFF)
    note = '{"performer":{"id":"mei@shop.example","kind":"staff"},"reason":null}'
    assert note_hash(alone) == sha256(note.encode()).digest()


def test_an_event_of_very_many_lots_is_one_that_every_topic_takes() -> None:
    """No event is ever set aside: one that is refused would hold its shard for ever."""
    longest = "\x01" * 100
    sources = [pack_id(f"{number:05d}{longest}"[:100]) for number in range(120_000)]
    ends = (OWN.expires_at, NEVER)
    lots = tuple((order_lot(end, source, 1), -1) for end in ends for source in sources)
    value = written(entry(EntryType.deducted, moved=Moved(-len(lots), lots, 0)))
    assert len(value) < A_MEGABYTE
    told = PointsChanged.model_validate_json(value)
    assert sum(lot.points for lot in told.lots) == told.points == -len(lots)
    names = [lot.lot_id for lot in told.lots]
    assert len(names) == MOST_NAMED + 2 == len(set(names))
    assert [(lot.lot_id, lot.points) for lot in told.lots[MOST_NAMED:]] == [
        ("others:7:1", MOST_NAMED - len(sources)),
        ("others:7:2", -len(sources)),
    ]
    assert [lot.expires_at is None for lot in told.lots[MOST_NAMED:]] == [False, True]


def test_an_event_names_each_lot_while_there_are_not_more_than_it_may_name() -> None:
    lots = tuple((order_lot(NEVER, pack_id(str(n)), 1), -1) for n in range(MOST_NAMED))
    value = written(entry(EntryType.deducted, moved=Moved(-len(lots), lots, 0)))
    assert [lot["lot_id"] for lot in orjson.loads(value)["lots"]] == [
        f"{number}-1" for number in range(MOST_NAMED)
    ]
