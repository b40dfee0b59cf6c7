"""The contact table: how members are reached, each value sealed (store/notices/members/sealing.py).

Without a key only the booleans can be read: whether there is an e-mail or a phone, and whether it
is verified.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from rules.notices.contacts import FIELDS, Versions
from rules.notices.values import Contact
from rules.order.trail import ENDS, Version
from store.notices.members.members import MEMBER, Member, arrays_of
from store.notices.members.sealing import Sealer
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.tables import notices as tables

_KEY: Final = Columns(tables.contact, "merchant_no", "member_id")
_READ: Final = _KEY.plus(
    "email", "phone", "name", "language", "email_verified", "phone_verified", "versions"
)
_ROW: Final = _READ.plus("version_us", "has_email", "has_phone")
_SQL: Final = queries("notices/members/contacts", key=MEMBER, read=_READ, row=_ROW)
_SAID: Final = Struct(">BqQQ")
"""A version, and a bit for each field that it is of."""


@dataclass(slots=True, repr=False)
class SealedContact:
    """A member's row: sealed texts, whether they are verified, each field's version.

    A row without any text is what is kept of a contact that was removed.
    """

    email: bytes | None = None
    phone: bytes | None = None
    name: bytes | None = None
    language: bytes | None = None
    email_verified: bool = False
    phone_verified: bool = False
    versions: Versions = field(default_factory=dict)

    def __repr__(self) -> str:
        """Says nothing of anybody."""
        return "SealedContact(…)"

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the member is kept."""
        return self.email is self.phone is self.name is self.language is None

    @property
    def is_removed(self) -> bool:
        """Whether the customer is gone, and not only without any address."""
        return self.is_empty and all(version.digest & ENDS for version in self.versions.values())


def read(cursor: Cursor, members: Collection[Member]) -> dict[Member, SealedContact]:
    """The rows of some members; those that have none are left out."""
    if not members:
        return {}
    cursor.execute(_SQL["read"], arrays_of(members), binary=True)
    found = {}
    for no, member_id, *texts, email_verified, phone_verified, packed in cursor.fetchall():
        email, phone, name, language = texts
        found[no, member_id] = SealedContact(
            email, phone, name, language, email_verified, phone_verified, versions_of(packed)
        )
    return found


def write(cursor: Cursor, rows: Mapping[Member, SealedContact]) -> None:
    """Writes rows; the caller has the members' keys locked."""
    if not rows:
        return
    values = [
        (
            merchant_no,
            member_id.encode(),
            row.email,
            row.phone,
            row.name,
            row.language,
            row.email_verified and row.email is not None,
            row.phone_verified and row.phone is not None,
            versions_bytes(row.versions),
            max((version.at for version in row.versions.values()), default=0),
            row.email is not None,
            row.phone is not None,
        )
        for (merchant_no, member_id), row in sorted(rows.items(), key=_member)
    ]
    cursor.execute(_SQL["write"], _ROW.arrays(values))


def opened(sealer: Sealer, member: Member, row: SealedContact) -> Contact:
    """A row in the clear, as far as the sealer has the member's key."""
    return Contact(
        name=sealer.open(*member, "name", row.name),
        language=sealer.open(*member, "language", row.language),
        email=sealer.open(*member, "email", row.email),
        phone=sealer.open(*member, "phone", row.phone),
    )


def in_the_clear(
    cursor: Cursor, sealer: Sealer, members: Collection[Member]
) -> dict[Member, Contact]:
    """How some members are reached; those that are not known, or were erased, are left out."""
    rows = read(cursor, members)
    keys = sealer.with_keys(cursor, rows, create=False)
    return {
        member: opened(keys, member, row)
        for member, row in rows.items()
        if not row.is_empty and keys.has_key(*member)
    }


def versions_bytes(versions: Versions) -> bytes:
    """25 bytes for each version that some field is of: as a rule one."""
    bits: dict[Version, int] = {}
    for name, version in versions.items():
        bits[version] = bits.get(version, 0) | 1 << FIELDS.index(name)
    return b"".join([_SAID.pack(of, *version) for version, of in sorted(bits.items())])


def versions_of(packed: bytes) -> Versions:
    """What `versions_bytes` packed."""
    return {
        name: Version(*version)
        for bits, *version in _SAID.iter_unpack(packed)
        for place, name in enumerate(FIELDS)
        if bits >> place & 1
    }


def _member(row: tuple[Member, SealedContact]) -> Member:
    return row[0]
