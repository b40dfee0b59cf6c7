"""A points account driven at random, beside a model of single points: every answer, every entry.

After every step the answers' codes and figures, all entries lot by lot (FEFO), and I2, I8 and I9
are compared. A long run: POINTS_TEST_MACHINE_EXAMPLES=2000, which draws other histories each time.
"""

import os
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

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

from tests.oracle.commands import NEVER, SECOND, instant, moment_of
from tests.oracle.shop import Shop
from tests.property.dice import Dice, Seeded
from tests.property.spending import GIFTS, MEMBERS, ORDERS, VISITOR, RandomCommands, random_settings
from tests.support.account.bench import AccountBench, Line
from tests.support.customers import customer
from tests.support.in_process import InProcessEngine
from tests.support.invariants import check_accounts
from tests.support.order_facts import Event, delivery, money, order, removed, returned, some_id
from tests.support.upstream import Json

LONG = os.environ.get("POINTS_TEST_MACHINE_EXAMPLES")
EXAMPLES, STEPS = int(LONG or 10), 40
BEGIN = 1_780_000_000 * SECOND
"""28 May 2026."""
DAY = 86_400 * SECOND
SPANS = [n * SECOND for n in (1, 30, 59, 3600, 5 * 3600)] + [n * DAY for n in (1, 2, 10, 100, 366)]
EARNED = ("granted", "clawed_back")
seeds = st.integers(0, 2**32).map(Seeded)
"""Evenly spread choices: Hypothesis's own seldom lead to a capture that comes back."""
_merchants = count()


class PointsAccount(RuleBasedStateMachine):
    """`engine` is set by the test; every history has a merchant of its own."""

    engine: InProcessEngine

    def __init__(self) -> None:
        super().__init__()
        merchant = some_id(f"machine {next(_merchants)}")
        self.bench = AccountBench(self.engine, merchant, BEGIN)
        self.shop = Shop(merchant, BEGIN)
        self.random = RandomCommands(self.shop)
        self.arrived: dict[str, str] = {}
        """When each order arrived; new episodes of finality have their own tests."""
        self.undated: dict[str, set[int]] = {}
        """Entries of members, from 0, whose dates depend on when the account was touched."""

    @initialize(dice=seeds)
    def a_shop_opens(self, dice: Dice) -> None:
        self._apply(random_settings(dice) | {"enabled": True})
        ends = BEGIN + 40 * DAY
        self.bench.campaign(GIFTS, ends)
        self.shop.gifts, self.shop.gifts_end = dict(GIFTS), ends
        self._send([self.random.any(dice, "assign", member) for member in MEMBERS * 2])
        for order_id in ORDERS[:2]:
            self._edit(dice, order_id)

    # --- time

    def _to(self, moment: int) -> None:
        self.bench.clock(moment)
        self.bench.grant()
        self.shop.to(moment)

    def _tick(self) -> None:
        """To the next whole second, as removals are dated: versions of orders differ."""
        self._to((self.bench.now // SECOND + 1) * SECOND)

    @rule(dice=seeds)
    def time_passes(self, dice: Dice) -> None:
        self._to(self.bench.now + dice.pick(SPANS))

    @rule(dice=seeds)
    def a_hold_ends(self, dice: Dice) -> None:
        ends = [h.ends for h in self.shop.holds.values() if h.ends > self.bench.now + SECOND]
        if ends:
            self._to(dice.pick(sorted(ends)) - dice.number(0, 1))
            self._send([self.random.any(dice) for _ in range(2)])

    @rule()
    def what_fell_due_is_posted(self) -> None:
        self.bench.expire()

    @rule(dice=seeds)
    def the_clock_jumps_back(self, dice: Dice) -> None:
        """What ended stays ended, and entries are recorded no earlier than those before."""
        before = self.bench.now
        moment = before - dice.pick([SECOND, 70 * SECOND, 3 * 3600 * SECOND])
        if moment < self.shop.versions[-1][0]:
            return
        self.bench.expire()
        self._to(moment)
        begun = self._counts()
        self._send([self.random.any(dice) for _ in range(3)])
        for member, number in self._counts().items():
            lines = range(begun.get(member, 0), number)
            self.undated.setdefault(member, set()).update(lines)
        self._to(before + SECOND)

    def _counts(self) -> dict[str, int]:
        return {member: len(each.lines) for member, each in self.shop.accounts.items()}

    # --- settings

    @rule(dice=seeds)
    def settings_change(self, dice: Dice) -> None:
        self._tick()
        self._apply(random_settings(dice))

    def _apply(self, document: Json) -> None:
        document = document | {"effective_at": instant(self.bench.now).isoformat()}
        self.bench.apply(document)
        self.shop.apply(document)

    # --- commands

    @rule(dice=seeds)
    def commands(self, dice: Dice) -> None:
        self._tick()
        self._send([self.random.any(dice) for _ in range(dice.number(1, 5))])

    @rule(dice=seeds)
    def more_commands(self, dice: Dice) -> None:
        for _ in range(3):
            self.commands(dice)

    @precondition(lambda self: self.random.sent)
    @rule(dice=seeds)
    def commands_come_again_or_are_wrong(self, dice: Dice) -> None:
        self._tick()
        makers: list[Callable[[Dice], Json]] = [self.random.any, self.random.again]
        contents = [dice.pick([*makers, self.random.wrong])(dice) for _ in range(4)]
        self._send([*contents, dice.pick(contents)])

    def _send(self, contents: list[Json]) -> None:
        answers = self.bench.commands(contents)
        for content, answer in zip(contents, answers, strict=True):
            must = self.shop.command(content)
            if "expires_at" in answer:
                ends = datetime.fromisoformat(answer["expires_at"])
                answer |= {"expires_at": moment_of(ends)}
            assert {name: answer.get(name) for name in must} == must, (content, answer)
        self.shop.settle_captured(contents)

    # --- customers

    @rule(dice=seeds)
    def a_visitor_comes_or_goes(self, dice: Dice) -> None:
        self._tick()
        now = instant(self.bench.now).isoformat()
        is_member = dice.pick([True, False])
        self._hear(customer(now, member=VISITOR, merchant=self.bench.merchant, is_member=is_member))
        self._tick()
        self._send([self.random.any(dice, kind, VISITOR) for kind in ("assign", "bulk_assign")])

    # --- orders

    def _hear(self, event: Event) -> None:
        self.bench.hear(event)
        self.shop.hear(event)

    @rule(dice=seeds)
    def orders(self, dice: Dice) -> None:
        for _ in range(3):
            self._tick()
            happens = dice.pick([self._edit, self._edit, self._goods, self._goods])
            happens(dice, dice.pick(ORDERS))

    @rule(dice=seeds)
    def orders_and_commands(self, dice: Dice) -> None:
        for _ in range(2):
            self.orders(dice)
            self.commands(dice)

    def _edit(self, dice: Dice, order_id: str) -> None:
        known = self.shop.book.orders.get((self.bench.merchant, order_id))
        newest = (known.newest() if known is not None else None) or {}
        granted = bool(self.shop.posted.get(order_id))
        now = instant(self.bench.now).isoformat()
        member = dice.pick([*MEMBERS, *MEMBERS, None])
        self._hear(
            order(
                order_id=order_id,
                merchant=self.bench.merchant,
                created=newest.get("created_at", now),
                updated=now,
                # What an order earned and another member gets has its own tests.
                member=newest.get("customer_id") if granted else member,
                subtotal=dice.pick([0, 100, 250, 330]),
                status=dice.pick(["confirmed"] * 6 + ["cancelled", "cancelled", "temp"]),
                order_points=dice.pick([0, 0, 10, -25, 60, 10**10]),
                order_discount=money(dice.pick([0, 0, 30, 100])),
                order_payment={"status": dice.pick(["completed"] * 5 + ["refunded"])},
            )
        )

    def _goods(self, dice: Dice, order_id: str) -> None:
        now, merchant = instant(self.bench.now).isoformat(), self.bench.merchant
        self._hear(
            dice.pick([self._arrives, _comes_back])(dice, now, order_id, merchant)
            if not dice.once_in(12)
            else removed(now, order_id=order_id, merchant=merchant)
        )

    def _arrives(self, _dice: Dice, now: str, order_id: str, merchant: str) -> Event:
        when = self.arrived.setdefault(order_id, now)
        return delivery("arrived", now, order_id=order_id, merchant=merchant, arrived_at=when)

    # --- what must hold

    @invariant()
    def every_entry_is_as_it_must_be(self) -> None:
        lines = self.bench.lines()
        for member, account in self.shop.accounts.items():
            must = list(map(_as_told, account.lines, account.abouts))
            made = [_comparable(line) for line in lines.get(member, [])]
            for number in self.undated.get(member, set()) & set(range(len(made))):
                made[number] = made[number]._replace(occurred_at=0)
                must[number] = must[number]._replace(occurred_at=0)
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


def _comes_back(dice: Dice, now: str, order_id: str, merchant: str) -> Event:
    listed = dice.pick([None, None, 50, 100])
    return returned(
        dice.pick([1, 33, 50, 100, 330]),
        now,
        status=dice.pick(["completed", "completed", "cancelled"]),
        return_id=f"{order_id} {dice.number(1, 3)}",
        order_id=order_id,
        merchant=merchant,
        items=[{"total": money(listed)}] if listed else [],
    )


def _as_told(line: Any, about: Any) -> Line:
    """An entry of the model as an event tells it."""
    lots = {
        (lot.name, lot.expires_at if lot.expires_at != NEVER else None): points
        for lot, points in line.lots.items()
    }
    when = 0 if line.type in EARNED else line.occurred_at
    return _sayable(Line(line.type, line.points, line.held, lots, line.balance, when, about))


def _sayable(line: Line) -> Line:
    """Less what others test, or what may be missing: causes of earning, a lapse's version."""
    cause, _, *rest = line.about
    if line.type in EARNED:
        return line._replace(about=(("", ""), None, None, None, None))
    return (
        line._replace(about=(cause, None, rest[0], rest[1], rest[2]))
        if line.type == "expired"
        else line
    )


def _comparable(line: Line) -> Line:
    """What orders earn has its own tests: adjusted or granted, and dated by which fact."""
    if line.type == "adjusted":
        line = line._replace(type="granted" if line.points > 0 else "clawed_back")
    return _sayable(line._replace(occurred_at=0) if line.type in EARNED else line)


def test_a_points_account_does_what_single_points_do(in_process: InProcessEngine) -> None:
    in_process.migrate()
    PointsAccount.engine = in_process
    run_state_machine_as_test(
        PointsAccount,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=LONG is None,
            database=None,
            phases=[Phase.generate] if LONG is None else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
