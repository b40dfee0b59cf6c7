"""Whether a notice in hand may go, to whom and in which words: judged just before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from processors import metrics
from processors.notices.directory.port import MemberKey
from processors.notices.sending.in_hand import by_the_clock
from processors.notices.sending.in_hand.hand import Ready, ended, unsaid
from processors.notices.sending.ports import NotWorded, Outside, Seals, Shop
from processors.runtime.logs import log
from rules.notices.outcomes import Custom
from rules.notices.values import Contact, Values
from schemas.ids import Micros
from schemas.notices.words import Channel, Kind, State, Why
from store.notices.members import sealing
from store.notices.sending.queue import Taken
from store.notices.sending.settling import Settled
from store.postgres.session import Cursor


@dataclass(frozen=True, slots=True)
class Background:
    """What is read of shops and members for a hand, at the database's instant `now`."""

    shops: Mapping[int, Shop]
    seals: Seals | None
    lapsing: Mapping[UUID, int]
    now: Micros


@dataclass(slots=True)
class Prepared:
    """Messages that are ready, and what becomes of the notices that have none."""

    ready: list[Ready] = field(default_factory=list)
    ended: list[Settled] = field(default_factory=list)


def background(cursor: Cursor, outside: Outside, hand: Sequence[Taken], now: Micros) -> Background:
    """Reads what preparing needs."""
    members = sorted({each.member for each in hand})
    reminders = [each for each in hand if each.kind is Kind.expiring]
    return Background(
        outside.shops(cursor, sorted({each.merchant_no for each in hand})),
        outside.seals(cursor, members),
        outside.lapsing(cursor, reminders) if reminders else {},
        now,
    )


def members_of(hand: Sequence[Taken]) -> list[MemberKey]:
    """Whom a hand tells, each once."""
    keys = (MemberKey(each.merchant_no, each.merchant_id, each.member_id) for each in hand)
    return list(dict.fromkeys(keys))


class Preparing:
    """Judges and words the notices of one provider's channel. For one thread at a time."""

    def __init__(self, provider: str, channel: Channel, custom: Custom, outside: Outside) -> None:
        self._provider, self._channel = provider, channel
        self._custom, self._outside = custom, outside

    def prepare(
        self,
        hand: Sequence[Taken],
        known: Background,
        contacts: Mapping[MemberKey, Contact],
    ) -> Prepared:
        """Messages for those of a hand that may go now."""
        prepared = Prepared()
        for taken in hand:
            made = self._judged(taken, known, contacts)
            if isinstance(made, Ready):
                prepared.ready.append(made)
            else:
                prepared.ended.append(made)
        return prepared

    def _judged(
        self, taken: Taken, known: Background, contacts: Mapping[MemberKey, Contact]
    ) -> Ready | Settled:
        shop = known.shops.get(taken.merchant_no)
        if shop is None:
            return ended(taken, State.waiting, "no_settings", delay_us=60_000_000)
        stopped = self._stopped(taken, shop, known)
        if stopped is not None:
            return stopped
        contact = contacts.get(MemberKey(taken.merchant_no, taken.merchant_id, taken.member_id))
        address = None if contact is None else contact.address(self._channel)
        if contact is None or address is None:
            return unsaid(taken, State.skipped, Why.no_address)
        to = self._usable(address, shop)
        if to is None:
            is_mail = self._channel is Channel.email
            why = Why.unusable_address if is_mail else Why.unusable_number
            return unsaid(taken, State.skipped, why)
        return self._worded(taken, shop, contact, to, known)

    def _stopped(self, taken: Taken, shop: Shop, known: Background) -> Settled | None:
        """What keeps a notice from going, before anything is known of its member."""
        late = by_the_clock.too_late(taken, known.now)
        if late is not None:
            return late
        # Another provider than the one it was written to knows nothing of that, either.
        moved = taken.asked_us is not None and taken.provider != self._provider
        in_doubt = moved or not self._custom.takes_again(taken.asked_us, known.now)
        if in_doubt and shop.on_unknown == "hold":
            return ended(taken, State.unknown)
        if not shop.entitled:
            return unsaid(taken, State.skipped, Why.no_plan)
        if not shop.enabled:
            return unsaid(taken, State.skipped, Why.feature_off)
        if not shop.tells(self._channel, taken.kind):
            return unsaid(taken, State.skipped, Why.off)
        if taken.kind is Kind.expiring and not known.lapsing.get(taken.notice_id):
            return unsaid(taken, State.skipped, Why.spent)
        return by_the_clock.quiet(taken, shop, known.now, self._outside.not_before)

    def _usable(self, address: str, shop: Shop) -> str | None:
        wording = self._outside.wording
        if self._channel is Channel.email:
            return wording.mailbox(address)
        return wording.number(address, shop.country)

    def _worded(
        self, taken: Taken, shop: Shop, contact: Contact, to: str, known: Background
    ) -> Ready | Settled:
        wording, seals = self._outside.wording, known.seals
        values = _values(taken, shop, contact, known)
        try:
            if self._channel is Channel.email:
                worded = wording.mail(shop, taken, to, contact, values, known.now)
            else:
                worded = wording.sms(shop, taken.kind, contact, values)
        except NotWorded as error:
            metrics.NOTICES_NOT_WORDED.labels(self._channel).inc()
            log().error("not_worded", notice_id=str(taken.notice_id), why=str(error))
            return unsaid(taken, State.failed, error.why)
        hmac = None
        if seals is not None and seals.has_key(taken.merchant_no, taken.member_id):
            # As the directory has it: a bounce is compared with that, not with what is written to.
            raw = contact.address(self._channel) or to
            hmac = seals.hmac(taken.merchant_no, taken.member_id, raw)
        return Ready(taken, shop, to, worded, hmac)


def _values(taken: Taken, shop: Shop, contact: Contact, known: Background) -> Values:
    reason = None
    if known.seals is not None:
        reason = known.seals.open(
            taken.merchant_no, taken.member_id, sealing.REASON, taken.sealed_reason
        )
    return Values(
        points=known.lapsing.get(taken.notice_id, taken.points),
        balance=taken.balance,
        expires_us=taken.expires_us,
        order_number=taken.order_id,
        reason=reason,
        shop=shop.name,
        member_name=contact.name,
    )
