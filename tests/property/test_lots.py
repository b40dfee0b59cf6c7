"""I2 and I8 for any sequence of grants, clawbacks, expiries, and of spending and holds."""

from hypothesis import given
from hypothesis import strategies as st

from rules.account.account import Account, Moved, claw_back, grant, lapse, lapsed, next_expiry
from rules.account.lots import LotKey, order_lot
from schemas.ids import NEVER

keys = st.builds(
    order_lot,
    st.sampled_from([10, 20, 30, NEVER]),
    st.sampled_from([b"a", b"b", b"c"]),
    st.integers(1, 2),
)
amounts = st.integers(1, 50)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), keys, amounts),
        st.tuples(st.just("claw"), keys, amounts),
        st.tuples(st.just("time"), st.sampled_from([10, 20, 30]), st.just(0)),
        st.tuples(st.just("spend"), st.just(0), amounts),
        st.tuples(st.just("hold"), st.just(0), amounts),
        st.tuples(st.just("release"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


def spend(account: Account, points: int) -> int:
    """Takes up to so many free points, soonest to expire first."""
    left = points
    for _, lot in sorted(account.lots.items()):
        part = min(left, lot.free)
        lot.remaining -= part
        left -= part
    account.available -= points - left
    return points - left


def hold(account: Account, points: int) -> None:
    """Reserves up to so many free points."""
    for _, lot in sorted(account.lots.items()):
        part = min(points, lot.free)
        lot.held += part
        points -= part
        account.available -= part
        account.held += part


def release(account: Account) -> int:
    """Frees what is held; debt is paid from it first."""
    freed = account.held
    for lot in account.lots.values():
        part = min(account.debt, lot.held)
        lot.remaining -= part
        account.debt -= part
        account.held -= part
        lot.held -= part
        account.available += lot.held
        account.held -= lot.held
        lot.held = 0
    return freed


def check(account: Account, posted: int) -> None:
    assert min(account.available, account.held, account.debt) >= 0
    assert account.available == 0 or account.debt == 0  # I8
    assert account.available + account.held - account.debt == posted  # I2
    assert account.available + account.held == sum(lot.remaining for lot in account.lots.values())
    assert account.held == sum(lot.held for lot in account.lots.values())
    assert all(0 <= lot.held <= lot.remaining <= lot.points for lot in account.lots.values())
    free = [key.expires_at for key, lot in account.lots.items() if lot.free]
    assert next_expiry(account) == min(free, default=NEVER)


def check_taken(before: dict[LotKey, int], own: LotKey, moved: Moved) -> None:
    """Own lot first, then FEFO: a lot is touched only when all before it were emptied."""
    taken = {key: -points for key, points in moved.lots}
    line = sorted(before, key=lambda key: (key != own, key))
    emptied = [taken.get(key, 0) == before[key] for key in line]
    touched = [index for index, key in enumerate(line) if taken.get(key)]
    assert all(emptied[: max(touched, default=0)])
    assert sum(taken.values()) == min(-moved.points, sum(before.values()))


@given(steps)
def test_an_account_adds_up_after_every_step(todo: list[tuple[str, int | LotKey, int]]) -> None:
    account, posted, now = Account(), 0, 0
    for kind, what, points in todo:
        if kind == "time" and isinstance(what, int):
            now = max(now, what)
        for key in lapsed(account, now):
            posted += lapse(account, key).points
        if isinstance(what, LotKey) and kind == "grant":
            posted += grant(account, what, points).points
        elif isinstance(what, LotKey):
            before = {key: lot.free for key, lot in account.lots.items()}
            moved = claw_back(account, what, points)
            check_taken(before, what, moved)
            posted += moved.points
        elif kind == "spend":
            posted -= spend(account, points)
        elif kind == "hold":
            hold(account, points)
        elif kind == "release":
            release(account)
        check(account, posted)


@given(st.lists(amounts, min_size=1, max_size=10), amounts)
def test_points_pay_debt_before_anything_of_them_can_be_spent(grants: list[int], debt: int) -> None:
    account = Account()
    claw_back(account, order_lot(10, b"a", 1), debt)
    assert account.debt == debt
    for number, points in enumerate(grants):
        grant(account, order_lot(20, b"b", number), points)
    total = sum(grants)
    assert (account.available, account.debt) == (max(0, total - debt), max(0, debt - total))
