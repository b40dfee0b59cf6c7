"""What a hold needs, asked for before anything is known: together with the clock, in one trip.

A hold alone waits for nothing but round trips, and each costs two processes a turn on a core.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.commands.bodies import HoldForCash, HoldForGift
from schemas.commands.reading import Command
from schemas.packing import pack_id
from store.ledger import commands as kept
from store.ledger.ledger import AskedAhead
from store.postgres.session import Answer, Cursor
from store.settings.merchants import Merchants


class Ahead(NamedTuple):
    """A hold's account, locked, with a page of its free lots, and whether its keys are known.

    These were looked up behind the lock: what another hold of the account made while it was waited
    for is among them.
    """

    accounts: AskedAhead
    known: Answer[kept.Known]


def ask_ahead(cursor: Cursor, merchants: Merchants, commands: Sequence[Command]) -> Ahead | None:
    """Asks, where there is one command and it is a hold: no other locks an account alone.

    A repeat and a hold that is refused lock the account as well, for nothing.
    """
    if len(commands) != 1:
        return None
    (command,) = commands
    number, body = merchants.numbers.get(command.merchant_id), command.body
    if number is None or command.member_id is None:
        return None
    if not isinstance(body, HoldForCash | HoldForGift):
        return None
    keys = [(number, command.command_id.encode())]
    accounts = AskedAhead.ask(cursor, [(number, pack_id(command.member_id))])
    return Ahead(accounts, kept.ask_known(cursor, keys, [(number, body.hold_id.encode())]))
