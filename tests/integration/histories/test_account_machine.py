"""A points account driven at random, beside a model of single points: every answer, every entry.

Long runs: POINTS_TEST_MACHINE_EXAMPLES=2000.
"""

import os
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.oracle.shop import NEVER, SECOND, Shop, instant, moment_of
from tests.support.account_bench import AccountBench, Line
from tests.support.desk import CASH, STAFF
from tests.support.in_process import InProcessEngine
from tests.support.invariants import check_accounts
from tests.support.order_facts import delivery, money, order, removed, returned, some_id
from tests.support.order_facts import settings as settings_of
from tests.support.upstream import Json

LONG = "POINTS_TEST_MACHINE_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("POINTS_TEST_MACHINE_EXAMPLES", "30"))
STEPS = 40
BEGIN = 1_780_000_000 * SECOND
"""28 May 2026."""
DAY = 86_400 * SECOND
MEMBERS = [some_id(name) for name in ("ann", "bea", "cat")]
ORDERS = [some_id(f"machine order {number}") for number in range(3)]
HOLDS = [f"hold {number}" for number in range(8)]
GIFTS = {"mug": 4, "bag": 9}
PERFORMERS = [STAFF, STAFF, STAFF, {"kind": "member", "id": "m"}, {"kind": "system", "id": "s"}]
WRONG: list[Json] = [
    {"type": "give"},
    {"point": 3},
    {"points": 0},
    {"points": 1.5},
    {"points": 10**12},
    {"reason": " "},
    {"ttl_seconds": 0},
    {"x_mine": 1},
    {"points": None},
    {"reason": "r" * 51},
]
EARNED = ("granted", "clawed_back")
_merchants = count()


def documents() -> st.SearchStrategy[Json]:
    """What a merchant may have set; rules of orders and of the account alike."""
    redeem = st.fixed_dictionaries(
        {
            "cash": st.sampled_from([CASH | {"unit_points": 1}, CASH | {"unit_points": 5}, None]),
            "from_orders": st.sampled_from(["observe", "debit"]),
            "return_on_cancel": st.booleans(),
            "on_return": st.sampled_from(["proportional", "keep"]),
        }
    )
    expiry = st.sampled_from(
        [{"kind": "never"}, {"kind": "fixed_date", "month": 12, "day": 31}]
        + [{"kind": "fixed_date", "month": 6, "day": day} for day in (1, 15)]
    )
    return st.builds(
        lambda redeem, expiry, days, enabled, keep, refund: settings_of(
            enabled=enabled,
            redeem=redeem,
            earn={
                "pending_days": days,
                "expiry": expiry,
                "on_return": keep,
                "on_refund": refund,
            },
        ),
        redeem,
        expiry,
        st.sampled_from([0, 0, 2]),
        st.sampled_from([True] * 5 + [False]),
        st.sampled_from(["claw_back", "claw_back", "keep"]),
        st.sampled_from(["keep", "claw_back"]),
    )


points = st.one_of(st.integers(1, 40), st.sampled_from([5, 10, 20]))


class PointsAccount(RuleBasedStateMachine):
    """`engine` is set by the test."""

    engine: InProcessEngine

    def __init__(self) -> None:
        super().__init__()
        merchant = some_id(f"machine {next(_merchants)}")
        self.bench = AccountBench(self.engine, merchant, BEGIN)
        self.shop = Shop(merchant, BEGIN)
        self.sent: list[Json] = []
        self.newest = BEGIN
        self.returns: set[str] = set()

    @initialize(document=documents())
    def first_settings(self, document: Json) -> None:
        document["enabled"] = True
        self._apply(document)
        ends = BEGIN + 40 * DAY
        self.bench.campaign(GIFTS, ends)
        self.shop.gifts, self.shop.gifts_end = dict(GIFTS), ends

    # --- time

    def _to(self, moment: int) -> None:
        self.bench.clock(moment)
        self.bench.grant()
        self.shop.to(moment)
        self.newest = max(self.newest, moment)

    def _tick(self) -> None:
        """Every step is later than the one before, so that versions of orders differ."""
        self._to(self.bench.now + SECOND)

    @rule(
        span=st.sampled_from(
            [SECOND, 30 * SECOND, 59 * SECOND, 3600 * SECOND, 5 * 3600 * SECOND]
            + [DAY, 2 * DAY, 10 * DAY, 100 * DAY, 366 * DAY]
        )
    )
    def time_passes(self, span: int) -> None:
        self._to(self.bench.now + span)

    @rule()
    def what_ran_out_is_posted(self) -> None:
        self.bench.expire()

    @rule(data=st.data())
    def to_the_end_of_a_hold(self, data: st.DataObject) -> None:
        ends = sorted(
            {held.ends for held in self.shop.holds.values() if held.ends > self.bench.now + SECOND}
        )
        if ends:
            self._to(data.draw(st.sampled_from(ends)) - data.draw(st.sampled_from([1, 0])))

    # --- settings

    def _apply(self, document: Json) -> None:
        document = document | {"effective_at": instant(self.bench.now).isoformat()}
        self.bench.apply(document)
        self.shop.apply(document)

    @rule(document=documents())
    def settings_change(self, document: Json) -> None:
        self._tick()
        if self.bench.now > self.shop.versions[-1][0]:
            self._apply(document)

    # --- commands

    def _command(self, kind: str, member: str | None, **fields: Any) -> Json:
        content = {
            "command_id": f"command {len(self.sent):04d}",
            "type": kind,
            "merchant_id": self.bench.merchant,
            "member_id": member,
            "performer": STAFF,
            "issued_at": instant(self.bench.now).isoformat(),
            **fields,
        }
        content = {name: value for name, value in content.items() if value is not None}
        self.sent.append(content)
        return content

    def _random_command(self, draw: Any) -> Json:
        member = draw(st.sampled_from(MEMBERS))
        kind = draw(
            st.sampled_from(
                ["assign", "assign", "deduct", "hold", "hold", "hold", "gift", "capture"]
                + ["capture", "capture", "release", "return", "return", "bulk"]
            )
        )
        live = [name for name, held in self.shop.holds.items() if held.state == "live"]
        hold = draw(st.sampled_from((live or HOLDS) + HOLDS[:1]))
        if hold in self.shop.holds and draw(st.integers(0, 9)):
            member = self.shop.holds[hold].member
        some = draw(points)
        performer = draw(st.sampled_from(PERFORMERS))
        match kind:
            case "assign" | "deduct":
                signed = some if kind == "assign" else -some
                return self._command("assign", member, points=signed, reason="r",
                                     performer=performer)  # fmt: skip
            case "hold":
                name = draw(st.sampled_from(HOLDS))
                ttl = draw(st.sampled_from([None, 1, 60, 86_400]))
                issued = instant(self.bench.now) - timedelta(seconds=draw(st.integers(0, 1)))
                return self._command("hold", member, hold_id=name, points=some, purpose="cash",
                                     ttl_seconds=ttl, issued_at=issued.isoformat())  # fmt: skip
            case "gift":
                names = draw(st.lists(st.sampled_from([*GIFTS, "hat"]), min_size=1, max_size=2))
                price = sum(GIFTS.get(name, 1) for name in names) + (not draw(st.integers(0, 5)))
                gifts = [{"gift_id": name} for name in names]
                return self._command("hold", member, hold_id=draw(st.sampled_from(HOLDS)),
                                     points=price, purpose="gift", campaign_id="summer",
                                     gifts=gifts)  # fmt: skip
            case "capture":
                part = draw(st.sampled_from([None, None, some]))
                return self._command("capture", member, hold_id=hold, points=part,
                                     order_id=draw(st.sampled_from(ORDERS)))  # fmt: skip
            case "release":
                return self._command("release", member, hold_id=hold)
            case "return":
                taken = [(c.member, o) for o, each in self.shop.captures.items() for c in each]
                member, name = draw(st.sampled_from(taken or [(member, ORDERS[0])]))
                part = draw(st.sampled_from([None, 1, some]))
                return self._command("return_redeemed", member, order_id=name, points=part,
                                     reason="r", performer=performer)  # fmt: skip
        members = draw(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=3))
        job = draw(st.sampled_from(["june", "july", "may"]))
        return self._command("bulk_assign", None, job_id=job, members=members, reason="r",
                             points=draw(st.sampled_from([7, 7, 7, 8])))  # fmt: skip

    @rule(data=st.data())
    def commands(self, data: st.DataObject) -> None:
        self._tick()
        contents = [self._random_command(data.draw) for _ in range(data.draw(st.integers(1, 3)))]
        self._send(contents)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def commands_come_again(self, data: st.DataObject) -> None:
        self._tick()
        again = [data.draw(st.sampled_from(self.sent)) for _ in range(data.draw(st.integers(1, 2)))]
        if not data.draw(st.integers(0, 3)):
            again.append(again[0] | {"performer": {"kind": "staff", "id": "another"}})
        self._send(again + again[:1])

    @rule(data=st.data(), wrong=st.sampled_from(WRONG))
    def a_command_has_a_wrong_shape(self, data: st.DataObject, wrong: Json) -> None:
        self._tick()
        content = self._random_command(data.draw)
        if "reason" in wrong and "reason" not in content:
            return
        self.sent[-1] = content | wrong
        self._send([self.sent[-1]])

    def _send(self, contents: list[Json]) -> None:
        answers = self.bench.commands(contents)
        for content, answer in zip(contents, answers, strict=True):
            must = self.shop.command(content)
            if "expires_at" in answer:
                ends = datetime.fromisoformat(answer["expires_at"])
                answer |= {"expires_at": moment_of(ends)}
            assert {name: answer.get(name) for name in must} == must, (content, answer)
        self.shop.settle_captured(contents)

    # --- orders

    def _hear(self, event: Json) -> None:
        self.bench.hear(event)
        self.shop.hear(event)

    @rule(data=st.data(), order_id=st.sampled_from(ORDERS))
    def an_order_is_made_or_edited(self, data: st.DataObject, order_id: str) -> None:
        self._tick()
        draw = data.draw
        known = self.shop.book.orders.get((self.bench.merchant, order_id))
        newest = known.newest() if known is not None else None
        granted = any(self.shop.posted.get(order_id, {}).values())
        now = instant(self.bench.now).isoformat()
        member = draw(st.sampled_from([*MEMBERS, *MEMBERS, None]))
        self._hear(
            order(
                order_id=order_id,
                merchant=self.bench.merchant,
                created=newest["created_at"] if newest else now,
                updated=now,
                member=newest["customer_id"] if newest and granted else member,
                subtotal=draw(st.sampled_from([0, 100, 250, 330])),
                status=draw(st.sampled_from(["confirmed"] * 4 + ["cancelled", "temp"])),
                order_points=draw(st.sampled_from([0, 0, 10, -25, 60, 10**10])),
                order_discount=money(draw(st.sampled_from([0, 0, 30, 100]))),
                order_payment={"status": draw(st.sampled_from(["completed"] * 5 + ["refunded"]))},
            )
        )

    @rule(order_id=st.sampled_from(ORDERS))
    def an_order_arrives(self, order_id: str) -> None:
        self._tick()
        now = instant(self.bench.now).isoformat()
        self._hear(
            delivery("arrived", now, order_id=order_id, merchant=self.bench.merchant,
                     arrived_at=now)  # fmt: skip
        )

    @rule(
        order_id=st.sampled_from(ORDERS),
        total=st.sampled_from([1, 33, 50, 100, 330]),
        number=st.integers(1, 3),
        status=st.sampled_from(["completed", "completed", "cancelled"]),
        listed=st.sampled_from([None, 50, 100]),
    )
    def goods_come_back(
        self, order_id: str, total: int, number: int, status: str, listed: int | None
    ) -> None:
        self._tick()
        items = [{"total": money(listed)}] if listed else []
        self._hear(
            returned(total, instant(self.bench.now).isoformat(), status=status,
                     return_id=f"{order_id} {number}", order_id=order_id,
                     merchant=self.bench.merchant, items=items)  # fmt: skip
        )

    @rule(order_id=st.sampled_from(ORDERS))
    def an_order_is_removed(self, order_id: str) -> None:
        self._tick()
        now = instant(self.bench.now).isoformat()
        self._hear(removed(now, order_id=order_id, merchant=self.bench.merchant))

    # --- what must hold

    @invariant()
    def every_entry_is_as_it_must_be(self) -> None:
        lines = self.bench.lines()
        for member, account in self.shop.accounts.items():
            must = [_as_told(line) for line in account.lines]
            made = [_comparable(line) for line in lines.get(member, [])]
            late = [line.type for line in must[len(made) :]]
            assert set(late) <= {"expired", "released"}, (member, late)
            assert made == must[: len(made)], member
        assert lines.keys() <= self.shop.accounts.keys()
        check_accounts(self.engine)

    def teardown(self) -> None:
        try:
            if self.shop.versions:
                self.bench.expire()
                lines = self.bench.lines()
                for member, account in self.shop.accounts.items():
                    assert len(lines.get(member, [])) == len(account.lines)
        finally:
            self.bench.close()


def _as_told(line: Any) -> Line:
    """An entry of the model as an event tells it."""
    lots = {
        (lot.name, lot.expires_at if lot.expires_at != NEVER else None): points
        for lot, points in line.lots.items()
    }
    when = 0 if line.type in EARNED else line.occurred_at
    return Line(line.type, line.points, line.held, lots, line.balance, when)


def _comparable(line: Line) -> Line:
    """What orders earn has its own tests: adjusted or granted, and dated by which fact."""
    if line.type == "adjusted":
        line = line._replace(type="granted" if line.points > 0 else "clawed_back")
    return line._replace(occurred_at=0) if line.type in EARNED else line


def test_a_points_account_does_what_single_points_do(in_process: InProcessEngine) -> None:
    in_process.migrate()
    PointsAccount.engine = in_process
    run_state_machine_as_test(
        PointsAccount,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not LONG,
            database=None,
            phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
