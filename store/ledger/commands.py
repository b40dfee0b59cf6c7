"""Commands that were answered (account.md 3), and what deciding them needs besides the ledger."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from schemas.commands.results import Answer
from schemas.ids import Micros
from store.ledger.accounts import AccountKey
from store.ledger.holds import HoldIds, HoldKey
from store.orders.orders import OrderKey
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Answer as Asked
from store.postgres.session import Cursor, raw
from store.postgres.together import Writes, races

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


Known = tuple[dict[CommandKey, Answered], HoldIds]
"""Those of some commands that were answered before, and those of some hold ids that are known.

A hold's id is the merchant's, whichever member has it.
"""


def known(cursor: Cursor, keys: Collection[CommandKey], holds: Collection[HoldKey] = ()) -> Known:
    """What is known of some commands' keys and of some hold ids."""
    return ask_known(cursor, keys, holds)() if keys else ({}, {})


def hold_ids(cursor: Cursor, holds: Collection[HoldKey]) -> HoldIds:
    """Those of some hold ids that are known now."""
    return ask_known(cursor, (), holds)()[1] if holds else {}


def ask_known(
    cursor: Cursor, keys: Collection[CommandKey], holds: Collection[HoldKey]
) -> Asked[Known]:
    """Asks what `known` says, which is there later."""
    asked = raw(cursor.connection)
    parameters = [
        *_KEY.arrays_of(_by_column("command_id", keys)),
        *_HOLD.arrays_of(_by_column("hold_id", holds)),
    ]
    asked.execute(_SQL["known"], parameters, binary=True)
    return partial(_known, asked)


def _known(asked: Cursor) -> Known:
    answered: dict[CommandKey, Answered] = {}
    hold_ids: HoldIds = {}
    for merchant_no, name, fingerprint, answer in asked.fetchall():
        if fingerprint is None:
            hold_ids.setdefault(merchant_no, set()).add(name)
        else:
            answered[merchant_no, name] = Answered(fingerprint, Answer.restored(answer))
    return answered, hold_ids


def _by_column(name: str, keys: Collection[tuple[int, bytes]]) -> dict[str, Sequence[Any]]:
    return {
        "merchant_no": [merchant_no for merchant_no, _ in keys],
        name: [own for _, own in keys],
    }


def remember(cursor: Writes, answers: Mapping[CommandKey, Answered]) -> None:
    """Keep answers for ever (I5). Raises CommandRace when one of them was answered meanwhile."""
    if not answers:
        return
    rows = [
        (*key, answered.fingerprint, answered.answer.stored())
        for key, answered in sorted(answers.items(), key=_by_key)
    ]
    with races(command=CommandRace):
        cursor.execute(_SQL["remember"], _ROW.arrays(rows))


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


def lock_orders(cursor: Cursor, keys: Iterable[OrderKey]) -> None:
    """Lock those of some orders that exist: orders come before accounts, everywhere."""
    wanted: Sequence[OrderKey] = sorted(set(keys))
    if wanted:
        cursor.execute(_SQL["lock_orders"], _ORDER.arrays(wanted))
