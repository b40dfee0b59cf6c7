"""Whose creation an order is judged by (rules.md 1.7)."""

import pytest

from rules.order.facts import UNSEEN, OrderFacts
from rules.order.family import (
    MOST_GENERATIONS,
    Ancestor,
    FamilyRecord,
    creation_of,
    is_own_ancestor,
)
from rules.order.folding import fold_family, fold_heard
from rules.order.trail import Version
from tests.support.story import story


def known(**orders: Ancestor) -> dict[tuple[int, bytes], Ancestor]:
    return {(1, name.encode()): one for name, one in orders.items()}


def judged(name: bytes, orders: dict[tuple[int, bytes], Ancestor]) -> tuple[bytes, bytes]:
    """The root, and the order it is bound as."""
    found = creation_of((1, name), orders)
    return (name, name) if found is None else (found.root, found.bound_as)


def test_a_split_child_is_judged_by_its_root_as_far_as_that_is_known() -> None:
    orders = known(a=Ancestor(1), b=Ancestor(2, parent=b"a"), c=Ancestor(3, parent=b"b"))
    assert judged(b"c", orders) == (b"a", b"a")
    del orders[1, b"a"]
    assert judged(b"c", orders) == (b"b", b"b")
    del orders[1, b"b"]
    assert judged(b"c", orders) == (b"c", b"c")


@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_orders_whose_parents_go_round_are_judged_by_themselves(length: int) -> None:
    names = [b"%c" % (97 + n) for n in range(length)]
    orders = {(1, name): Ancestor(n, parent=names[n - 1]) for n, name in enumerate(names)}
    assert [judged(name, orders) for name in names] == [(name, name) for name in names]
    assert all(is_own_ancestor((1, name), orders) for name in names)
    orders[1, b"z"] = Ancestor(99, parent=b"a")
    assert judged(b"z", orders) == (b"a", b"a")


def test_of_orders_that_each_name_the_one_before_so_many_generations_count() -> None:
    """Whichever of them are known besides: batches come in any size."""
    names = [b"%d" % n for n in range(3 * MOST_GENERATIONS)]
    chain = {
        (1, name): Ancestor(n, parent=before, sources=(before,) if before else ())
        for n, (name, before) in enumerate(zip(names, [b"", *names], strict=False))
    }
    root = names[-1 - MOST_GENERATIONS]
    oldest = names[-1 - 2 * MOST_GENERATIONS]
    assert judged(names[-1], chain) == (root, oldest)
    near = dict(list(chain.items())[-1 - 2 * MOST_GENERATIONS :])
    assert judged(names[-1], near) == (root, oldest)
    assert judged(names[MOST_GENERATIONS], chain) == (names[0], names[0])


def test_a_combined_order_is_bound_as_its_oldest_ancestor_and_so_are_its_children() -> None:
    orders = known(
        p=Ancestor(1),
        a=Ancestor(7, parent=b"p"),
        b=Ancestor(3),
        c=Ancestor(9, sources=(b"a", b"b", b"unknown")),
        d=Ancestor(10, parent=b"c"),
    )
    assert judged(b"c", orders) == (b"c", b"p")
    assert judged(b"d", orders) == (b"c", b"p")
    orders[1, b"b"] = Ancestor(3, sources=(b"c",))
    assert judged(b"c", orders) == (b"c", b"c")


def test_of_the_family_the_newest_record_that_names_it_counts() -> None:
    facts = OrderFacts(settings_no=1)
    fold_family(facts, FamilyRecord(parent=b"p"), Version(3))
    assert (facts.origin.parent, facts.settings_no) == (b"p", UNSEEN)
    fold_family(facts, FamilyRecord(combined_to=b"c"), Version(5))
    fold_family(facts, FamilyRecord(parent=b"q"), Version(2))
    assert (facts.origin.parent, facts.origin.combined_to) == (b"p", b"c")
    fold_family(facts, FamilyRecord(parent=b"", combined_to=b""), Version(6))
    assert (facts.origin.parent, facts.origin.combined_to) == (b"", b"")


def test_the_earliest_timestamp_and_the_lowest_version_bind() -> None:
    told = story("arrived")
    created = told.facts.record.created_at if told.facts.record else 0
    fold_heard(told.facts, 50)
    told.facts.settings_no = 1
    fold_heard(told.facts, 60)
    assert told.facts.settings_no == 1
    fold_heard(told.facts, 40)
    assert (told.facts.origin.heard_at, told.facts.settings_no) == (40, UNSEEN)
    told.facts.settings_no = 1
    told.order("11-28", created_at=created - 9)
    assert told.facts.record is not None
    assert (told.facts.record.created_at, told.facts.settings_no) == (created - 9, UNSEEN)
    told.order("12-30", created_at=created)
    assert told.facts.record.created_at == created - 9


def test_an_order_combined_into_another_counts_as_cancelled_also_where_that_is_kept() -> None:
    told = story("arrived", on_return="keep")
    told.until("12-20")
    fold_family(told.facts, FamilyRecord(combined_to=b"c"), Version(told.now))
    told.settle()
    assert told.history == [("granted", 100), ("clawed_back", -100)]
    assert (told.state, told.decided.reason) == ("withdrawn", "combined")
