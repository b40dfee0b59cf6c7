"""Members' points moved straight on the ledger of a test's database, as commands move them."""

import itertools
from collections.abc import Callable

from rules.account import assigning, giving_back, holding
from rules.account.acts import Act
from rules.account.holds import Hold, Purpose
from rules.account.lots import command_lot, order_debit_lot
from rules.account.lots_needed import Intended
from rules.account.redemptions import return_order
from schemas.events import Performer, PerformerKind
from schemas.ids import DAY, NEVER, Micros
from schemas.packing import pack_id
from store.ledger.accounts import LockedAccount
from store.ledger.ledger import Ledger
from store.postgres.session import Database, transaction
from store.reads import gauges
from store.streams import recheck
from store.streams.recheck import RecheckKind, RecheckRequest

STAFF = Performer(kind=PerformerKind.staff, id="mei")
Operation = Callable[[LockedAccount, Act, Micros], None]

_numbers = itertools.count(1)


def assign(
    connection: Database, merchant: str, member: str, points: int, expires_at: Micros = NEVER
) -> int:
    """Gives points (or takes, below 0); the account's sequence afterwards."""
    number = next(_numbers)
    lot = command_lot(expires_at, f"c-{number}")

    def operate(locked: LockedAccount, act: Act, _: Micros) -> None:
        if points > 0:
            assigning.assign(locked, act, points, lot)
        else:
            assigning.deduct(locked, act, -points)

    intended = Intended(points, lot=lot if points > 0 else None)
    return _operate(connection, merchant, member, intended, operate)


def hold(
    connection: Database, merchant: str, member: str, hold_id: str, points: int, seconds: float
) -> int:
    """Sets points aside for so long; the account's sequence afterwards."""

    def operate(locked: LockedAccount, act: Act, now: Micros) -> None:
        ends = now + int(seconds * 1_000_000)
        holding.hold(locked, act, Hold(hold_id.encode(), points, Purpose.cash, ends, 1, []))

    intended = Intended(-points, hold_id=hold_id.encode())
    return _operate(connection, merchant, member, intended, operate)


def release(connection: Database, merchant: str, member: str, hold_id: str) -> int:
    """Sets a hold's points free; the account's sequence afterwards."""

    def operate(locked: LockedAccount, act: Act, _: Micros) -> None:
        holding.release(locked, act, locked.account.holds[hold_id.encode()])

    return _operate(connection, merchant, member, Intended(hold_id=hold_id.encode()), operate)


def redeem(
    connection: Database,
    merchant: str,
    member: str,
    points: int,
    order_id: str,
    purpose: Purpose = Purpose.cash,
) -> int:
    """Holds points and captures them on an order, which is to be looked at again."""
    packed, hold_id = pack_id(order_id), f"h-{next(_numbers)}".encode()

    def operate(locked: LockedAccount, act: Act, now: Micros) -> None:
        new = Hold(hold_id, points, purpose, now + DAY, 1, [])
        holding.hold(locked, act, new)
        holding.capture(locked, act, new, packed)

    intended = Intended(-points, hold_id=hold_id, redeemed_on=packed)
    return _operate(connection, merchant, member, intended, operate)


def return_redeemed(
    connection: Database, merchant: str, member: str, points: int, order_id: str
) -> int:
    """Gives points of an order back by hand, those of its last redemption first."""
    packed = pack_id(order_id)

    def operate(locked: LockedAccount, act: Act, _: Micros) -> None:
        left = points
        for one in return_order(locked.account.redemptions[packed]):
            part = min(one.out, left)
            if part:
                giving_back.give_back(locked, act, one, part, order_debit_lot(NEVER, packed))
            left -= part

    intended = Intended(redeemed_on=packed)
    return _operate(connection, merchant, member, intended, operate)


def _operate(
    connection: Database, merchant: str, member: str, intended: Intended, operation: Operation
) -> int:
    with transaction(connection) as cursor:
        (number,) = cursor.execute(
            "SELECT merchant_no FROM merchant WHERE merchant_id = $1", [merchant]
        ).fetchone() or (0,)
        key, now = (number, pack_id(member)), gauges.now(cursor)
        ledger = Ledger.open(cursor, {key: [intended]}, now, lambda _: merchant)
        act = Act.of_command(merchant, f"c-{next(_numbers)}", 1, STAFF)
        operation(ledger.accounts[key], act, now)
        ledger.write()
        if intended.redeemed_on is not None:
            request = RecheckRequest(RecheckKind.ORDER, number, intended.redeemed_on)
            recheck.add(cursor, [request])
        return ledger.accounts[key].account.sequence
