"""From changes of points to notices, set-wise: what is asked, decided and written for a batch.

decider = Decider(limits, seals)
decider.decide(cursor, changes, shops, now)    in the caller's transaction
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from processors.notices.deciding.announcing import ended_of
from processors.notices.deciding.drafts import Draft, notice_of
from processors.notices.deciding.figures import bring_together
from processors.notices.deciding.reasons import Seals, seal_reasons
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
from rules.notices.shop import ShopInForce
from schemas.ids import Micros
from schemas.notices.points_change import PointsChange
from schemas.notices.words import Channel, Kind, State
from store.notices.deciding import deciding
from store.notices.deciding.deciding import NewNotice
from store.notices.members.members import Member
from store.notices.sending import settling
from store.postgres.session import Cursor


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
            drafts.append(Draft(change, shop.merchant_no, in_time))
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
    ) -> list[Draft]:
        """What each change makes, as far as its member is not asked for."""
        drafts: dict[UUID, Draft] = {}
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
            drafts.setdefault(change.event_id, Draft(change, shop.merchant_no, decided))
        return list(drafts.values())

    @staticmethod
    def _ask_for_members(cursor: Cursor, drafts: Sequence[Draft]) -> None:
        """Skips what a member does not want to hear, or cannot be reached with."""
        asked = {draft.member for draft in drafts if draft.waits}
        known: Mapping[Member, Reach] = deciding.reach(cursor, asked)
        if not known:
            return
        for draft in drafts:
            found = known.get(draft.member, NOTHING_HEARD)
            if found is not NOTHING_HEARD:
                draft.decided = tuple([for_member(each, found) for each in draft.decided])

    def _notices(self, cursor: Cursor, drafts: Sequence[Draft]) -> list[NewNotice]:
        sealed = self._seal(cursor, drafts)
        return [
            notice_of(draft, each, sealed.get(draft.change.event_id))
            for draft in drafts
            for each in draft.decided
        ]

    def _seal(self, cursor: Cursor, drafts: Sequence[Draft]) -> Mapping[UUID, bytes]:
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
        settling.announce(cursor, ended_of(new, withdrawn, merchants, now))
        for notice in new:
            outcome.decided[notice.channel, notice.state] += 1
        for standing in withdrawn:
            outcome.decided[standing.channel, State.withdrawn] += 1
        return outcome
