"""What a sender has in hand: messages that are ready to be written, as their rates let them go."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from processors.notices.providers.left_alone import LeftAlone
from processors.notices.providers.port import Mail, Own, SmsMessage, Tells
from processors.notices.sending.ports import Shop, Worded
from rules.notices.outcomes import not_written
from rules.notices.rates import holds
from schemas.ids import SECOND, Micros
from schemas.notices.words import Channel, Provider, State
from store.notices.sending.queue import Marked, Taken
from store.notices.sending.settling import Settled
from store.valkey.notices import Bucket, Granted

Take = Callable[[Mapping[Bucket, int]], Mapping[Bucket, Granted]]
"""Takes messages out of rates: how many of each may go, and when the others may."""


@dataclass(frozen=True, slots=True, repr=False)
class Ready:
    """A notice with its message: whom it goes to, and an HMAC of that. Never shown or logged."""

    taken: Taken
    shop: Shop
    to: str
    worded: Worded
    address_hmac: bytes | None

    def sms(self, marked: Marked) -> SmsMessage:
        """As it is handed to a provider of SMS."""
        return SmsMessage(
            self.taken.notice_id,
            self.shop.merchant_id,
            self.to,
            self.shop.sender,
            self.worded.text,
            marked.attempt,
            self.shop.webhook_url,
            self._tells() if self.shop.webhook_url is not None else None,
        )

    def _tells(self) -> Tells:
        taken = self.taken
        return Tells(
            taken.event_id,
            taken.member_id,
            taken.kind,
            taken.points,
            taken.balance,
            taken.expires_us,
        )

    def mail(self, marked: Marked) -> Mail:
        """As it is handed to a server for mail."""
        return Mail(
            self.taken.notice_id,
            self.shop.merchant_id,
            self.shop.mail_from or "",
            self.to,
            self.worded.mail,
            marked.attempt,
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is written, or may be: what it was, and its mark."""

    ready: Ready
    marked: Marked


class Hand:
    """Messages of one provider, in the order in which they were taken.

    Those whose rate has nothing left wait in it and hold up no others, and so do those of a shop
    whose own is left `alone`. `done`: what became of notices that were in it, and is not written
    down yet.
    """

    def __init__(self, provider: str, channel: Channel, rate: float, alone: LeftAlone) -> None:
        self._provider, self._channel, self._rate = provider, channel, rate
        self.alone = alone
        self._ready: list[Ready] = []
        self.done: list[Settled] = []
        self._buckets: dict[str, Bucket] = {}
        self._blocked: Mapping[Bucket, float] = {}
        """Replaced as a whole: other threads ask meanwhile whether a rate has something left."""
        self.late: frozenset[str] = frozenset()
        """Addresses that have not answered yet, whichever shop's message they got. Each costs a
        connection for as long as it says nothing, so that shops which all name one would have
        every connection wait for it. Whose it is waits no longer than for an answer, while what
        is answered is held against that shop alone. Replaced as a whole, as well.
        """

    def bucket_of(self, shop: Shop) -> Bucket:
        """Whose rate a shop's messages take from: of mail the server's, of SMS the sender's."""
        sender = "" if self._channel is Channel.email else shop.sender
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = Bucket(self._provider, sender, self._rate, holds(self._rate))
            self._buckets[sender] = bucket
        return bucket

    def own(self, shop: Shop) -> Own:
        """What of a shop a provider may refuse: its own address, or who its messages are from."""
        if self._channel is Channel.email:
            name = shop.mail_from or ""
        elif self._provider == Provider.webhook and shop.webhook_url is not None:
            name = shop.webhook_url
        else:
            name = shop.sender
        return Own(shop.merchant_id, name)

    def is_left_alone(self, shop: Shop) -> bool:
        """Whether the shop gets nothing at the moment, whatever its rate."""
        if not self.alone and not self.late:
            return False
        own = self.own(shop)
        return own.name in self.late or self.alone.is_open(own)

    def is_blocked(self, shop: Shop) -> bool:
        """Whether the shop's rate has nothing left at the moment, or it is left alone."""
        return self.is_left_alone(shop) or self.bucket_of(shop) in self._still_blocked()

    def add(self, ready: Iterable[Ready]) -> None:
        """Takes more, behind the others."""
        self._ready += ready

    def free(self) -> int:
        """How many may go as far as is known."""
        return len(self._free())

    def chunk(self, room: int, take: Take) -> list[Ready]:
        """Takes out as many as may go now, `room` at most."""
        asked = self._free()[:room]
        wanted = self.buckets(asked)
        granted = dict(take(wanted)) if wanted else {}
        now = time.monotonic()
        left = {bucket: messages for bucket, (messages, _) in granted.items()}
        used_up = {
            bucket: now + wait_us / SECOND
            for bucket, (messages, wait_us) in granted.items()
            if messages < wanted[bucket]
        }
        self._blocked = {**self._still_blocked(), **used_up}
        chunk, ids = [], set()
        for each in asked:
            bucket = self.bucket_of(each.shop)
            if left[bucket]:
                left[bucket] -= 1
                chunk.append(each)
                ids.add(each.taken.notice_id)
        self._ready = [each for each in self._ready if each.taken.notice_id not in ids]
        return chunk

    def _free(self) -> list[Ready]:
        """Those that may go. Of a shop whose own may be tried again the first one does."""
        blocked = self._still_blocked()
        if not blocked and not self.alone and not self.late:
            return self._ready
        free, probed = list[Ready](), set[Own]()
        for each in self._ready:
            if self.is_left_alone(each.shop) or self.bucket_of(each.shop) in blocked:
                continue
            own = self.own(each.shop)
            if self.alone.probes(own):
                if own in probed:
                    continue
                probed.add(own)
            free.append(each)
        return free

    def _still_blocked(self) -> Mapping[Bucket, float]:
        """The rates that have nothing left, and until when."""
        blocked = self._blocked
        if not blocked:
            return blocked
        now = time.monotonic()
        return {bucket: until for bucket, until in blocked.items() if until > now}

    def buckets(self, ready: Iterable[Ready]) -> Counter[Bucket]:
        """How many of some messages take from each rate."""
        return Counter(self.bucket_of(each.shop) for each in ready)

    def wait(self, most: float) -> float:
        """Seconds until one of them may go, `most` if that is sooner or none is to go."""
        until = (
            self._blocked.get(self.bucket_of(each.shop), 0.0)
            for each in self._ready
            if not self.is_left_alone(each.shop)
        )
        return max(0.0, min(most, min(until, default=float("inf")) - time.monotonic()))

    def older_than(self, instant: Micros) -> list[Taken]:
        """Takes out those that were taken before an instant: their leases run out."""
        old = [each.taken for each in self._ready if each.taken.now < instant]
        if old:
            self._ready = [each for each in self._ready if each.taken.now >= instant]
        return old

    def empty(self) -> list[Taken]:
        """Takes out all."""
        everything, self._ready = self._ready, []
        return [each.taken for each in everything]


def put_back(taken: Iterable[Taken], reason: str | None = None, delay_us: int = 0) -> list[Settled]:
    """Lets notices wait again of which nothing was written in this hand."""
    return [ended(each, State.waiting, reason, delay_us) for each in taken]


def unsaid(taken: Taken, state: State, reason: str) -> Settled:
    """What a notice in hand becomes that is not to be written (again)."""
    becomes = not_written(taken.asked_us, state, reason)
    return ended(taken, becomes.state, becomes.reason)


def ended(taken: Taken, state: State, reason: str | None = None, delay_us: int = 0) -> Settled:
    """What a notice in hand becomes without being written."""
    return Settled(
        taken.notice_id,
        State.claimed,
        taken.attempt,
        state,
        reason,
        delay_us,
        as_of_us=taken.changed_us,
    )
