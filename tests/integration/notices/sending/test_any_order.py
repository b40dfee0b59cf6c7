"""Answers, receipts, leases that end, what is given up and what operators do, in every order.

Each notice goes one way of three steps; all of them together, so that a step is one statement. What
happened to each is compared with the rules, and the meter with the notices after every step.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final
from uuid import UUID

from rules.notices.receipts import Receipt, Standing
from schemas.ids import DAY, MINUTE
from schemas.notices.words import Channel, State, Why
from store.notices.sending import queue, settling
from store.notices.sending.queue import Mark, least_id
from store.notices.sending.settling import Settled
from store.postgres.session import Cursor, transaction
from tests.support.notices.rows import REACH, Rows

MONTH: Final = 202611
LIMITS: Final = {"sms": DAY, "email": 3 * DAY}
STANDING: Final = """SELECT notice_id, state, attempt, asked_us IS NOT NULL,
    delivered_us IS NOT NULL, provider, provider_id, provider_parts FROM notices.notice"""
RECEIPTS: Final = {
    "delivered": Receipt(UUID(int=0), delivered=True),
    "failed": Receipt(UUID(int=0), delivered=False),
    "delivered first": Receipt(UUID(int=0), delivered=True, provider_id="m1", parts=3),
    "failed first": Receipt(UUID(int=0), delivered=False, provider_id="m1", parts=3),
}
ANSWERS: Final = {
    "taken": (State.sent, None),
    "wrong": (State.failed, Why.refused),
    "later": (State.waiting, "later"),
    "unanswered": (State.unknown, None),
}


class Steps:
    """What can happen to notices, each to many at once."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def standing(self) -> dict[UUID, Standing]:
        """How all stand."""
        found = self._rows.admin.execute(STANDING).fetchall()
        return {each: Standing(State(state), *rest) for each, state, *rest in found}

    def take(self, step: str, ids: Sequence[UUID]) -> None:
        """The step happens to these; to those to which it can."""
        with transaction(self._rows.connection) as cursor:
            if step in RECEIPTS:
                rows = [RECEIPTS[step]._replace(notice_id=each) for each in ids]
                settling.receipt(cursor, rows)
            elif step in ANSWERS:
                self._settle(cursor, ids, State.sending, *ANSWERS[step], step == "taken")
            else:
                self._by_name[step](self, cursor, ids)

    def _settle(
        self,
        cursor: Cursor,
        ids: Sequence[UUID],
        was: State,
        state: State,
        reason: str | None = None,
        taken: bool = False,
    ) -> None:
        now = self.standing()
        settling.settle(
            cursor,
            [
                Settled(
                    each, was, now[each].attempt, state, reason, keeps_asked=step_keeps(state),
                    provider_id=f"m{now[each].attempt}" if taken else None,
                )
                for each in ids
            ],
        )  # fmt: skip

    def _expired(self, cursor: Cursor, ids: Sequence[UUID]) -> None:
        self._settle(cursor, ids, State.waiting, State.expired)

    def _resent(self, cursor: Cursor, ids: Sequence[UUID]) -> None:
        settling.resend(cursor, ids, LIMITS, least_id(self._rows.now(), REACH))

    def _resolved(self, cursor: Cursor, ids: Sequence[UUID]) -> None:
        settling.resolve(cursor, ids, State.failed)

    def _written(self, cursor: Cursor, ids: Sequence[UUID]) -> None:
        """Whichever of them wait are taken and marked."""
        least, shop = least_id(self._rows.now(), REACH), self._rows.shop("shop")
        everything = queue.claim(cursor, Channel.sms, [(shop, 10_000)], "a", MINUTE, least)
        wanted, others = set(ids), []
        marks = []
        for taken in everything:
            if taken.notice_id in wanted:
                marks.append(Mark(taken.notice_id, 7, "mitake", 2, MONTH, b"", taken.changed_us))
            else:
                others.append(Settled(taken.notice_id, State.claimed, taken.attempt, State.waiting))
        queue.mark(cursor, marks, "a", MINUTE, least)()
        settling.settle(cursor, others)

    _by_name: Final[dict[str, Callable[["Steps", Cursor, Sequence[UUID]], None]]] = {
        "expired": _expired,
        "resent": _resent,
        "resolved": _resolved,
        "written": _written,
    }


def step_keeps(state: State) -> bool:
    """A message that was never taken is as if it had not been written."""
    return state is not State.waiting


EVERYTHING: Final = (*RECEIPTS, *ANSWERS, "expired", "resent", "resolved", "written")


def test_what_is_proven_stays_and_the_meter_is_the_notices_in_every_order(rows: Rows) -> None:
    ways = list(product(EVERYTHING, repeat=3))
    steps, ids = Steps(rows), rows.notices(len(ways))
    rows.admin.execute("ANALYZE notices.notice")
    of = dict(zip(ids, ways, strict=True))
    steps.take("written", ids)
    assert rows.states() == {"sending": len(ways)}
    for place in range(3):
        groups = defaultdict(list)
        for notice, way in of.items():
            groups[way[place]].append(notice)
        for step, mine in groups.items():
            before = steps.standing()
            steps.take(step, mine)
            after = steps.standing()
            for notice in mine:
                was, now = before[notice], after[notice]
                if step in RECEIPTS:
                    assert now == was.after(RECEIPTS[step]), (of[notice], place)
                if was.is_delivered:
                    assert (now.state, now.is_delivered) == (State.sent, True), (of[notice], place)
            rows.check_meter()
    for notice, now in steps.standing().items():
        assert now.is_delivered is any(step.startswith("delivered") for step in of[notice])
