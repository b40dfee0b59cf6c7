"""A quote at the moment of asking: the settings in force and the member's points (account.md 2)."""

from rules.account.in_force import InForce
from rules.quotes.answer import Shopper, Signing, quote_answer
from schemas.answers.quotes import QuoteAnswer
from schemas.ids import Micros
from schemas.packing import pack_id
from schemas.quotes import Cart
from store.postgres.session import Database
from store.reads.account.now import account_now
from store.reads.execute import Cursor
from store.reads.snapshot import UnknownMerchant, now, snapshot
from store.settings.merchants import Merchants


def quoted(
    connection: Database,
    merchants: Merchants,
    merchant_id: str,
    member_id: str,
    cart: Cart,
    signing: Signing,
) -> QuoteAnswer:
    """What a cart costs with points now; a member we have no record of has none.

    `merchants` are those of `connection`: a settings version is read and compiled once. Raises
    UnknownMerchant, also for a merchant that has orders and no settings.
    """
    ignored = cart.ignore_hold.encode() if cart.ignore_hold is not None else None
    with snapshot(connection) as cursor:
        at = now(cursor)
        number, settings = settings_at(cursor, merchants, merchant_id, at)
        account = account_now(cursor, number, pack_id(member_id), at, ignored)
    available = account.available if account is not None else 0
    return quote_answer(cart, Shopper(merchant_id, member_id, available), settings, signing, at)


def settings_at(
    cursor: Cursor, merchants: Merchants, merchant_id: str, at: Micros
) -> tuple[int, InForce]:
    """A merchant's number and settings in force, as they are in the snapshot of `cursor`.

    Raises UnknownMerchant.
    """
    merchants.keep_up(cursor)
    if merchants.look_up([merchant_id]):
        raise UnknownMerchant(merchant_id)
    number = merchants.numbers[merchant_id]
    if not merchants.versions[number]:
        raise UnknownMerchant(merchant_id, "no settings")
    return number, merchants.in_force(number, at)
