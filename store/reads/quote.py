"""A quote at the moment of asking: the settings in force and the member's points (account.md 2)."""

from sqlalchemy import bindparam, select

from rules.account.in_force import NOTHING, InForce
from rules.earning.entitlement import feature_in_force
from rules.quotes.answer import Shopper, Signing, quote_answer
from schemas.answers.quotes import QuoteAnswer
from schemas.ids import Micros
from schemas.packing import pack_id
from schemas.quotes import Cart
from schemas.settings import compile_settings
from store.postgres import tables
from store.postgres.session import Database
from store.reads.account_now import account_now
from store.reads.execute import Cursor, rows
from store.reads.snapshot import UnknownMerchant, merchant_number, now, snapshot
from store.settings.merchants import document_of

_settings, _event = tables.settings.c, tables.application_event.c

_SINCE = select(_settings.version, _settings.effective_us).where(
    _settings.merchant_no == bindparam("merchant_no")
)
_DOCUMENT = select(_settings.document).where(
    _settings.merchant_no == bindparam("merchant_no"), _settings.version == bindparam("version")
)
_INSTALLS = (
    select(_event.at_us, _event.installed)
    .where(_event.merchant_no == bindparam("merchant_no"))
    .order_by(_event.at_us, _event.installed)
)


def quoted(
    connection: Database, merchant_id: str, member_id: str, cart: Cart, signing: Signing
) -> QuoteAnswer:
    """What a cart costs with points now; a member we have no record of has none.

    Raises UnknownMerchant, also for a merchant that has orders and no settings.
    """
    ignored = cart.ignore_hold.encode() if cart.ignore_hold is not None else None
    with snapshot(connection) as cursor:
        number, at = merchant_number(cursor, merchant_id), now(cursor)
        settings = settings_at(cursor, number, merchant_id, at)
        account = account_now(cursor, number, pack_id(member_id), at, ignored)
    available = account.available if account is not None else 0
    return quote_answer(cart, Shopper(merchant_id, member_id, available), settings, signing, at)


def settings_at(cursor: Cursor, merchant_no: int, merchant_id: str, at: Micros) -> InForce:
    """The settings in force of one merchant, in the snapshot of `cursor`.

    Workers have them in memory (store/settings/merchants.py). Raises UnknownMerchant.
    """
    versions = rows(cursor, _SINCE, merchant_no=merchant_no)
    if not versions:
        raise UnknownMerchant(merchant_id, "no settings")
    version, since = max((row for row in versions if row[1] <= at), default=(None, 0))
    if version is None:
        return NOTHING
    ((document,),) = rows(cursor, _DOCUMENT, merchant_no=merchant_no, version=version)
    rules = compile_settings(document_of(document), since)
    installs = tuple(rows(cursor, _INSTALLS, merchant_no=merchant_no))
    return InForce(version, rules, feature_in_force(rules, installs, at))
