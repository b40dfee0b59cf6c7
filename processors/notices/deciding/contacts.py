"""Customers' records into the contact table: a batch in the transaction that holds its cursors.

The engine reads the same topic for membership; this is about how members are reached, and nothing
else of a record is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from processors.notices.deciding.reading import read_all
from processors.notices.sealing_keys import needed_sealer
from processors.pipeline.pipeline import PoisonRecord
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.kafka.feed import Record
from processors.runtime.kafka.records import received_at
from rules.notices.contacts import EMAIL, PHONE, TEXTS, VERIFIED, Said, Value, newer_fields, said_by
from rules.order.versions import given_micros, version_of
from schemas.ids import DAY, Micros
from schemas.notices.customer import read_customer
from schemas.notices.words import Channel
from schemas.upstream.envelope import Unreadable
from store.notices import shops
from store.notices.members import contacts, erasing, optouts, sealing
from store.notices.members.contacts import SealedContact
from store.notices.members.members import Member
from store.notices.members.sealing import Sealer
from store.postgres.session import Cursor, Database, transaction
from store.streams.cursors import Counts, Opening, PartitionId

FUTURE: Final = DAY
"""A version further ahead than this would hold its contact for ever (rules.md 7)."""


_CHANNELS: Final = {EMAIL: Channel.email, PHONE: Channel.sms}
"""What each address is written to by."""


class CustomerSaid(NamedTuple):
    """What a record says of a contact, and whose it is."""

    record: Record
    merchant_id: str
    member_id: str
    said: Said


class ContactsBatches:
    """Keeps contacts, of a contact table; with another directory it passes records over."""

    def __init__(self, configuration: LaneConfiguration) -> None:
        """Raises ConfigurationRefused where the table has no keys to seal with."""
        notices = configuration.notices
        kept = notices.directory == "table"
        self._sealer: Sealer | None = needed_sealer(notices) if kept else None
        self._connection: Database | None = None
        self._removed: list[Member] = []

    def use(self, connection: Database) -> None:
        """Goes on with a new connection; nothing is remembered between batches."""
        self._connection, self._removed = connection, []

    def committed(self) -> None:
        """Lets go what senders took in hand while the contacts of members were removed."""
        removed, self._removed = self._removed, []
        if removed and self._connection is not None:
            with transaction(self._connection) as cursor:
                erasing.take_out_of_hand(cursor, removed)

    def process(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        opening: Opening,
        counts: Mapping[PartitionId, Counts],
    ) -> list[PoisonRecord]:
        """Keeps what is new of a batch and counts every record; those that are poison."""
        if self._sealer is None:
            for record in records:
                counts[record.place].ignore("no_contact_table")
            return []
        self._removed = []
        latest = opening.now + FUTURE
        said, poison = read_all(
            records, counts, lambda record, value: _customer(record, value, latest)
        )
        if said:
            batch = _Batch(cursor, self._sealer, [customer for _, customer in said])
            self._removed = batch.keep(counts)
        return poison


def _customer(record: Record, value: bytes, latest: Micros) -> CustomerSaid | str:
    """What a record says of a contact, or the reason for which it is passed over."""
    envelope = read_customer(value)
    if envelope is None:
        return "unknown_topic"
    customer = envelope.resource
    received = received_at(record.message)
    version = version_of(envelope, given_micros(customer.get("updated_at")), received, value)
    if version.at > latest:
        wrong = "updated_at lies more than 24 hours ahead"
        raise Unreadable("future_version", wrong, envelope.merchant_id)
    said = said_by(envelope.topic, customer, version)
    if not said.values:
        return "no_contact"
    return CustomerSaid(record, envelope.merchant_id, customer["id"], said)


class _Batch:
    """The members of a batch: their keys locked, their contacts as they are and will be."""

    def __init__(self, cursor: Cursor, sealer: Sealer, customers: Sequence[CustomerSaid]) -> None:
        self._cursor = cursor
        numbers = shops.learn(cursor, {each.merchant_id for each in customers})
        self._said = [((numbers[each.merchant_id], each.member_id), each) for each in customers]
        members = sorted({member for member, _ in self._said})
        self._sealer = sealer.with_keys(cursor, members, create=True)
        # What was sealed under a key that is gone is lost, its versions too: the topic has it.
        self._rows = {
            member: row
            for member, row in contacts.read(cursor, members).items()
            if row.is_empty or member not in self._sealer.created
        }
        self._changes: dict[Member, dict[str, Value]] = {}

    def keep(self, counts: Mapping[PartitionId, Counts]) -> list[Member]:
        """Folds what the records say, in their order; writes what it changed. Who is removed."""
        for member, each in self._said:
            self._fold(member, each.said, counts[each.record.place])
        moved = {member: self._seal(member, values) for member, values in self._changes.items()}
        contacts.write(self._cursor, {member: self._rows[member] for member in self._changes})
        for field, channel in _CHANNELS.items():
            others = [member for member, different in moved.items() if field in different]
            optouts.end_bounces(self._cursor, channel, others)
        removed = [member for member in self._changes if self._rows[member].is_removed]
        sealing.destroy(self._cursor, removed)
        erasing.take_out_of_hand(self._cursor, removed)
        return removed

    def _fold(self, member: Member, said: Said, count: Counts) -> None:
        row = self._rows.setdefault(member, SealedContact())
        fields = newer_fields(row.versions, said)
        if not fields:
            if all(row.versions[field] == said.version for field in said.values):
                count.duplicate += 1
            else:
                count.ignore("stale")
            return
        count.applied += 1
        changes = self._changes.setdefault(member, {})
        for field in fields:
            changes[field] = said.values[field]
            row.versions[field] = said.version

    def _seal(self, member: Member, values: Mapping[str, Value]) -> set[str]:
        """Puts the new values into a member's row; which addresses are others than before."""
        row = self._rows[member]
        different = set[str]()
        for field in TEXTS:
            if field not in values:
                continue
            value, sealed = values[field], getattr(row, field)
            text = value if isinstance(value, str) else None
            if field in VERIFIED and self._sealer.open(*member, field, sealed) != text:
                different.add(field)
            setattr(row, field, text and self._sealer.seal(*member, field, text))
        for field, flag in VERIFIED.items():
            if flag in values:
                setattr(row, flag, values[flag] is True)
            elif field in different:
                # Whoever verified the old address has not seen this one.
                setattr(row, flag, False)
        return different
