"""Erasing a member: the key goes, and all that was sealed under it with the contact; wishes stay.

Copies of sealed values anywhere else, in dumps too, are noise from then on.
"""

from collections.abc import Collection
from typing import Final

from rules.notices.contacts import FIELDS
from rules.order.trail import ENDS, Version
from schemas.ids import Micros
from store.notices.members import contacts, sealing
from store.notices.members.contacts import SealedContact
from store.notices.members.members import MEMBER, Member, arrays_of
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, transaction

_SQL: Final = queries("notices/members/erasing", member=MEMBER)


def erase_member(connection: Database, merchant_no: int, member_id: str) -> bool:
    """As `erase`, once and for all: also what was taken in hand while that was committed.

    A sender can have read the contact until then; whoever takes a notice afterwards finds none.
    """
    with transaction(connection) as cursor:
        was_there = erase(cursor, merchant_no, member_id)
    with transaction(connection) as cursor:
        take_out_of_hand(cursor, [(merchant_no, member_id)])
    return was_there


def erase(cursor: Cursor, merchant_no: int, member_id: str) -> bool:
    """Destroys a member's key and contact. False when nothing was kept of the member.

    A row without any value stays, so that no older record makes the contact again; what the
    platform says of the member from now on does.
    """
    member: Member = (merchant_no, member_id)
    # The key's row is locked first, as by everybody who writes a contact; without one it is made.
    row = cursor.execute(_SQL["claim"], [merchant_no, member_id]).fetchone()
    had_key, now = (bool(row[0]), int(row[1])) if row is not None else (False, 0)
    known = contacts.read(cursor, [member])
    sealing.destroy(cursor, [member])
    contacts.write(cursor, {member: erased_at(now, known.get(member))})
    take_out_of_hand(cursor, [member])
    return had_key or any(not contact.is_empty for contact in known.values())


def take_out_of_hand(cursor: Cursor, members: Collection[Member]) -> None:
    """Lets notices wait again whose messages are worded: nobody knows their addresses any more."""
    if members:
        cursor.execute(_SQL["out_of_hand"], arrays_of(members))


def erased_at(now: Micros, known: SealedContact | None) -> SealedContact:
    """A contact of which nothing is kept, and which only newer records make again.

    `known`: what was kept. The platform's clock may be ahead of ours: a repeat of what it said
    before is nothing newer.
    """
    said = known.versions.values() if known is not None else ()
    over = (Version(version.at, version.ts, version.digest | ENDS) for version in said)
    return SealedContact(versions=dict.fromkeys(FIELDS, max([Version(now, 0, ENDS), *over])))
