"""Customers, applications, split orders and first settings, in any order of events.

They may come before, with or long after the orders they concern.
"""

from collections.abc import Iterator
from itertools import pairwise

import orjson
import pytest

from processors.intake import customer_events
from rules.order.membership import (
    Buyer,
    MemberStatement,
    changed_between,
    not_yet_a_member,
    with_statement,
)
from rules.order.trail import Version
from store.streams.outbox import events_of
from tests.support.batches import APPLICATION, Shop, open_shop
from tests.support.in_memory import at
from tests.support.order_facts import (
    ARRIVED,
    MEMBER,
    ORDER,
    OTHER_MEMBER,
    Event,
    Json,
    day,
    delivery,
    envelope,
    order,
    settings,
    some_id,
)
from tests.support.servers import Databases

DUE: Json = {"pending_days": 0, "expiry": {"kind": "never"}}
THREE_POINTS: Json = DUE | {"rules": [{"unit_price": 10, "points_per_unit": 3}]}
APP: Json = {"plan": "enterprise", "app_installed": True, "modules": []}


@pytest.fixture
def shop(postgres: Databases) -> Iterator[Shop]:
    with open_shop(postgres) as opened:
        opened.settings(settings(earn=DUE, entitlement=APP))
        opened.work_off()
        yield opened


def customer(updated: str, *, member: str = MEMBER, **said: Json) -> Event:
    return envelope("user/update", {"id": member, "updated_at": updated} | said)


def application(topic: str, at: str, application_id: str = APPLICATION) -> Event:
    own = {"application/install": "created_at", "application/uninstall": "deleted_at"}[topic]
    return envelope(topic, {"application_id": application_id, own: at, "updated_at": at})


def bought(**fields: Json) -> Event:
    """An order of 29 November 2024 worth 100 points, arrived."""
    return order(**(ARRIVED | fields))


# Customers.


def test_a_registration_after_the_order_takes_a_grant_back_and_a_correction_gives_back(
    shop: Shop,
) -> None:
    shop.consume(bought())
    assert shop.points() == 100
    shop.consume(customer(day("12-02"), registered_at=day("11-30")))
    shop.work_off()
    assert shop.points() == 0
    shop.consume(customer(day("12-03"), registered_at=day("11-28")))
    shop.work_off()
    assert shop.points() == 100
    assert shop.history() == [("granted", 100), ("clawed_back", -100), ("granted", 100)]
    causes = shop.rows("SELECT cause, cause_id IS NULL, occurred_us FROM ledger ORDER BY sequence")
    assert causes[1:] == [(3, False, at(day("12-02"))), (3, False, at(day("12-03")))]


def test_a_customer_heard_before_the_order_is_looked_up_with_it(shop: Shop) -> None:
    shop.consume(
        customer(day("12-02"), registered_at=day("11-30")),
        customer(day("12-02"), member=OTHER_MEMBER, is_member=False),
    )
    shop.work_off()
    shop.consume(bought(), bought(order_id=some_id("second"), member=OTHER_MEMBER))
    assert (shop.points(), shop.points(OTHER_MEMBER)) == (0, 0)
    assert shop.work_off() == 0


def test_somebody_known_not_to_be_a_member_loses_all_and_gets_all_back_when_registered_before(
    shop: Shop,
) -> None:
    shop.consume(*[bought(order_id=some_id(f"order {n}")) for n in range(3)])
    shop.consume(customer(day("12-02"), is_member=False))
    shop.work_off()
    assert shop.points() == 0
    # The first word on it holds for the time before as well; a later one only from then on.
    shop.consume(customer(day("12-03"), is_member=True))
    shop.work_off()
    assert shop.points() == 0
    shop.consume(customer(day("12-04"), registered_at=day("11-01")))
    shop.work_off()
    assert shop.points() == 300


def test_who_leaves_or_is_removed_keeps_what_he_earned_and_earns_no_more(shop: Shop) -> None:
    shop.consume(bought())
    shop.consume(customer(day("12-02"), is_member=True, registered_at=day("11-01")))
    shop.consume(envelope("user/remove", {"id": MEMBER, "updated_at": day("12-03")}))
    shop.work_off()
    assert shop.points() == 100
    shop.consume(bought(order_id=some_id("later"), created=day("12-04")))
    assert shop.points() == 100
    shop.consume(customer(day("12-05"), is_member=True, registered_at=day("12-04")))
    shop.work_off()
    assert shop.points() == 200


def test_a_sign_in_that_lacks_the_registration_does_not_undo_it(shop: Shop) -> None:
    shop.consume(customer(day("12-02"), is_member=True, registered_at=day("11-30")), bought())
    shop.work_off()
    assert shop.points() == 0
    shop.consume(customer(day("12-03"), is_member=True))
    shop.consume(customer(day("12-04"), is_member=True, registered_at=None))
    shop.work_off()
    assert shop.points() == 0


def test_an_older_customer_record_is_kept_and_a_repeat_is_a_duplicate(shop: Shop) -> None:
    newest = customer(day("12-03"), registered_at=day("11-28"))
    counts = shop.consume(newest, newest, customer(day("12-02"), is_member=False))
    assert (counts.applied, counts.duplicate, counts.ignored) == (2, 1, 0)
    counts = shop.consume(customer(day("12-02"), is_member=False), newest)
    assert (counts.applied, counts.duplicate, counts.reasons) == (0, 2, {})
    shop.work_off()
    shop.consume(bought())
    assert shop.points() == 100


def test_a_customer_record_that_can_change_no_order_asks_for_nothing_or_touches_none(
    shop: Shop,
) -> None:
    shop.consume(bought())
    shop.consume(customer(day("12-02"), is_member=True))
    assert shop.queued() == 0
    shop.consume(customer(day("12-03"), is_member=True, registered_at=day("11-01")))
    assert shop.queued() == 1
    written = shop.rows("SELECT xmin::text, xmax::text FROM orders")
    assert shop.turn().tally.claimed == 0
    assert shop.queued() == 0
    assert shop.rows("SELECT xmin::text, xmax::text FROM orders") == written
    shop.consume(customer(day("12-04"), is_member=True, registered_at=day("11-01")))
    assert shop.queued() == 0


def test_only_orders_on_which_the_old_and_the_new_word_differ_are_looked_at(shop: Shop) -> None:
    days = [10, 15, 20, 25]
    shop.consume(*[bought(order_id=some_id(f"order {n}"), created=day(f"11-{n}")) for n in days])
    shop.consume(customer(day("12-02"), registered_at=day("11-12")))
    assert shop.turn().tally.claimed == 1
    shop.consume(customer(day("12-03"), registered_at=day("11-22")))
    assert shop.turn().tally.claimed == 0  # the first one's mark is used up
    assert shop.turn().tally.claimed == 2
    shop.work_off()
    assert shop.points() == 100


def said_at(when: int, *, is_member: bool | None = None, registered: int | None = None) -> Buyer:
    return Buyer((MemberStatement(Version(when), is_member, registered),))


@pytest.mark.parametrize(
    "before",
    [
        Buyer(),
        said_at(6, is_member=True),
        said_at(6, is_member=False),
        said_at(6, registered=5),
        said_at(2, is_member=False, registered=7),
    ],
)
@pytest.mark.parametrize("is_member", [None, True, False])
@pytest.mark.parametrize("removal", [True, False])
@pytest.mark.parametrize("registered", [None, 4, 8])
def test_the_orders_asked_for_are_all_those_whose_verdict_differs(
    before: Buyer, registered: int | None, *, is_member: bool | None, removal: bool
) -> None:
    for when in range(9):
        said = MemberStatement(Version(when), is_member, registered, removal)
        after = with_statement(before, said)
        span = changed_between(before, after)
        differ = [
            created
            for created in range(-9, 12)
            if not_yet_a_member(before, created) != not_yet_a_member(after, created)
        ]
        if span is None:
            assert differ == []
        else:
            assert all(span[0] <= created < span[1] for created in differ)


def test_the_entitlement_moves_with_the_member_and_is_judged_by_the_new_ones_registration(
    shop: Shop,
) -> None:
    shop.consume(customer(day("12-02"), member=OTHER_MEMBER, registered_at=day("11-30")))
    shop.consume(bought(updated=day("12-01 16:00")))
    assert shop.points() == 100
    shop.consume(bought(member=OTHER_MEMBER, updated=day("12-02")))
    assert (shop.points(), shop.points(OTHER_MEMBER)) == (0, 0)
    shop.consume(customer(day("12-03"), member=OTHER_MEMBER, registered_at=day("11-28")))
    shop.work_off()
    assert (shop.points(), shop.points(OTHER_MEMBER)) == (0, 100)
    # What is heard of the old member concerns the order no more.
    shop.consume(customer(day("12-03"), is_member=False))
    shop.work_off()
    assert shop.points(OTHER_MEMBER) == 100


# Split orders.


@pytest.fixture
def versions(shop: Shop) -> Shop:
    """A second version with three points for one since 29 November, 8:00."""
    shop.settings(settings(earn=THREE_POINTS, entitlement=APP, effective=day("11-29 08:00")))
    return shop


PARENT, GRANDPARENT = some_id("parent"), some_id("grandparent")
LATER = day("11-29 09:00")


def test_a_child_is_bound_as_its_parent_also_in_one_batch(versions: Shop) -> None:
    versions.consume(order(order_id=PARENT), bought(created=LATER, parent_order_id=PARENT))
    versions.work_off()
    assert (versions.bound(PARENT), versions.bound(ORDER), versions.history()) == (
        1,
        1,
        [("granted", 100)],
    )


def test_a_child_heard_before_its_parent_is_bound_anew_and_its_lot_stays(versions: Shop) -> None:
    versions.consume(bought(created=LATER, parent_order_id=PARENT))
    versions.work_off()
    assert (versions.bound(ORDER), versions.points()) == (2, 300)
    versions.consume(order(order_id=PARENT))
    versions.work_off()
    assert (versions.bound(ORDER), versions.points()) == (1, 100)
    assert versions.history() == [("granted", 300), ("adjusted", -200)]
    assert versions.value("SELECT count(*) FROM lot") == 1


def test_a_grandchild_follows_when_the_parent_is_bound_anew(versions: Shop) -> None:
    versions.consume(bought(created=LATER, parent_order_id=PARENT))
    versions.consume(order(order_id=PARENT, created=LATER, parent_order_id=GRANDPARENT))
    versions.work_off()
    assert (versions.bound(PARENT), versions.bound(ORDER)) == (2, 2)
    versions.consume(order(order_id=GRANDPARENT))
    versions.work_off()
    assert [versions.bound(one) for one in (GRANDPARENT, PARENT, ORDER)] == [1, 1, 1]
    assert versions.points() == 100


@pytest.mark.parametrize("first", ["child", "ancestors"])
def test_what_was_uninstalled_between_a_split_order_and_its_children_changes_nothing_for_them(
    shop: Shop, first: str
) -> None:
    """The feature was in force at the creation by which the family was bound.

    See rules.md 1.7, 1.8.
    """
    shop.consume(application("application/uninstall", day("11-25")))
    child = bought(created=day("11-29"), parent_order_id=PARENT)
    ancestors = [
        order(order_id=PARENT, created=day("11-27"), parent_order_id=GRANDPARENT),
        order(order_id=GRANDPARENT, created=day("11-20")),
    ]
    for events in ([child], ancestors) if first == "child" else (ancestors, [child]):
        shop.consume(*events)
        shop.work_off()
    assert shop.points() == 100
    shop.consume(bought(order_id=some_id("no child"), created=day("11-29")))
    shop.work_off()
    assert shop.points() == 100


def test_three_generations_in_one_batch_and_the_youngest_first(versions: Shop) -> None:
    chain = [some_id(f"generation {n}") for n in range(6)]
    events = [
        bought(order_id=child, created=LATER, parent_order_id=parent)
        for parent, child in pairwise(chain)
    ]
    versions.consume(*reversed(events))
    versions.consume(order(order_id=chain[0], member=None))
    versions.work_off()
    assert {versions.bound(one) for one in chain} == {1}
    assert versions.points() == 500


def test_a_parent_that_is_bound_to_nothing_binds_its_child_to_nothing(versions: Shop) -> None:
    versions.consume(bought(created=LATER, parent_order_id=PARENT))
    versions.consume(order(order_id=PARENT, created="2018-05-05T00:00:00Z"))
    versions.work_off()
    assert (versions.bound(ORDER), versions.points()) == (0, 0)


def test_a_parent_of_which_only_a_delivery_is_known_binds_nobody_yet(versions: Shop) -> None:
    versions.consume(delivery("arrived", day("12-01"), order_id=PARENT))
    versions.consume(bought(created=LATER, parent_order_id=PARENT))
    versions.work_off()
    assert versions.bound(ORDER) == 2
    versions.consume(order(order_id=PARENT))
    versions.work_off()
    assert versions.bound(ORDER) == 1


@pytest.mark.parametrize("length", [2, 3, 7])
def test_orders_whose_parents_go_round_are_bound_each_by_its_own_creation_and_rest(
    versions: Shop, length: int
) -> None:
    round_ = [some_id(f"round {n}") for n in range(length)]
    events = [
        bought(
            order_id=one,
            created=day("11-29") if n == 0 else LATER,
            parent_order_id=round_[n - 1],
        )
        for n, one in enumerate(round_)
    ]
    versions.consume(*events)
    versions.work_off()
    entries = versions.value("SELECT count(*) FROM ledger")
    versions.consume(*events)
    versions.work_off()
    assert versions.queued() == 0
    assert [versions.bound(one) for one in round_] == [1] + [2] * (length - 1)
    assert versions.points() == 100 + 300 * (length - 1)
    assert versions.value("SELECT count(*) FROM ledger") == entries


def test_a_combined_order_is_bound_as_its_oldest_ancestor_whichever_comes_first(
    versions: Shop,
) -> None:
    sources = [some_id("source one"), some_id("source two")]
    whole = bought(order_id=some_id("whole"), created=LATER, combined_from_orders=sources)
    versions.consume(whole)
    assert (versions.bound(some_id("whole")), versions.points()) == (2, 300)
    for one, created in zip(sources, (LATER, day("11-29")), strict=True):
        versions.consume(
            bought(order_id=one, created=created, combined_to_order_id=some_id("whole"))
        )
    versions.work_off()
    assert (versions.bound(some_id("whole")), versions.points()) == (1, 100)


def test_a_split_child_has_tier_channel_and_membership_of_its_roots_creation(shop: Shop) -> None:
    rules = [
        {"unit_price": 10, "points_per_unit": 1},
        {"unit_price": 10, "points_per_unit": 3, "membership_tier_id": "gold"},
    ]
    shop.settings(settings(earn=DUE | {"rules": rules, "channels": ["ec"]}, effective=day("11-02")))
    shop.consume(customer(day("12-02"), registered_at=day("11-30")))
    child = bought(
        created=day("12-01"),
        parent_order_id=PARENT,
        membership_tier_data={"id": "gold"},
        created_by="shop",
    )
    shop.consume(child)
    shop.work_off()
    assert shop.points() == 300
    shop.consume(order(order_id=PARENT, created=day("11-30"), created_by="shop"))
    shop.work_off()
    assert shop.points() == 100
    shop.consume(
        order(order_id=PARENT, created=day("11-29"), updated=day("11-29"), created_by="shop")
    )
    shop.work_off()
    assert shop.points() == 0


# Applications.


def test_an_uninstall_heard_late_takes_back_what_was_created_after_it_and_an_install_gives_back(
    shop: Shop,
) -> None:
    shop.consume(
        bought(created=day("11-20")), bought(order_id=some_id("second"), created=day("11-29"))
    )
    assert shop.points() == 200
    counts = shop.consume(application("application/uninstall", day("11-25")))
    assert counts.applied == 1
    shop.work_off()
    assert shop.points() == 100
    assert shop.rows("SELECT cause, occurred_us FROM ledger ORDER BY sequence")[-1] == (
        4,
        at(day("11-25")),
    )
    packs = [
        bytes(value)
        for (value,) in shop.rows("SELECT value FROM outbox WHERE kind = 1 ORDER BY id")
    ]
    told = [orjson.loads(event)["cause"] for pack in packs for event, _ in events_of(pack, None)]
    assert told[-1] == {"kind": "application", "id": APPLICATION}
    shop.consume(application("application/install", day("11-28")))
    shop.work_off()
    assert shop.points() == 200


def test_an_application_event_known_already_is_a_duplicate_and_another_apps_is_ignored(
    shop: Shop,
) -> None:
    uninstalled = application("application/uninstall", day("11-25"))
    other = application("application/uninstall", day("11-25"), some_id("another app"))
    counts = shop.consume(uninstalled, uninstalled, other)
    assert (counts.applied, counts.duplicate, counts.reasons) == (1, 1, {"other_application": 1})
    shop.work_off()
    counts = shop.consume(uninstalled)
    assert (counts.applied, counts.duplicate, shop.queued()) == (0, 1, 0)


def test_of_too_many_application_events_those_are_kept_that_came_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_events, "MOST_INSTALLATIONS", 3)
    told = [application("application/uninstall", day(f"11-{n}")) for n in range(10, 16)]
    counts = shop.consume(*told[:2])
    assert (counts.applied, counts.ignored) == (2, 0)
    counts = shop.consume(*told)
    assert (counts.applied, counts.duplicate) == (1, 2)
    assert counts.reasons == {"too_many_installations": 3}
    assert shop.value("SELECT count(*) FROM application_event") == 3
    counts = shop.consume(*told)
    assert (counts.duplicate, counts.reasons) == (3, {"too_many_installations": 3})


def test_an_order_after_an_uninstall_that_another_worker_heard_earns_nothing(shop: Shop) -> None:
    worker = shop.batch()  # it has read its settings before
    shop.consume(application("application/uninstall", day("11-25")))
    shop.work_off()
    worker.consume(bought()).commit()
    assert shop.points() == 0


# First settings.


def test_three_thousand_orders_that_wait_for_the_first_settings_are_bound_by_one_row(
    postgres: Databases,
) -> None:
    with open_shop(postgres) as waiting:
        waiting.consume(*[bought(order_id=some_id(f"order {n}")) for n in range(3000)])
        assert waiting.points() == 0
        waiting.settings(settings(earn=DUE))
        assert waiting.queued() == 1
        waiting.work_off()
        assert (waiting.points(), waiting.queued()) == (300_000, 0)
        assert waiting.value("SELECT count(*) FROM ledger") == 3000
        waiting.settings(settings(earn=THREE_POINTS, effective=day("11-01")))
        assert waiting.queued() == 0


def test_orders_created_before_the_first_settings_are_bound_to_nothing(postgres: Databases) -> None:
    with open_shop(postgres) as waiting:
        waiting.consume(bought(), bought(order_id=some_id("second"), created=day("11-01")))
        waiting.settings(settings(earn=DUE, effective=day("11-10")))
        waiting.work_off()
        assert (waiting.points(), waiting.bound(some_id("second"))) == (100, 0)
