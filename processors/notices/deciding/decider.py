"""From changes of points to notices, set-wise: what is asked, decided and written for a batch.

decider = Decider(limits, seals)
decider.decide(cursor, changes, shops, now)    in the caller's transaction
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self
from uuid import UUID

from rules.notices.deciding import (
    KEPT,
    NOT_KEPT,
    NOTHING_HEARD,
    Decided,
    Limits,
    Reach,
    drafts_of,
    for_member,
    lines_of,
)
from rules.notices.present import OrderChange, left_of
from rules.notices.shop import ShopInForce
from schemas.ids import Micros
from schemas.notices.ids import notice_id
from schemas.notices.points_change import PointsChange
from schemas.notices.words import Channel, Kind, State, Why
from store.notices import deciding, sealing, settling
from store.notices.deciding import Brought, Member, NewNotice, Standing
from store.notices.settling import Ended
from store.postgres.session import Cursor


class Seals(Protocol):
    """Seals members' texts, each under its member's own key; see store.notices.sealing."""

    def with_keys(self, cursor: Cursor, members: Collection[Member], *, create: bool) -> Self:
        """One with these members' keys, made where there are none."""

    def seal(self, merchant_no: int, member_id: str, field: str, text: str) -> bytes:
        """A text as only this member's key opens it."""


_OF_ORDERS = frozenset({Kind.earned, Kind.earned_more, Kind.corrected})
"""Kinds about what an order earned; `corrected` is what was taken back of it."""
_OPEN = frozenset({State.waiting, State.claimed})
PUBLISHED = frozenset({Why.opted_out, Why.no_address, Why.taken_back})
"""Why a notice ended as it was decided, where that is published: a member would have been told.
What the shop itself has switched off, or is too old, is in the table alone: it would be a record
for each change of points.
"""


@dataclass(slots=True)
class Outcome:
    """What became of a batch's changes, and what there is to count once it is committed.

    `ignored`: by event, why it makes no notice. `repeated`: events whose notices were all there.
    """

    ignored: dict[UUID, str] = field(default_factory=dict)
    repeated: set[UUID] = field(default_factory=set)
    decided: Counter[tuple[Channel, State]] = field(default_factory=Counter)


class Decider:
    """Decides for one worker. What it remembers of a batch ends with it."""

    def __init__(self, limits: Limits, seals: Seals | None) -> None:
        """Without `seals` free text is not kept."""
        self._limits, self._seals = limits, seals
        self._longest = limits.too_old + max(limits.mail, limits.sms)

    def decide(
        self,
        cursor: Cursor,
        changes: Sequence[PointsChange],
        shops: Mapping[str, ShopInForce],
        now: Micros,
    ) -> Outcome:
        """Makes the notices of changes, and brings those that wait up to date.

        `changes` are of shops in `shops`, each member's in the order they happened; the same may
        be there twice, or may have been decided before.
        """
        outcome = Outcome()
        drafts = self._draft(changes, shops, now, outcome)
        self._ask_for_members(cursor, drafts)
        notices = self._notices(cursor, drafts)
        return self._write(cursor, changes, shops, notices, now, outcome)

    def remind(
        self,
        cursor: Cursor,
        lapsing: Sequence[PointsChange],
        shop: ShopInForce,
        now: Micros,
    ) -> Outcome:
        """Makes the reminders of points of a shop that lapse.

        `lapsing` says of each member the points and the instant; `recorded_us` is when the shop
        wants them to be reminded.
        """
        channels, drafts = tuple(shop.notices.expiring.channels), []
        for change in lapsing:
            too_old = now - change.recorded_us > self._limits.too_old
            decided = drafts_of(Kind.expiring, channels, shop, now, self._limits, too_old=too_old)
            # Nobody is told of points that have lapsed.
            latest = change.expires_us or 0
            in_time = tuple(d._replace(give_up=min(d.give_up, latest)) for d in decided)
            drafts.append(_Draft(change, shop.merchant_no, in_time))
        outcome = Outcome()
        self._ask_for_members(cursor, drafts)
        notices = self._notices(cursor, drafts)
        shops = {shop.merchant_id: shop}
        return self._write(cursor, lapsing, shops, notices, now, outcome)

    def _draft(
        self,
        changes: Sequence[PointsChange],
        shops: Mapping[str, ShopInForce],
        now: Micros,
        outcome: Outcome,
    ) -> list["_Draft"]:
        """What each change makes, as far as its member is not asked for."""
        drafts: dict[UUID, _Draft] = {}
        remembered: dict[tuple[int, Kind, tuple[Channel, ...], bool], tuple[Decided, ...]] = {}
        for change in changes:
            lines = lines_of(change)
            if isinstance(lines, str):
                outcome.ignored[change.event_id] = lines
                continue
            age = now - change.recorded_us
            if age > KEPT:
                outcome.ignored[change.event_id] = NOT_KEPT
                continue
            shop, (line, channels) = shops[change.merchant_id], lines
            key = (shop.merchant_no, line.kind, channels, age > self._limits.too_old)
            decided = remembered.get(key)
            if decided is None:
                decided = remembered[key] = drafts_of(
                    line.kind, channels, shop, now, self._limits, too_old=key[3]
                )
            drafts.setdefault(change.event_id, _Draft(change, shop.merchant_no, decided))
        return list(drafts.values())

    @staticmethod
    def _ask_for_members(cursor: Cursor, drafts: Sequence["_Draft"]) -> None:
        """Skips what a member does not want to hear, or cannot be reached with."""
        asked = {draft.member for draft in drafts if draft.waits}
        known: Mapping[Member, Reach] = deciding.reach(cursor, asked)
        if not known:
            return
        for draft in drafts:
            found = known.get(draft.member, NOTHING_HEARD)
            if found is not NOTHING_HEARD:
                draft.decided = tuple([for_member(each, found) for each in draft.decided])

    def _notices(self, cursor: Cursor, drafts: Sequence["_Draft"]) -> list[NewNotice]:
        sealed = self._seal(cursor, drafts)
        return [
            _notice(draft, each, sealed.get(draft.change.event_id))
            for draft in drafts
            for each in draft.decided
        ]

    def _seal(self, cursor: Cursor, drafts: Sequence["_Draft"]) -> Mapping[UUID, bytes]:
        """The free texts of those who gave points, where somebody may hear them."""
        sealed = {
            draft.change.event_id: draft.change.sealed_reason
            for draft in drafts
            if draft.change.sealed_reason is not None
        }
        texts = [draft for draft in drafts if draft.waits and draft.change.reason is not None]
        return sealed | seal_reasons(
            cursor, self._seals, [(draft.merchant_no, draft.change) for draft in texts]
        )

    def _write(
        self,
        cursor: Cursor,
        changes: Sequence[PointsChange],
        shops: Mapping[str, ShopInForce],
        notices: list[NewNotice],
        now: Micros,
        outcome: Outcome,
    ) -> Outcome:
        since = now - self._longest
        asked = {
            (shops[change.merchant_id].merchant_no, change.member_id, change.order_id): None
            for change in changes
        }
        there = deciding.standing(cursor, asked, since)
        figures = bring_together(changes, shops, notices, there)
        added = deciding.add(cursor, notices, now)
        gone = deciding.bring_up(cursor, figures, since)
        new = notices if added is None else [each for each in notices if each.notice_id in added]
        if added is not None:
            outcome.repeated = {each.event_id for each in notices} - {each.event_id for each in new}
        merchants = {shop.merchant_no: merchant_id for merchant_id, shop in shops.items()}
        withdrawn = [
            each for standing in there.values() for each in standing if each.notice_id in gone
        ]
        settling.announce(cursor, _ended(new, withdrawn, merchants, now))
        for notice in new:
            outcome.decided[notice.channel, notice.state] += 1
        for standing in withdrawn:
            outcome.decided[standing.channel, State.withdrawn] += 1
        return outcome


@dataclass(slots=True)
class _Draft:
    """A change and the notices that it makes."""

    change: PointsChange
    merchant_no: int
    decided: tuple[Decided, ...]

    @property
    def member(self) -> Member:
        return self.merchant_no, self.change.member_id

    @property
    def waits(self) -> bool:
        return any(each.state is State.waiting for each in self.decided)


def seal_reasons(
    cursor: Cursor, seals: Seals | None, changes: Sequence[tuple[int, PointsChange]]
) -> dict[UUID, bytes]:
    """The free texts of these changes (each with its shop's number), sealed, by event."""
    texts = [
        (number, change.member_id, change.event_id, change.reason)
        for number, change in changes
        if change.reason is not None
    ]
    if seals is None or not texts:
        return {}
    members = {(number, member) for number, member, _, _ in texts}
    keyed = seals.with_keys(cursor, members, create=True)
    return {
        event_id: keyed.seal(number, member, sealing.REASON, text)
        for number, member, event_id, text in texts
    }


def _notice(draft: _Draft, decided: Decided, sealed: bytes | None) -> NewNotice:
    change = draft.change
    return NewNotice(
        notice_id(change.event_id, decided.channel, decided.kind, change.recorded_us),
        change.event_id,
        draft.merchant_no,
        change.member_id,
        decided.kind,
        decided.channel,
        change.recorded_us,
        decided.state,
        decided.why,
        change.points,
        change.points,
        change.sequence,
        change.available,
        change.sequence,
        change.expires_us,
        change.order_id,
        sealed,
        decided.not_before,
        decided.give_up,
    )


def bring_together(
    changes: Sequence[PointsChange],
    shops: Mapping[str, ShopInForce],
    notices: Sequence[NewNotice],
    there: Mapping[Member, Sequence[Standing]],
) -> list[Brought]:
    """Gives new notices the present figures, and says those of the ones that are there and wait.

    A member's notices tell the newest balance; those about an order tell what is left of what it
    brought. So a batch comes out as one change after the other would.
    """
    of_members: defaultdict[Member, list[PointsChange]] = defaultdict(list)
    for change in changes:
        of_members[shops[change.merchant_id].merchant_no, change.member_id].append(change)
    moved = {member for member, mine in of_members.items() if len(mine) > 1 or member in there}
    if not moved:
        return []
    news: defaultdict[Member, list[NewNotice]] = defaultdict(list)
    for notice in notices:
        member = notice.merchant_no, notice.member_id
        if member in moved:
            news[member].append(notice)
    brought: list[Brought] = []
    for member in sorted(moved):
        brought += _of_member(of_members[member], news[member], there.get(member, ()))
    return brought


def _of_member(
    changes: Sequence[PointsChange], news: Iterable[NewNotice], there: Sequence[Standing]
) -> list[Brought]:
    """Gives a member's new notices their figures; those of the ones that are there and change."""
    known = {each.notice_id for each in there}
    before = {each.notice_id: _figures(each) for each in there if each.state in _OPEN}
    figures = _Figures(there)
    made: defaultdict[UUID, list[NewNotice]] = defaultdict(list)
    for notice in news:
        if notice.notice_id not in known:
            made[notice.event_id].append(notice)
    for change in changes:
        figures.take(change, made.pop(change.event_id, ()))
    figures.end()
    return [
        Brought(each.notice_id, *_figures(each), gone=each.state is State.withdrawn)
        for each in there
        if each.notice_id in before and before[each.notice_id] != _figures(each)
    ]


def _figures(notice: NewNotice | Standing) -> tuple[int, int, int]:
    return notice.points, notice.balance, notice.sequence


class _Figures:
    """The figures of a member's notices, as one change after the other makes them.

    All that wait know the same newest event, so it is written down where one waits no more.
    """

    def __init__(self, there: Iterable[Standing]) -> None:
        self._open: dict[UUID, NewNotice | Standing] = {}
        self._of_orders: defaultdict[str, list[NewNotice | Standing]] = defaultdict(list)
        self._newest = (0, 0)  # sequence and balance
        for notice in there:
            self._add(notice)

    def take(self, change: PointsChange, made: Iterable[NewNotice]) -> None:
        """Takes one change and the notices that it makes."""
        if not self._open:
            self._newest = (0, 0)
        for notice in made:
            self._add(notice)
        about = self._of_orders.get(change.order_id, ()) if change.order_id is not None else ()
        told = [(each.sequence, each.balance) for each in about]
        self._newest = max(self._newest, (change.sequence, change.available), *told)
        if about:
            self._take_back(about)

    def end(self) -> None:
        """Every notice that still waits knows the newest event."""
        for notice in self._open.values():
            notice.sequence, notice.balance = self._newest

    def _add(self, notice: NewNotice | Standing) -> None:
        if notice.state in _OPEN:
            self._open[notice.notice_id] = notice
            self._newest = max(self._newest, (notice.sequence, notice.balance))
        if notice.order_id is not None:
            self._of_orders[notice.order_id].append(notice)

    def _take_back(self, about: Sequence[NewNotice | Standing]) -> None:
        """What waits and is about an order tells what is left of it."""
        left = _left_by_event(about)
        for notice in about:
            if notice.notice_id not in self._open or notice.event_id not in left:
                continue
            notice.points = left[notice.event_id]
            if not notice.points:
                del self._open[notice.notice_id]
                notice.state = State.withdrawn
                notice.sequence, notice.balance = self._newest
                if isinstance(notice, NewNotice):
                    notice.why = Why.taken_back


def _left_by_event(notices: Iterable[NewNotice | Standing]) -> Mapping[UUID, int]:
    """What is left of each change that gave an order's points; the notices are of one order."""
    return left_of(
        # A change has a notice for each channel, with the same figures.
        OrderChange(each.event_sequence, each.event_id, each.event_points)
        for each in notices
        if each.kind in _OF_ORDERS
    )


def _ended(
    new: Iterable[NewNotice],
    withdrawn: Iterable[Standing],
    merchants: Mapping[int, str],
    now: Micros,
) -> list[Ended]:
    """What is published: notices that somebody would have had, and does not."""
    ended = [
        Ended(
            notice.notice_id, notice.event_id, merchants[notice.merchant_no], notice.member_id,
            notice.kind, notice.channel, notice.state, notice.why, None, 0, now,
        )
        for notice in new
        if notice.why in PUBLISHED
    ]  # fmt: skip
    return ended + [
        Ended(
            each.notice_id, each.event_id, merchants[each.merchant_no], each.member_id,
            each.kind, each.channel, State.withdrawn, Why.taken_back, None, each.attempt, now,
        )
        for each in withdrawn
    ]  # fmt: skip
