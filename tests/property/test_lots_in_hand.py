"""Reading lots no further than needed changes no answer: against accounts with all of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.account.account import Account, Moved, claw_back, grant, next_expiry
from rules.account.entries import OpenAccount
from rules.account.lots import Lot, LotKey, SourceKind
from rules.account.lots_needed import Intended, lots_needed
from rules.account.overdue import post_overdue
from schemas.ids import NEVER, Micros
from store.ledger.accounts import LockedAccount
from store.ledger.lots import Row, load
from tests.support.account.in_hand import open_account

keys = st.builds(
    LotKey,
    st.sampled_from([10, 20, 30, NEVER]),
    st.sampled_from([SourceKind.order, SourceKind.command]),
    st.sampled_from([b"a", b"b", b"c"]),
    st.just(1),
)
earlier = st.dictionaries(keys, st.integers(1, 3), min_size=6, max_size=24)


named = st.builds(Intended, st.integers(-5, 3).filter(bool), keys)
anywhere = st.builds(Intended, st.integers(-5, -1))
whole_or_nothing = st.builds(Intended, st.integers(-60, -1), is_whole=st.just(True))
intents = st.one_of(named, named, anywhere, whole_or_nothing)
batches = st.lists(st.lists(intents, max_size=4), max_size=5)
clocks = st.lists(st.sampled_from([0, 0, 0, 10]), min_size=5, max_size=5)


@dataclass
class Table:
    """A table of lots in memory, of one account."""

    lots: dict[LotKey, Lot] = field(default_factory=dict)

    def read(
        self,
        named: Sequence[tuple[int, LotKey]],
        accounts: Sequence[tuple[int, Micros, int]],
        now: Micros,
    ) -> Iterable[Row]:
        for _, key in named:
            if key in self.lots:
                yield self._row(1, key)
        for _, from_, limit in accounts:
            free = [key for key in self._free() if key.expires_at >= from_]
            yield from (self._row(2, key) for key in free if key.expires_at <= now)
            yield from [self._row(3, key) for key in free if key.expires_at > now][:limit]

    def read_more(self, behind: Sequence[tuple[int, LotKey]], limit: int) -> Iterator[Row]:
        for _, last in behind:
            yield from [self._row(3, key) for key in self._free() if key > last][:limit]

    def _free(self) -> list[LotKey]:
        return sorted(key for key, lot in self.lots.items() if lot.free)

    def _row(self, part: int, key: LotKey) -> Row:
        lot = self.lots[key]
        return part, 1, *key, lot.points, lot.remaining, lot.held, lot.expired


def take(account: Account, points: int) -> Moved:
    """Take up to so many free points, soonest to expire first; hold those that are odd."""
    moved: list[tuple[LotKey, int]] = []
    left = min(points, account.available)
    for key in sorted(account.lots):
        lot = account.lots[key]
        part = min(left, lot.free)
        if part:
            lot.held += part % 2
            lot.remaining -= part - part % 2
            account.held += part % 2
            moved.append((key, -part))
        left -= part
    account.available -= min(points, account.available)
    return Moved(-points, tuple(moved))


def run(opened: OpenAccount, steps: Sequence[Intended]) -> list[Moved]:
    """What the steps move on an account, after what was overdue."""
    post_overdue(opened)
    moved = [entry.moved for entry in opened.entries]
    for step in steps:
        lot, points = step.lot, step.points
        if step.is_whole and -points > opened.account.available:
            continue
        if lot is None:
            moved.append(take(opened.account, -points))
        elif points > 0:
            moved.append(grant(opened.account, lot, points))
        else:
            moved.append(claw_back(opened.account, lot, -points))
    return moved


def figures(account: Account) -> tuple[int, int, int]:
    return account.available, account.held, account.debt


@settings(max_examples=400)
@given(earlier, batches, clocks, st.integers(1, 3))
def test_an_account_with_the_lots_it_needs_does_what_one_with_all_lots_does(
    lots: dict[LotKey, int], todo: list[list[Intended]], advances: list[int], page: int
) -> None:
    whole, table, now = open_account(), Table(), 0
    for key, points in lots.items():
        grant(whole.account, key, points)
        table.lots[key] = Lot(points, points)
    soonest = next_expiry(whole.account)
    for steps, advance in zip(todo, advances, strict=False):
        now += advance
        before = whole.account
        locked = LockedAccount(
            merchant_id="shop",
            member_id="anna",
            account=Account(before.sequence, *figures(before)),
            entries=[],
            now=now,
            recorded_at=now,
            hold_ids=set(),
            account_no=1,
            merchant_no=1,
            needs_lots=True,
            promised=0,
            next_expiry=soonest,
            next_timeout=NEVER,
            read={},
        )
        whole.entries.clear()
        whole.now = now
        load(table, [(locked, lots_needed(steps, before.available))], now, page)
        assert run(locked, steps) == run(whole, steps)
        assert figures(locked.account) == figures(whole.account)
        # As a write does it: what is in hand replaces what the table has.
        table.lots |= {key: replace(lot) for key, lot in locked.account.lots.items()}
        assert {k: lot for k, lot in table.lots.items() if lot.points} == whole.account.lots
        soonest = next_expiry(locked.account)
        assert soonest == next_expiry(whole.account)
