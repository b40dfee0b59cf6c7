"""A points account driven at random, beside a model of single points: every answer, every entry.

After every step the answers' codes and figures, all entries lot by lot (FEFO) with what they say of
their cause, the ids of their events, and I2, I8 and I9 are compared.
A long run: POINTS_TEST_MACHINE_EXAMPLES=2000, which draws other histories each time.
"""

import os
from collections.abc import Callable
from datetime import datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from processors.bulk.refusals import BulkRefused
from store.bulk import jobs
from store.campaigns.saving import CampaignOverlaps
from store.settings.versions import VersionConflict
from tests.oracle import reading
from tests.oracle.commands import NEVER, SECOND, Refused, instant, moment_of
from tests.oracle.jobs import MAKER, UNDO, Jobs
from tests.oracle.shop import Campaign, Shop
from tests.property.buying import RandomOrders
from tests.property.dice import Dice, Seeded
from tests.property.spending import (
    CAMPAIGNS,
    GIFTS,
    MEMBERS,
    ORDERS,
    PART,
    VISITOR,
    WHOLE,
    RandomCommands,
    random_campaign,
    random_settings,
)
from tests.support.account.bench import AccountBench
from tests.support.account.comparing import as_told, sayable
from tests.support.account.reads import DAYS, Reads
from tests.support.customers import APPLICATION, application, customer
from tests.support.in_process import InProcessEngine
from tests.support.invariants import check_accounts
from tests.support.order_facts import Event, some_id
from tests.support.upstream import Json

LONG = os.environ.get("POINTS_TEST_MACHINE_EXAMPLES")
EXAMPLES, STEPS = int(LONG or 10), 40
BEGIN = 1_780_000_000 * SECOND
"""28 May 2026."""
DAY = 86_400 * SECOND
PIECE = 2
"""Rows of a job that are applied together, so that few make several pieces."""
SPANS = [n * SECOND for n in (1, 30, 59, 3600, 5 * 3600)] + [n * DAY for n in (1, 2, 10, 100, 366)]
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
        self.reads = Reads(self.bench.connection, merchant)
        self.random = RandomCommands(self.shop)
        self.buying = RandomOrders(self.shop)
        self.jobs = Jobs(self.shop, PIECE)
        self.undated: dict[str, set[int]] = {}
        """Entries of members, from 0, whose dates depend on when the account was touched."""

    @initialize(dice=seeds)
    def a_shop_opens(self, dice: Dice) -> None:
        entitled = {"plan": "enterprise", "app_installed": True}
        self._apply(random_settings(dice) | {"enabled": True, "entitlement": entitled})
        self._save("summer", Campaign(BEGIN, BEGIN + 40 * DAY, dict(GIFTS)))
        self._send([self.random.any(dice, "assign", member) for member in MEMBERS * 2])
        for order_id in ORDERS:
            self._tick()
            self._edit(dice, order_id)
            self._hear(self.buying.parcel(dice, order_id, self.bench.now))

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

    @rule(dice=seeds)
    def a_lot_lapses(self, dice: Dice) -> None:
        """At its very instant its points are gone, a microsecond before it they are there."""
        points = [p for each in self.shop.accounts.values() for p in each.those("free")]
        ends = {point.lot.expires_at for point in points} - {NEVER}
        soon = [end for end in ends if end > self.bench.now + SECOND]
        if soon:
            self._to(min(soon) - dice.number(0, 1))
            self._send([self.random.any(dice) for _ in range(2)])

    @rule()
    def what_fell_due_is_posted(self) -> None:
        self.bench.expire()

    @rule(dice=seeds)
    def the_clock_jumps_back(self, dice: Dice) -> None:
        """What ended stays ended, and entries are recorded no earlier than those before.

        Settings that were applied since count for nothing, though their date be an earlier one.
        """
        self._tick()
        before, newest = self.bench.now, self.shop.versions[-1].effective
        if dice.once_in(2) and newest < before:
            self._apply(random_settings(dice), max(newest + 1, before - 4 * 3600 * SECOND))
        moment = before - dice.pick([SECOND, 70 * SECOND, 3 * 3600 * SECOND])
        if moment < self.shop.versions[0].applied:
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
        """As of now mostly, or as of an instant before or later, which may come too early."""
        self._tick()
        now, newest = self.bench.now, self.shop.versions[-1].effective
        since = dice.pick([now, now, newest + dice.number(0, abs(now - newest)), now + 5 * DAY])
        self._apply(random_settings(dice), since)

    @rule(dice=seeds)
    def settings_take_effect(self, dice: Dice) -> None:
        """Those that were applied before: at their very instant, not a microsecond before it."""
        waiting = [each.effective for each in self.shop.versions]
        soon = [since for since in waiting if since > self.bench.now + SECOND]
        if soon:
            self._to(min(soon) - dice.number(0, 1))
            self._send([self.random.any(dice) for _ in range(3)])

    def _apply(self, document: Json, since: int = BEGIN) -> None:
        document = document | {"effective_at": instant(since).isoformat()}
        if self._is_done(lambda: self.shop.apply(document)):
            self.bench.apply(document)
        else:
            with pytest.raises(VersionConflict):
                self.bench.apply(document)

    @staticmethod
    def _is_done(expected: Callable[[], None]) -> bool:
        try:
            expected()
        except Refused:
            return False
        return True

    @rule(dice=seeds)
    def a_campaign_is_saved(self, dice: Dice) -> None:
        self._tick()
        name, campaign = dice.pick(CAMPAIGNS), random_campaign(dice, self.bench.now)
        known = self.shop.campaigns.get(name)
        if campaign.removed:
            if known is None:
                return
            campaign = known._replace(removed=True)
        self._save(name, campaign)
        self._send([self.random.any(dice, "gift") for _ in range(2)])

    def _save(self, name: str, campaign: Campaign) -> None:
        if self._is_done(lambda: self.shop.save(name, campaign)):
            self.bench.campaign(name, campaign)
        else:
            with pytest.raises(CampaignOverlaps):
                self.bench.campaign(name, campaign)

    @rule(dice=seeds)
    def a_campaign_begins_or_ends(self, dice: Dice) -> None:
        borders = {at for each in self.shop.campaigns.values() for at in each[:2]} - {NEVER}
        soon = [at for at in borders if at > self.bench.now + SECOND]
        if soon:
            self._to(min(soon) - dice.number(0, 1))
            self._send([self.random.any(dice, "gift") for _ in range(3)])

    @rule(dice=seeds)
    def the_app_goes_or_comes(self, dice: Dice) -> None:
        """The shop's orders so far are older; it is heard of at once, or later."""
        self._tick()
        created = [order.created() for order in self.shop.book.orders.values()]
        made = max([moment_of(at) for at in created if at is not None], default=BEGIN)
        at = max(made + SECOND, self.bench.now - dice.pick([0, 60 * SECOND, DAY]))
        if at > self.bench.now:
            return
        installed, merchant = dice.pick([True, True, False]), self.bench.merchant
        moment = instant(at).isoformat()
        self._hear(application(moment, installed=installed, merchant=merchant))
        self._send([self.random.any(dice) for _ in range(2)])

    # --- commands

    @rule(dice=seeds)
    def commands(self, dice: Dice) -> None:
        self._tick()
        self._send([self.random.any(dice) for _ in range(dice.number(1, 5))])

    @rule(dice=seeds)
    def more_commands(self, dice: Dice) -> None:
        for _ in range(3):
            self.commands(dice)

    @rule(dice=seeds)
    def somebody_waits_for_the_answer(self, dice: Dice) -> None:
        """Each command by itself, in as few round trips as can be, and some of them again."""
        self._tick()
        kinds = ["hold", "hold", "gift", ""]
        makers = [lambda dice: self.random.any(dice, dice.pick(kinds)), self.random.again]
        for make in [*makers[:1] * 3, *makers]:
            content = make(dice)
            self._check([content], [self.bench.command_at_once(content)])

    @precondition(lambda self: self.random.sent)
    @rule(dice=seeds)
    def commands_come_again_or_are_wrong(self, dice: Dice) -> None:
        self._tick()
        makers: list[Callable[[Dice], Json]] = [self.random.any, self.random.again]
        contents = [dice.pick([*makers, self.random.wrong])(dice) for _ in range(4)]
        self._send([*contents, dice.pick(contents)])

    def _send(self, contents: list[Json]) -> None:
        self._check(contents, self.bench.commands(contents))

    def _check(self, contents: list[Json], answers: list[Json]) -> None:
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
            happens(dice, dice.pick([*ORDERS * 2, PART, WHOLE]))

    @rule(dice=seeds)
    def orders_and_commands(self, dice: Dice) -> None:
        for _ in range(2):
            self.orders(dice)
            self.commands(dice)

    @rule(dice=seeds)
    def gifts_are_bought_and_come_back(self, dice: Dice) -> None:
        self._tick()
        if not self.random.open_campaigns():
            self._save("summer", Campaign(self.bench.now, NEVER, dict(GIFTS)))
        order_id, member = dice.pick(ORDERS), dice.pick(MEMBERS)
        hold = self.random.any(dice, "gift", member)
        capture = self.random.any(dice, "capture", member)
        capture |= {"hold_id": hold["hold_id"], "member_id": member, "order_id": order_id}
        self._send([self.random.any(dice, "assign", member), hold, capture])
        for _ in range(3):
            self._tick()
            self._goods(dice, order_id)

    @rule(dice=seeds)
    def finality_is_lost_and_comes_again(self, dice: Dice) -> None:
        order_id = dice.pick([*ORDERS * 2, PART, WHOLE])
        spans = [n * DAY for n in (0, 0, 1, 3, 200)]
        for status in ("arrived", dice.pick(["pending", "shipped", "returned"]), "arrived"):
            self._tick()
            self._hear(self.buying.parcel(dice, order_id, self.bench.now, status))
            self.commands(dice)
            self._to(self.bench.now + dice.pick(spans))

    @rule(dice=seeds)
    def an_order_changes_hands(self, dice: Dice) -> None:
        granted = [order_id for order_id, each in self.shop.earned.items() if each.points]
        for order_id in granted[:2]:
            self._tick()
            self._hear(self.buying.hand_over(dice, order_id, self.bench.now))
            self.commands(dice)

    # --- quotes and jobs

    @rule(dice=seeds)
    def carts_are_quoted(self, dice: Dice) -> None:
        self._tick()
        for _ in range(2):
            member = dice.pick(MEMBERS)
            cart = self.random.quoted(dice)
            made = self.bench.quote(member, cart)
            must = self.shop.quote(cart, reading.available_for(self.shop, member, cart))
            assert (made.points, made.code) == must, (cart, made)
            assert (made.token is None) == (made.points == 0)
            if made.token is not None:
                self.shop.sign(made.token, member, made.points)
        if self.shop.tokens:
            later = dice.pick([0, 0, SECOND, 850 * SECOND, 900 * SECOND])
            self._to(self.bench.now + later)
            self._send([self.random.hold_as_quoted(dice) for _ in range(2)])

    @rule(dice=seeds)
    def staff_hand_in_a_file(self, dice: Dice) -> None:
        self._tick()
        members = [m for m in [*MEMBERS, VISITOR] if not dice.once_in(6)] or MEMBERS
        self._go_on(self._hand_in(dice, members), dice.pick([1, 9]))

    def _hand_in(self, dice: Dice, members: list[str]) -> str:
        rows = [(member, dice.number(1, 20)) for member in members]
        job = f"file {len(self.jobs.all)}"
        self._staff(
            lambda: self.jobs.hand_in(job, rows, "june"),
            lambda: self.bench.hand_in(job, rows, "june"),
        )
        return job

    @precondition(lambda self: self.jobs.all)
    @rule(dice=seeds)
    def a_job_goes_on_or_is_cancelled(self, dice: Dice) -> None:
        self._tick()
        job = dice.pick([*self.jobs.all])
        if dice.once_in(3):
            self._cancel(job)
        self._go_on(job, dice.pick([1, 9]))

    @precondition(lambda self: self.jobs.all)
    @rule(dice=seeds)
    def somebody_approves_a_job(self, dice: Dice) -> None:
        """It may need none, or be his own."""
        self._tick()
        waiting = [name for name, job in self.jobs.all.items() if job.waits]
        job, by = dice.pick(waiting * 3 + [*self.jobs.all]), dice.pick([MAKER, "ian", "ian"])
        self._staff(lambda: self.jobs.approve(job, by), lambda: self.bench.approve(job, by))
        self._go_on(job, dice.pick([1, 9]))

    def _cancel(self, job: str) -> None:
        self._staff(lambda: self.jobs.cancel(job), lambda: self.bench.cancel(job))

    @precondition(lambda self: self.jobs.all or self.shop.jobs)
    @rule(dice=seeds)
    def a_job_is_undone(self, dice: Dice) -> None:
        """Perhaps again, and perhaps what is an undoing."""
        self._tick()
        self._undo(dice.pick([*self.jobs.all, *self.shop.jobs]), "oops", dice.pick([1, 9]))

    @rule(dice=seeds)
    def an_undoing_is_cancelled_and_wanted_again(self, dice: Dice) -> None:
        self._tick()
        allowed = {"enabled": True, "assign": {"bulk_undo": True}}
        self._apply(random_settings(dice) | allowed, self.bench.now)
        job = self._hand_in(dice, MEMBERS)
        if job not in self.jobs.all:
            return  # the app is gone
        self._go_on(job, 9)
        self._undo(job, "oops", 1)
        if job + UNDO in self.jobs.all:
            self._cancel(job + UNDO)
            self.commands(dice)
            self._undo(job, "after all", 9)

    def _undo(self, job: str, reason: str, pieces: int) -> None:
        self._staff(lambda: self.jobs.undo(job, reason), lambda: self.bench.undo(job, reason))
        self._go_on(job + UNDO, pieces)

    def _go_on(self, job: str, pieces: int) -> None:
        """Applies a part of a job, or all of it, and tells the topic, where it is a repeat."""
        if job not in self.jobs.all:
            return
        self._staff(lambda: self.jobs.go_on(job, pieces), lambda: self.bench.go_on(job, pieces))
        for must, made in zip(self.jobs.told(job), self.bench.rows(job), strict=True):
            assert {name: made[name] for name in must} == must, (job, made)
        repeats = self.bench.commands(self.bench.published())
        assert all(answer["repeated"] for answer in repeats)

    @staticmethod
    def _staff(expect: Callable[[], None], run: Callable[[], None]) -> None:
        code = ""
        try:
            expect()
        except Refused as refused:
            code = refused.code
        if not code:
            run()
            return
        with pytest.raises(BulkRefused) as told:
            run()
        assert told.value.code == code

    def _edit(self, dice: Dice, order_id: str) -> None:
        self._hear(self.buying.edit(dice, order_id, self.bench.now))

    def _goods(self, dice: Dice, order_id: str) -> None:
        self._hear(self.buying.goods(dice, order_id, self.bench.now))

    # --- what must hold

    @invariant()
    def every_entry_is_as_it_must_be(self) -> None:
        lines = self.bench.lines()
        for member, account in self.shop.accounts.items():
            must = list(map(as_told, account.lines, account.abouts))
            made = [sayable(line) for line in lines.get(member, [])]
            for number in self.undated.get(member, set()) & set(range(len(made))):
                made[number] = made[number]._replace(occurred_at=0)
                must[number] = must[number]._replace(occurred_at=0)
            late = [line.type for line in must[len(made) :]]
            assert set(late) <= {"expired", "released"}, (member, late)
            assert made == must[: len(made)], member
        assert lines.keys() <= self.shop.accounts.keys()
        check_accounts(self.engine)

    @invariant()
    def every_read_says_what_is(self) -> None:
        for member in [*MEMBERS, VISITOR]:
            must = reading.shown(self.shop, member)
            assert self.reads.shown(member) == must, member
            free, held = self.reads.model(member, self.bench.now)
            assert free <= must.available, member
            assert held >= must.held, member
        assert self.reads.expiring(DAYS) == reading.expiring(self.shop, DAYS)
        for order_id in [*ORDERS, PART, WHOLE]:
            assert self.reads.redeemed(order_id) == reading.redeemed(self.shop, order_id)

    def teardown(self) -> None:
        try:
            if self.shop.versions:
                self.bench.expire()
                lines = self.bench.lines()
                for member, account in self.shop.accounts.items():
                    assert len(lines.get(member, [])) == len(account.lines)
                    must = (account.available, len(account.those("held")))
                    assert self.reads.model(member, self.bench.now) == must
                    assert self.reads.sum_of_history(member) == sum(must) - account.debt
        finally:
            self.bench.close()


def test_a_points_account_does_what_single_points_do(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_process.configuration = {"application_id": APPLICATION}
    monkeypatch.setattr(jobs, "PIECE", PIECE)
    if LONG is None:
        # It would also draw numbers that stand in the modules which other tests have loaded.
        monkeypatch.setattr(providers, "_get_local_constants", Constants)
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
