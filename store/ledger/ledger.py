"""The ledger opened, changed and written: the only way to points (I2-I4, I8).

    ledger = Ledger.open(cursor, intents, now, merchant_id)   locks, posts what is overdue
    …operations of rules.account on ledger.accounts…          pure
    ledger.write()                                            balances, lots, entries, events

Most batches are grants, which need nothing read beforehand: one sorted upsert locks the accounts,
adds, and returns what was there. Lots are read, and accounts written a second time, only where
something is taken or has fallen due.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Self
from weakref import WeakSet

from rules.account.holds import HoldState
from rules.account.lots_needed import Intent, LotsNeeded, lots_needed
from rules.account.overdue import post_overdue
from schemas.ids import Micros
from store.ledger import accounts as account_rows
from store.ledger import entries as entry_rows
from store.ledger import figures
from store.ledger import holds as hold_rows
from store.ledger import lots as lot_rows
from store.ledger import redemptions as redemption_rows
from store.ledger.accounts import AccountKey, Intents, LockedAccount
from store.ledger.holds import HoldIds, HoldKey
from store.ledger.redemptions import Figures, RedemptionKey
from store.postgres.session import Cursor
from store.postgres.together import Writes
from store.streams.outbox import Pack, add_packs, packs_of_events


class LedgerMisused(RuntimeError):
    """The ledger was used in a way that would break its invariants: a mistake in the program."""


class AskedAhead(NamedTuple):
    """Accounts whose lock and free lots were asked for before it is known what to do with them."""

    accounts: Collection[AccountKey]
    locked: Cursor
    lots: lot_rows.StoredLots

    @classmethod
    def ask(cls, cursor: Cursor, accounts: Collection[AccountKey]) -> Self:
        """To be sent together with other statements; the only lock of accounts in a transaction."""
        ahead = cls(accounts, account_rows.ask_known(cursor, accounts), lot_rows.StoredLots(cursor))
        ahead.lots.ask_ahead(accounts)
        return ahead

    def serves(self, intents: Intents, makes: Collection[AccountKey] | None) -> bool:
        """Whether these are the accounts that are to be opened, and nothing else is needed."""
        return makes is not None and not makes and intents.keys() == set(self.accounts)


# A cursor lives as long as its transaction (store.postgres.session.transaction).
_opened: WeakSet[Cursor] = WeakSet()


class Ledger:
    """Some accounts, locked by this transaction until it ends.

    `accounts` are in the order in which they were asked for, with all lots, holds and redemptions
    in hand that the intents need.
    """

    def __init__(self, cursor: Cursor, accounts: Mapping[AccountKey, LockedAccount]) -> None:
        """See `open`."""
        self._cursor = cursor
        self._written = False
        self._slow = [locked for locked in accounts.values() if locked.needs_lots]
        self._holds_before: Mapping[HoldKey, HoldState] = {}
        self._redemptions_before: Mapping[RedemptionKey, Figures] = {}
        self.accounts = accounts

    @classmethod
    def open(
        cls,
        cursor: Cursor,
        intents: Intents,
        now: Micros,
        merchant_id: Callable[[int], str],
        *,
        makes: Collection[AccountKey] | None = None,
        hold_ids: HoldIds | None = None,
        ahead: AskedAhead | None = None,
    ) -> Self:
        """Lock accounts, bring the lots in hand that the intents need, post what is overdue.

        Accounts of which only grants are intended have no lots: exactly these grants must follow.
        Of accounts that do not exist those of `makes` are made, or all unless it is given; the
        others are not among `accounts`. `hold_ids` are known to be used up, besides those that are
        read here. `ahead` is used where it serves.

        Raises LedgerMisused for the second one in a transaction: locks that are taken in two steps
        are in no order, and deadlock.
        """
        if cursor in _opened:
            raise LedgerMisused("the ledger was opened in this transaction before")
        _opened.add(cursor)
        lots, asked, behind = None, None, None
        if _only_take(intents):
            if ahead is not None and ahead.serves(intents, makes):
                _, asked, lots = ahead
            else:
                lots = lot_rows.StoredLots(cursor)
                behind = partial(lots.ask_ahead, intents)
        locked = (
            account_rows.lock(cursor, intents, now, merchant_id, makes, behind, asked)
            if intents
            else {}
        )
        ledger = cls(cursor, locked)
        if ledger._slow:
            wanted = [(account, intents[key]) for key, account in locked.items()]
            ledger._load(wanted, now, hold_ids, lots or lot_rows.StoredLots(cursor))
        return ledger

    def _load(
        self,
        accounts: Sequence[tuple[LockedAccount, Sequence[Intent]]],
        now: Micros,
        hold_ids: HoldIds | None,
        lots: lot_rows.LotTable,
    ) -> None:
        """Bring in hand what is intended with accounts whose lots are needed; post what is due."""
        slow = [(locked, intents) for locked, intents in accounts if locked.needs_lots]
        self._holds_before = hold_rows.load(
            self._cursor,
            [(locked, {i.hold_id for i in some if i.hold_id is not None}) for locked, some in slow],
            now,
            hold_ids,
        )
        self._redemptions_before = redemption_rows.load(
            self._cursor,
            [
                (locked, {i.redeemed_on for i in some if i.redeemed_on is not None})
                for locked, some in slow
            ],
        )
        needed = [(locked, _lots_needed(locked, some)) for locked, some in slow]
        lot_rows.load(lots, needed, now, lot_rows.PAGE)
        for locked in self._slow:
            post_overdue(locked)

    def write(self, also: Sequence[Pack] = (), by: Writes | None = None) -> int:
        """Write all that changed, and the events into the outbox; how many entries there are.

        `also` goes into the outbox behind them, with the same statement. All statements go to `by`
        where it is given, which carries them out later: of intended grants none may be fresh then.

        Raises HoldRace, and
        LedgerMisused when it was written before, or when other than the intended grants were posted
        on an account that was opened for grants alone.
        """
        if self._written:
            raise LedgerMisused("the ledger was written before")
        self._written = True
        accounts = list(self.accounts.values())
        for locked in accounts:
            if not locked.needs_lots and locked.account.sequence != locked.promised:
                raise LedgerMisused("an account was opened for other grants than were posted")
        by = self._cursor if by is None else by
        count = entry_rows.write(by, accounts)
        lot_rows.add(by, accounts)
        if self._slow:
            figures.write(by, self._slow, self._holds_before)
            hold_rows.write(by, self._slow, self._holds_before)
            redemption_rows.write(by, self._slow, self._redemptions_before)
        add_packs(by, [*packs_of_events(entry_rows.events_of(accounts)), *also])
        return count


def _only_take(intents: Intents) -> bool:
    """Whether free lots are all that is needed, whichever they are: so it is for most holds."""
    return bool(intents) and all(
        some
        and all(i.points < 0 and not i.lot and not i.hold_id and not i.redeemed_on for i in some)
        for some in intents.values()
    )


def _lots_needed(locked: LockedAccount, intents: Sequence[Intent]) -> LotsNeeded:
    """The lots of what is intended, and those of the holds and redemptions in hand."""
    account = locked.account
    redeemed = sum(one.out for some in account.redemptions.values() for one in some)
    needed = lots_needed(intents, account.available + account.held + redeemed)
    for hold in account.holds.values():
        if hold.is_live:
            needed.name(hold.lots)
    for redemptions in account.redemptions.values():
        for redemption in redemptions:
            needed.name(redemption.lots)
    return needed


def post_all_overdue(
    cursor: Cursor, limit: int, now: Micros, merchant_id: Callable[[int], str]
) -> int:
    """Post what is overdue on up to `limit` accounts that nothing touches; how many there were."""
    keys = account_rows.claim_overdue(cursor, now, limit)
    Ledger.open(cursor, dict.fromkeys(keys, ()), now, merchant_id, makes=()).write()
    return len(keys)
