"""What providers and members say back: receipts settle notices, the rest stops them.

Whatever comes twice, or late, or names what is not known, changes nothing and is counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from processors import metrics
from processors.notices.deciding.reading import read_all
from processors.notices.sealing_keys import sealer_of
from processors.pipeline.pipeline import PoisonRecord
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.kafka.feed import Record
from rules.notices import tokens
from rules.notices.tokens import Unsubscription
from rules.signed_tokens import NamedKey
from schemas.ids import Micros, micros
from schemas.notices.feedback import NoticeFeedback, read_feedback
from schemas.notices.words import ALL_KINDS, Channel
from store.notices import shops
from store.notices.members import addressees, contacts, optouts
from store.notices.members.addressees import Addressee
from store.notices.members.optouts import OptOut, OptOutKey, Source
from store.notices.members.sealing import Sealer
from store.notices.sending.settling import Receipt, Receipts
from store.postgres.session import Cursor, Database
from store.streams.cursors import Counts, Opening, PartitionId

SOURCES: Final[Mapping[str, Source]] = {
    "bounce": "bounce",
    "complaint": "complaint",
    "stop": "stop",
    "unsubscribe": "link",
}


class TakesReceipts(Protocol):
    """Settles notices by what providers say later."""

    def __call__(self, cursor: Cursor, rows: Sequence[Receipt], /) -> Receipts:
        """In the caller's transaction; in any order, any number of times."""


class FeedbackBatches:
    """Takes what was said back about notices."""

    def __init__(self, configuration: LaneConfiguration, receipts: TakesReceipts) -> None:
        """`receipts` settles notices. Raises ConfigurationRefused for keys that are none."""
        notices = configuration.notices
        self._sealer = sealer_of(notices)
        self._keys = notices.link_keys()
        self._receipts = receipts
        self._settled: Counter[tuple[str, str]] = Counter()

    def use(self, connection: Database) -> None:
        """Goes on with a new connection; nothing is remembered between batches."""

    def committed(self) -> None:
        """Counts what receipts settled, once it is committed."""
        for (channel, state), notices in self._settled.items():
            metrics.NOTICES_RECEIPTS.labels(channel, state).inc(notices)
        self._settled.clear()

    def process(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        opening: Opening,
        counts: Mapping[PartitionId, Counts],
    ) -> list[PoisonRecord]:
        """Takes a batch and counts every record; those that are poison."""
        self._settled.clear()
        said, poison = read_all(records, counts, lambda _, value: read_feedback(value))
        if said:
            batch = _Batch(cursor, said, opening.now, self._sealer, self._keys)
            self._settled.update(batch.take(self._receipts, counts))
        return poison


class _Batch:
    """Feedback, and whose it is."""

    def __init__(
        self,
        cursor: Cursor,
        said: Sequence[tuple[Record, NoticeFeedback]],
        now: Micros,
        sealer: Sealer | None,
        keys: Sequence[NamedKey],
    ) -> None:
        self._cursor, self._said, self._now, self._keys = cursor, said, now, keys
        ids = {each.notice_id for _, each in said if each.notice_id is not None}
        self._notices = addressees.addressees(cursor, ids)
        self._links = {
            each.token: tokens.verify(keys, each.token, now)
            for _, each in said
            if each.token is not None
        }
        named = {each.merchant_id for _, each in said if each.merchant_id is not None}
        named |= {of.merchant_id for of in self._links.values() if isinstance(of, Unsubscription)}
        self._shops = shops.numbers(cursor, named)
        self._moved = self._with_another_address(sealer) if sealer is not None else frozenset()

    def take(
        self, receipts: TakesReceipts, counts: Mapping[PartitionId, Counts]
    ) -> Mapping[tuple[str, str], int]:
        """Settles what receipts are about, keeps wishes, and counts every record.

        Answers how many notices receipts brought into which state, by channel and state.
        """
        rows: dict[int, Receipt] = {}
        wishes: dict[int, OptOut] = {}
        for place, (record, feedback) in enumerate(self._said):
            row, wish = self._receipt(feedback), self._wish(feedback)
            if row is not None:
                rows[place] = row
            if isinstance(wish, OptOut):
                wishes[place] = wish
            elif row is None:
                counts[record.place].ignore(wish)
        settled = receipts(self._cursor, list(rows.values())) if rows else None
        changed = set(settled.changed) if settled is not None else set[UUID]()
        new: set[OptOutKey] = optouts.add(self._cursor, wishes.values())
        for place in sorted(rows.keys() | wishes.keys()):
            count = counts[self._said[place][0].place]
            notice = {rows[place].notice_id} if place in rows else set[UUID]()
            wished = {wishes[place][:4]} if place in wishes else set[OptOutKey]()
            if notice & changed or wished & new:
                count.applied += 1
            else:
                count.duplicate += 1
            # Of two that say the same in a batch the first one changed something.
            changed -= notice
            new -= wished
        return settled.moved if settled is not None else {}

    def _receipt(self, feedback: NoticeFeedback) -> Receipt | None:
        """What settles a notice that there is: a receipt, or a bounce for good."""
        if feedback.notice_id not in self._notices or self._contradicts(feedback):
            return None
        if feedback.type == "receipt":
            delivered = feedback.status == "delivered"
        elif feedback.type == "bounce" and feedback.hard:
            delivered = False
        else:
            return None
        return Receipt(
            feedback.notice_id,
            delivered,
            feedback.provider_id,
            feedback.parts,
            feedback.provider,
        )

    def _wish(self, feedback: NoticeFeedback) -> OptOut | str:
        """What a member does not want to hear, or the reason for which nothing follows of it."""
        if feedback.type == "unsubscribe":
            return self._unsubscription(feedback)
        notice = self._notices.get(feedback.notice_id) if feedback.notice_id is not None else None
        if feedback.notice_id is not None and notice is None:
            return "unknown_notice"
        if notice is not None and self._contradicts(feedback):
            return "other_member"
        if feedback.type == "receipt":
            return "receipt"
        if feedback.type == "bounce" and not feedback.hard:
            return "soft_bounce"
        if feedback.type == "bounce" and feedback.notice_id in self._moved:
            return "other_address"
        return self._opt_out(feedback, notice)

    def _opt_out(self, feedback: NoticeFeedback, notice: Addressee | None) -> OptOut | str:
        usual = Channel.sms if feedback.type == "stop" else Channel.email
        if notice is not None:
            member, channel = (notice.merchant_no, notice.member_id), notice.channel
        else:
            number = self._shops.get(feedback.merchant_id or "")
            if number is None:
                return "unknown_shop"
            member, channel = (number, feedback.member_id or ""), feedback.channel or usual
        source, since = SOURCES[feedback.type], self._since(feedback)
        return OptOut(*member, channel, ALL_KINDS, source, since)

    def _unsubscription(self, feedback: NoticeFeedback) -> OptOut | str:
        of = self._links[feedback.token or ""]
        if isinstance(of, str):
            return of
        if feedback.merchant_id not in {None, of.merchant_id} or (
            feedback.member_id not in {None, of.member_id}
        ):
            return "other_member"
        number = self._shops.get(of.merchant_id)
        if number is None:
            return "unknown_shop"
        return OptOut(number, of.member_id, of.channel, of.kind, "link", self._since(feedback))

    def _contradicts(self, feedback: NoticeFeedback) -> bool:
        """Whether the record names another member than its notice does."""
        notice = self._notices.get(feedback.notice_id) if feedback.notice_id is not None else None
        return notice is not None and (
            feedback.merchant_id not in {None, notice.merchant_id}
            or feedback.member_id not in {None, notice.member_id}
        )

    def _since(self, feedback: NoticeFeedback) -> Micros:
        return min(micros(feedback.occurred_at), self._now)

    def _with_another_address(self, sealer: Sealer) -> frozenset[UUID]:
        """The notices of hard bounces whose members have another address by now."""
        bounced = {
            each.notice_id: notice
            for _, each in self._said
            if each.type == "bounce" and each.hard and each.notice_id is not None
            if (notice := self._notices.get(each.notice_id)) is not None
            if notice.address_hmac is not None
        }
        members = {(notice.merchant_no, notice.member_id) for notice in bounced.values()}
        if not members:
            return frozenset()
        keys = sealer.with_keys(self._cursor, members, create=False)
        now = contacts.in_the_clear(self._cursor, sealer, members)
        moved = set()
        for notice_id, notice in bounced.items():
            member = (notice.merchant_no, notice.member_id)
            contact = now.get(member)
            address = contact.address(Channel(notice.channel)) if contact is not None else None
            if address is not None and keys.hmac(*member, address) != notice.address_hmac:
                moved.add(notice_id)
        return frozenset(moved)
