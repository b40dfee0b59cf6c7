"""Random histories, in whatever batches they come, against a model that knows of no batches."""

from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.notices.deciding import settings as deciding_settings
from processors.notices.deciding.contacts import ContactsBatches
from schemas.ids import Micros, iso
from store.streams import outbox
from tests.support.notices.decided import MAIL, NOON, SMS, DecidingLane, changed, settings_changed
from tests.support.notices.oracle import DAY, HOUR, Change, Oracle
from tests.support.servers import Databases

AT_ONCE = 3
"""Parked changes that are decided in the transaction that hears of their shop."""
COLUMNS = (
    "event_id::text, channel, kind, state, reason, points, balance, sequence, not_before_us, "
    "give_up_us"
)
ENTITLED = {"plan": "enterprise", "app_installed": True, "modules": []}
BASIC = {"plan": "basic", "app_installed": True, "modules": []}
MORE = {"earned": True, "earned_more": True, "returned": True, "assigned": True}
DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"email": MAIL, "sms": SMS, "quiet": {"sms": None, "email": None}},
    {
        "email": MAIL | {"kinds": MORE | {"corrected": True, "expired": True}},
        "sms": SMS | {"kinds": MORE},
        "quiet": {"sms": "21:00-09:00", "email": "11:30-13:00"},
    },
    {
        "email": MAIL | {"enabled": False},
        "sms": SMS | {"kinds": MORE},
        "quiet": {"sms": "10:00-24:00", "email": None},
    },
)
_SHOPS, _MEMBERS = st.sampled_from("aaab"), st.sampled_from(["ann", "ann", "bo"])
_CHANNELS = st.sampled_from(["email", "sms"])
_TYPES = st.sampled_from(
    ["granted"] * 3 + ["adjusted", "clawed_back"] * 2
    + ["assigned", "returned", "deducted", "expired", "redeemed", "held", "gifted"]
)  # fmt: skip
_EVENT = st.tuples(
    _SHOPS, _MEMBERS, _TYPES, st.sampled_from([10, 20, 30]), st.sampled_from([1, -1]),
    st.sampled_from(["x", "x", "y", None]), st.integers(0, 99),
    st.sampled_from([None, (True, True), (True, False), (False, False)]),
    st.sampled_from([0] * 8 + [25 * HOUR, 401 * DAY]),
)  # fmt: skip
_VERSION = st.tuples(
    st.sampled_from([-DAY, -DAY, -HOUR, HOUR]), st.sampled_from(["Asia/Taipei", "Europe/Berlin"]),
    st.sampled_from([True, True, True, False]), st.sampled_from([True, True, True, False]),
)  # fmt: skip
_STEP = st.one_of(
    *[st.tuples(st.just("happen"), st.lists(_EVENT, min_size=2, max_size=8))] * 3,
    *[st.tuples(st.just("read"), st.integers(1, 12))] * 4,
    st.tuples(st.just("seek"), st.floats(0, 1)),
    st.tuples(st.just("hear"), st.tuples(_SHOPS, _VERSION)),
    st.tuples(st.just("apply"), st.tuples(_SHOPS, st.sampled_from(DOCUMENTS))),
    st.tuples(st.just("contact"), st.tuples(_SHOPS, _MEMBERS, st.booleans(), st.booleans())),
    st.tuples(st.just("forget"), st.tuples(_SHOPS, _MEMBERS)),
    st.tuples(
        st.just("wish"),
        st.tuples(_SHOPS, _MEMBERS, _CHANNELS, st.sampled_from(["*", "earned", "assigned"])),
    ),
    st.tuples(st.just("send"), st.tuples(_CHANNELS, st.sampled_from(["sent", "claimed"]))),
    st.tuples(st.just("clock"), st.sampled_from([1, HOUR, 9 * HOUR, 25 * HOUR, 97 * HOUR])),
    st.tuples(st.just("noise"), st.sampled_from([None, b"{"])),
    st.tuples(st.just("timer"), st.none()),
    st.tuples(st.just("restart"), st.none()),
)  # fmt: skip
_FIRST: tuple[tuple[str, Any], ...] = (
    ("hear", ("a", (-DAY, "Asia/Taipei", True, True))),
    ("apply", ("a", DOCUMENTS[0])),
    ("apply", ("b", DOCUMENTS[1])),
)
_EXAMPLES = count()


@pytest.fixture(scope="module")
def lane(postgres: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecidingLane]:
    url = postgres.migrated()
    folder: Path = tmp_path_factory.mktemp("oracle")
    made = DecidingLane(url, folder)
    try:
        yield made
    finally:
        made.close()
        postgres.drop(url)


class History:
    """One history, which the lane and the model live through side by side."""

    def __init__(self, lane: DecidingLane) -> None:
        self.lane, self.oracle = lane, Oracle()
        self.prefix = f"{next(_EXAMPLES)}-"
        self.now: Micros = NOON
        self.log: list[Change | bytes | None] = []
        self.at = 0
        self.sequences: Counter[tuple[str, str]] = Counter()
        self.versions: Counter[str] = Counter()
        lane.clock(self.now)
        lane.anew()
        lane.admin.execute("TRUNCATE notices.outbox")
        self.contacts = ContactsBatches(lane.configuration())

    def live(self, step: str, what: Any) -> None:
        """One step; after one that decides both are the same."""
        getattr(self, step)(what)
        if step in {"read", "hear", "timer"}:
            self.compare()

    def happen(self, events: list[tuple[Any, ...]]) -> None:
        for shop, member, type_, points, sign, order, available, notify, age in events:
            merchant = self.prefix + shop
            self.sequences[merchant, member] += 1
            event = changed(
                self.sequences[merchant, member], type_, _signed(type_, points, sign),
                member=member, merchant=merchant,
                available=available, order=order, at=self.now - age, notify=notify,
            )  # fmt: skip
            self.log.append(Change(event, self.now - age))

    def noise(self, value: bytes | None) -> None:
        self.log.append(value)

    def read(self, size: int) -> None:
        values = self.log[self.at : self.at + size]
        self.at += len(values)
        raw = [value.event if isinstance(value, Change) else value for value in values]
        counts, poison = self.lane.process(self.lane.changes, raw)
        found = Counter(counts.reasons) + Counter(
            applied=counts.applied, duplicate=counts.duplicate, parked=counts.parked,
            dead=len(poison),
        )  # fmt: skip
        assert found == self.oracle.read(values, self.now)

    def seek(self, share: float) -> None:
        self.at = round(share * len(self.log))

    def hear(self, said: tuple[str, tuple[int, str, bool, bool]]) -> None:
        shop, (after, zone, enabled, entitled) = said
        merchant = self.prefix + shop
        self.versions[merchant] += 1
        version, effective = self.versions[merchant], self.now + after
        before = self.oracle.shops[merchant].versions.values()
        effective = max([effective, *(each[0] + 1 for each in before)])
        counts, poison = self.lane.process(
            self.lane.settings,
            [
                settings_changed(
                    merchant, version, timezone=zone, enabled=enabled,
                    entitlement=ENTITLED if entitled else BASIC, effective_at=iso(effective),
                )
            ],
        )  # fmt: skip
        assert (counts.applied, poison) == (1, [])
        self.oracle.hear(merchant, version, (effective, zone, enabled, entitled))
        self.oracle.work_off(AT_ONCE, self.now)

    def apply(self, given: tuple[str, dict[str, Any]]) -> None:
        merchant = self.prefix + given[0]
        self.lane.apply(merchant, **given[1])
        self.oracle.shops[merchant].document = given[1]

    def contact(self, said: tuple[str, str, bool, bool]) -> None:
        shop, member, email, phone = said
        self._customer(
            shop, member, "user/update",
            email="ann@tea.example" if email else None,
            mobile_phone="0912345678" if phone else None,
        )  # fmt: skip
        self.oracle.contacts[self.prefix + shop, member] = {"email": email, "sms": phone}

    def forget(self, whose: tuple[str, str]) -> None:
        self._customer(*whose, "user/remove")
        self.oracle.contacts[self.prefix + whose[0], whose[1]] = {"email": False, "sms": False}

    def _customer(self, shop: str, member: str, topic: str, **fields: Any) -> None:
        self.now += 1
        self.lane.clock(self.now)
        resource = {"id": member, "updated_at": iso(self.now), **fields}
        record = {
            "event": "User", "topic": topic, "merchant_id": self.prefix + shop,
            "resource": resource,
        }  # fmt: skip
        counts, poison = self.lane.process(self.contacts, [record])
        assert (counts.applied, poison) == (1, [])

    def wish(self, wish: tuple[str, str, str, str]) -> None:
        wished = (self.prefix + wish[0], *wish[1:])
        if wished not in self.oracle.wishes:
            self.lane.opt_out(*wished)
            self.oracle.wishes.add(wished)

    def send(self, given: tuple[str, str]) -> None:
        """A sender has what waits of a channel in hand, or has sent it."""
        channel, state = given
        self.lane.admin.execute(
            "UPDATE notices.notice n SET state = %s FROM notices.shop s "
            "WHERE s.merchant_no = n.merchant_no AND starts_with(s.merchant_id, %s) "
            "AND n.channel = %s AND n.state = 'waiting'",
            [state, self.prefix, channel],
        )
        for row in self.oracle.rows.values():
            if row.channel == channel and row.state == "waiting":
                row.state = state

    def clock(self, ahead: int) -> None:
        self.now += ahead
        self.lane.clock(self.now)

    def timer(self, _: object) -> None:
        self.lane.work_off()
        self.oracle.work_off(1000, self.now)

    def restart(self, _: object) -> None:
        self.lane.anew()

    def end(self) -> None:
        """Everything is read from the beginning once more, and nothing is left waiting."""
        self.live("read", len(self.log))
        self.live("timer", None)
        self.live("seek", 0)
        self.live("read", len(self.log))

    def compare(self) -> None:
        found = self.lane.rows(
            f"SELECT {COLUMNS} FROM notices.notice n JOIN notices.shop s USING (merchant_no) "
            "WHERE starts_with(s.merchant_id, %s)",
            self.prefix,
        )
        assert sorted(found) == sorted(row.shown() for row in self.oracle.rows.values())
        parked = self.lane.rows(
            "SELECT event_id::text FROM notices.parked_event WHERE starts_with(merchant_id, %s)",
            self.prefix,
        )
        assert {each for (each,) in parked} == {
            event for of_shop in self.oracle.parked.values() for event in of_shop
        }
        rows = self.lane.rows("SELECT value FROM notices.outbox WHERE kind = 11")
        said = [orjson.loads(v) for (value,) in rows for _, v in outbox.records_of(value) if v]
        assert self.oracle.published == Counter(
            (each["event_id"], each["channel"], each["state"], each["reason"]) for each in said
        )


def _signed(type_: str, points: int, sign: int) -> int:
    if type_ == "held":
        return 0
    if type_ == "adjusted":
        return sign * points
    return -points if type_ in {"clawed_back", "deducted", "expired", "redeemed"} else points


@settings(max_examples=50)
@given(st.booleans(), st.lists(_STEP, min_size=12, max_size=30))
def test_any_history_in_any_batches_comes_out_as_one_record_after_the_other(
    lane: DecidingLane, heard: bool, steps: list[tuple[str, Any]]
) -> None:
    before = deciding_settings.AT_ONCE
    deciding_settings.AT_ONCE = AT_ONCE
    try:
        history = History(lane)
        for step, what in (*(_FIRST if heard else ()), *steps):
            history.live(step, what)
        history.end()
    finally:
        deciding_settings.AT_ONCE = before
