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
from store.postgres.session import Cursor

_SQL: Final = queries("notices/members/erasing", member=MEMBER)


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
    contacts.write(cursor, {member: erased_at(now)})
    take_out_of_hand(cursor, [member])
    return had_key or any(not contact.is_empty for contact in known.values())


def take_out_of_hand(cursor: Cursor, members: Collection[Member]) -> None:
    """Lets notices wait again whose messages are worded: nobody knows their addresses any more."""
    if members:
        cursor.execute(_SQL["out_of_hand"], arrays_of(members))


def erased_at(now: Micros) -> SealedContact:
    """A contact of which nothing is kept, and which only newer records make again."""
    return SealedContact(versions=dict.fromkeys(FIELDS, Version(now, 0, ENDS)))
