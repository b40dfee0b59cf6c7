"""Commands that were answered (account.md 3), and what deciding them needs besides the ledger."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from schemas.commands.results import Answer
from schemas.ids import Micros
from store.ledger.accounts import AccountKey
from store.ledger.holds import HoldKey
from store.orders.orders import OrderKey
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

CommandKey = tuple[int, bytes]
"""(merchant number, command id in UTF-8)."""
_KEY: Final = Columns(tables.command, "merchant_no", "command_id")
_ROW: Final = Columns(tables.command, *tables.command.c.keys())
_ACCOUNT: Final = Columns(tables.account, "merchant_no", "member")
_HOLD: Final = Columns(tables.hold, "merchant_no", "hold_id")
_ORDER: Final = Columns(tables.orders, "merchant_no", "order_id")
_SQL: Final = queries(
    "ledger/commands", key=_KEY, row=_ROW, account=_ACCOUNT, hold=_HOLD, order=_ORDER
)


class CommandRace(Exception):
    """Another transaction answered one of the commands at the same time.

    The transaction must be rolled back and done once more: then it finds that answer.
    """


class Answered(NamedTuple):
    """What is kept of a command: the fingerprint of its content, and the answer."""

    fingerprint: bytes
    answer: Answer


class Seen(NamedTuple):
    """An account as it is without locking it: its balance, and when something falls due on it."""

    balance: tuple[int, int, int]
    due_at: Micros


def known(cursor: Cursor, keys: Collection[CommandKey]) -> dict[CommandKey, Answered]:
    """Those of some commands that were answered before."""
    if not keys:
        return {}
    cursor.execute(_SQL["known"], _KEY.arrays(keys), binary=True)
    return {
        (merchant_no, command_id): Answered(fingerprint, Answer.restored(answer))
        for merchant_no, command_id, fingerprint, answer in cursor.fetchall()
    }


def remember(cursor: Cursor, answers: Mapping[CommandKey, Answered]) -> None:
    """Keep answers for ever (I5). Raises CommandRace when one of them was answered meanwhile."""
    if not answers:
        return
    rows = [
        (*key, answered.fingerprint, answered.answer.stored())
        for key, answered in sorted(answers.items(), key=_by_key)
    ]
    cursor.execute(_SQL["remember"], _ROW.arrays(rows))
    if cursor.rowcount != len(rows):
        raise CommandRace


def _by_key(item: tuple[CommandKey, Answered]) -> CommandKey:
    return item[0]


def balances(cursor: Cursor, keys: Collection[AccountKey]) -> dict[AccountKey, Seen]:
    """Those of some accounts that exist, unlocked."""
    if not keys:
        return {}
    cursor.execute(_SQL["balances"], _ACCOUNT.arrays(keys), binary=True)
    return {
        (merchant_no, member): Seen((available, held, debt), due_at)
        for merchant_no, member, available, held, debt, due_at in cursor.fetchall()
    }


def known_holds(cursor: Cursor, keys: Collection[HoldKey]) -> set[HoldKey]:
    """Those of some hold ids that the merchant knows, whichever member's."""
    if not keys:
        return set()
    cursor.execute(_SQL["known_holds"], _HOLD.arrays(keys), binary=True)
    return {(merchant_no, hold_id) for merchant_no, hold_id in cursor.fetchall()}


def lock_orders(cursor: Cursor, keys: Iterable[OrderKey]) -> None:
    """Lock those of some orders that exist: orders come before accounts, everywhere."""
    wanted: Sequence[OrderKey] = sorted(set(keys))
    if wanted:
        cursor.execute(_SQL["lock_orders"], _ORDER.arrays(wanted))
