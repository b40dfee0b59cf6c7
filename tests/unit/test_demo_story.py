"""The sample day's files: records in upstream's shapes, made up, and readable by the engine where they are to be."""

import re
from collections import Counter

import orjson
import pytest

from cli.demo_story import Json, Story, load_story
from schemas.upstream.envelope import Unreadable, read

HEX_ID = re.compile(r"[0-9a-f]{24}")


@pytest.fixture(scope="module")
def story() -> Story:
    return load_story()


def test_ids_look_like_upstreams(story: Story) -> None:
    ids = [s.id for s in story.shops] + [m.id for m in story.members] + [o.id for o in story.orders]
    assert [one for one in ids if not HEX_ID.fullmatch(one)] == []
    assert len(set(ids)) == len(ids)


def test_the_clock_only_goes_forward(story: Story) -> None:
    moments = [story.begins, *(step.at for step in story.steps)]
    assert moments == sorted(set(moments))


def test_every_record_can_be_read_but_the_one_that_is_meant_to_be_poison(story: Story) -> None:
    unreadable = Counter[str]()
    for step in story.steps:
        for record in step.records:
            try:
                answer = read(record.value, "order" if record.topic == "orders" else "delivery")
            except Unreadable as error:
                unreadable[error.reason] += 1
            else:
                assert not isinstance(answer, str)
    assert unreadable == {"not_json": story.expect["dead"]}


def test_an_order_that_comes_twice_comes_the_same_to_the_byte(story: Story) -> None:
    twice = {order.id for order in story.orders if order.twice}
    values = Counter((record.key, record.value) for step in story.steps for record in step.records)
    assert {key for (key, _), count in values.items() if count > 1} == twice
    assert {count for (key, _), count in values.items() if key in twice} == {2}


def test_money_is_written_in_minor_units_of_its_currency(story: Story) -> None:
    subtotals: dict[str, Json] = {}
    for step in story.steps:
        for record in step.records:
            if record.topic == "orders" and record.key is not None:
                resource = orjson.loads(record.value)["resource"]
                if "subtotal" in resource:
                    subtotals.setdefault(record.key, resource["subtotal"])
    by_key = {order.key: subtotals[order.id] for order in story.orders}
    assert (by_key["door"]["cents"], by_key["door"]["label"]) == (1000, "NT$1,000")
    assert (by_key["gold"]["cents"], by_key["gold"]["label"]) == (25850, "HK$258.50")
    assert by_key["dollars"]["currency_iso"] == "USD"


def test_orders_carry_made_up_personal_data(story: Story) -> None:
    said = b"".join(record.value for step in story.steps for record in step.records).decode()
    for member in story.members:
        assert member.name in said
        assert member.phone in said
        assert member.email.endswith(".invalid")


def test_late_news_speaks_of_an_earlier_moment_than_it_comes(story: Story) -> None:
    late = next(order for order in story.orders if order.key == "late")
    told = [orjson.loads(record.value)["resource"] for step in story.steps[-6:] for record in step.records if record.key == late.id]
    assert [(each["status"], each["updated_at"][:10], each["arrived_at"] is None) for each in told] == [
        ("arrived", "2024-12-02", False), ("shipped", "2024-12-02", True), ("pending", "2024-12-01", True),
    ]  # fmt: skip
