"""Points held and captured on orders, as the worker of commands does it, without its topic."""

from itertools import count

from rules.account.acts import Act
from rules.account.assigning import assign
from rules.account.giving_back import give_back
from rules.account.holding import capture, hold
from rules.account.holds import Hold, Purpose
from rules.account.lots import command_lot, order_debit_lot
from rules.account.lots_needed import Intended
from rules.account.redemptions import return_order
from schemas.events import Performer, PerformerKind
from schemas.ids import DAY, NEVER, Micros
from schemas.packing import pack_id
from store.ledger.ledger import Ledger
from store.postgres.session import transaction
from store.settings.merchants import Merchants
from store.streams import recheck
from store.streams.recheck import RecheckKind, RecheckRequest
from tests.support.batches import Shop, now_of
from tests.support.order_facts import MEMBER, MERCHANT, ORDER

STAFF = Performer(kind=PerformerKind.staff, id="staff-1")
_numbers = count(1)


class Spender:
    """What a shop does with its members' points."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._merchants = Merchants(shop.connection)

    def assign(self, points: int, *, expires_at: Micros = NEVER, member: str = MEMBER) -> None:
        """Give points by hand, in a lot of their own."""
        with transaction(self._shop.connection) as cursor:
            key, now = (self._merchant(), pack_id(member)), now_of(cursor)
            name = f"assign-{next(_numbers)}"
            lot = command_lot(expires_at, name)
            ledger = Ledger.open(
                cursor, {key: [Intended(0, lot)]}, now, self._merchants.merchant_id
            )
            assign(ledger.accounts[key], self._act(name), points, lot)
            ledger.write()

    def redeem(
        self,
        points: int,
        *,
        order_id: str = ORDER,
        purpose: Purpose = Purpose.cash,
        member: str = MEMBER,
        settings_no: int = 1,
    ) -> None:
        """Hold points and capture them on an order, which is to be looked at again."""
        packed = pack_id(order_id)
        with transaction(self._shop.connection) as cursor:
            key, now = (self._merchant(), pack_id(member)), now_of(cursor)
            name = f"hold-{next(_numbers)}"
            wanted = Intended(-points, hold_id=name.encode(), redeemed_on=packed)
            ledger = Ledger.open(cursor, {key: [wanted]}, now, self._merchants.merchant_id)
            account, act = ledger.accounts[key], self._act(name)
            new = Hold(name.encode(), points, purpose, now + DAY, settings_no, [])
            hold(account, act, new)
            capture(account, act, new, packed)
            ledger.write()
            recheck.add(cursor, [RecheckRequest(RecheckKind.ORDER, key[0], packed)])

    def return_redeemed(self, points: int, *, order_id: str = ORDER, member: str = MEMBER) -> None:
        """Give points back by hand."""
        packed = pack_id(order_id)
        with transaction(self._shop.connection) as cursor:
            key, now = (self._merchant(), pack_id(member)), now_of(cursor)
            wanted = Intended(0, redeemed_on=packed)
            ledger = Ledger.open(cursor, {key: [wanted]}, now, self._merchants.merchant_id)
            account, act = ledger.accounts[key], self._act(f"return-{next(_numbers)}")
            for one in return_order(account.account.redemptions[packed]):
                part = min(one.out, points)
                if part:
                    give_back(account, act, one, part, order_debit_lot(NEVER, packed))
                points -= part
            ledger.write()

    def _act(self, name: str) -> Act:
        return Act.of_command(MERCHANT, name, 1, STAFF)

    def _merchant(self) -> int:
        self._merchants.look_up([MERCHANT])
        return self._merchants.numbers[MERCHANT]
