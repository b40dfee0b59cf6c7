"""The files of the sample days: made-up records in upstream's shapes, which the engine can read."""

import re
from collections import Counter

import orjson
import pytest

from cli.demo.story import Story, TopicName, load_story
from cli.demo.upstream import Json
from schemas.carriers import CodeTable, Meaning
from schemas.commands.reading import read as read_command
from schemas.upstream.envelope import RecordKind, Unreadable, read

LIKELY: dict[TopicName, RecordKind] = {
    "orders": "order",
    "deliveries": "delivery",
    "customers": "customer",
}
HEX_ID = re.compile(r"[0-9a-f]{24}")


@pytest.fixture(scope="module")
def story() -> Story:
    return load_story()


def test_ids_look_like_upstreams(story: Story) -> None:
    ids = [s.id for s in story.shops] + [m.id for m in story.members] + [o.id for o in story.orders]
    assert [name for name in ids if not HEX_ID.fullmatch(name)] == []
    assert len(set(ids)) == len(ids)


def test_the_clock_only_goes_forward(story: Story) -> None:
    moments = [story.begins, *(step.at for step in story.steps)]
    assert moments == sorted(set(moments))


def test_every_record_can_be_read_but_the_one_that_is_meant_to_be_poison(story: Story) -> None:
    unreadable = Counter[str]()
    for step in story.steps:
        for record in step.records:
            try:
                answer = read(record.value, LIKELY[record.topic])
            except Unreadable as error:
                unreadable[error.reason] += 1
            else:
                assert not isinstance(answer, str)
    assert unreadable == {"not_json": story.expect["dead"]}


def test_an_order_that_comes_twice_comes_the_same_to_the_byte(story: Story) -> None:
    twice = {order.id for order in story.orders if order.twice}
    values = Counter(
        (record.key, record.value) for step in story.steps for record in step.records if record.key
    )
    assert {key for (key, _), count in values.items() if count > 1} == twice
    assert {count for (key, _), count in values.items() if key in twice} == {2}


def reports(story: Story) -> list[Json]:
    """The carriers' reports, in the order in which they come."""
    values = [
        orjson.loads(record.value)
        for step in story.steps
        for record in step.records
        if record.topic == "deliveries"
    ]
    return [value for value in values if "carrier" in value]


def test_carriers_know_the_orders_tracking_numbers_without_blanks_and_hyphens(story: Story) -> None:
    written = {number for order in story.orders for number in order.details.get("tracking", ())}
    named = {re.sub("[ -]", "", number) for number in written}
    assert written != named
    assert {report["tracking_number"] for report in reports(story)} == named


def test_the_carriers_codes_stand_in_the_tables_but_those_that_are_meant_to_be_new(
    story: Story,
) -> None:
    codes = CodeTable()
    decoded = [
        (
            r["carrier"],
            r["service"],
            codes.look_up(r["carrier"], r["service"], r.get("code"), r.get("text")),
        )
        for r in reports(story)
    ]
    unknown = {
        f"{carrier} {service} {code}"
        for carrier, service, (meaning, code) in decoded
        if meaning is Meaning.UNKNOWN
    }
    learnt = {
        " ".join(step.command[2:5])
        for step in story.steps
        if step.command[:2] == ("carriers", "set")
    }
    assert unknown == {*story.unknown, *learnt}
    meant = {meaning for _, _, (meaning, _) in decoded}
    assert {
        Meaning.AT_PICKUP_POINT,
        Meaning.COLLECTED,
        Meaning.DELIVERED,
        Meaning.REVERSED_RETURNING,
    } <= meant


def test_one_report_comes_twice(story: Story) -> None:
    counts = Counter(orjson.dumps(report) for report in reports(story))
    assert sorted(counts.values()) == [1] * (len(counts) - 1) + [2]


def test_only_the_carriers_that_say_so_name_an_order(story: Story) -> None:
    named = [
        (report["carrier"], report["order_id"]) for report in reports(story) if "order_id" in report
    ]
    assert (
        named
        == [("ninja_van", next(order.id for order in story.orders if order.key == "sent-back"))] * 3
    )


def test_a_split_child_names_its_parent_and_no_other_order_does(story: Story) -> None:
    ids = {order.key: order.id for order in story.orders}
    parents = {}
    for step in story.steps:
        for record in step.records:
            resource = (
                orjson.loads(record.value)["resource"]
                if record.topic == "orders" and record.key
                else {}
            )
            if resource.get("parent_order_id"):
                parents[resource["id"]] = resource["parent_order_id"]
    assert parents == {ids["split-off"]: ids["split"]}


def test_the_second_parcel_is_another_one(story: Story) -> None:
    order = next(order for order in story.orders if order.key == "parcels")
    records = [
        orjson.loads(record.value)["resource"]
        for step in story.steps
        for record in step.records
        if record.key == order.id
    ]
    own, other = records
    assert other["order_id"] == order.id
    assert other["id"] != own["order_delivery"]["id"]
    assert [
        own["delivery_data"]["tracking_number"],
        other["delivery_data"]["tracking_number"],
    ] == order.details["tracking"]


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


def test_commands_are_complete_and_each_has_its_own_id(story: Story) -> None:
    commands = [read_command(command.record.value) for command in story.spending]
    assert len({command.command_id for command in commands}) == len(commands) > 0
    assert all(command.body is not None for command in commands)
    assert {"assign", "hold", "capture"} == {command.type for command in commands}


def test_orders_carry_made_up_personal_data(story: Story) -> None:
    everything = b"".join(record.value for step in story.steps for record in step.records).decode()
    for member in story.members:
        assert member.name in everything
        assert member.phone in everything
        assert member.email.endswith(".invalid")


def test_late_news_speaks_of_an_earlier_moment_than_it_comes(story: Story) -> None:
    late = next(order for order in story.orders if order.key == "late")
    states = [
        orjson.loads(record.value)["resource"]
        for step in story.steps
        for record in step.records
        if record.key == late.id
    ][1:]
    assert [
        (state["status"], state["updated_at"][:10], state["arrived_at"] is None) for state in states
    ] == [
        ("arrived", "2024-12-02", False),
        ("shipped", "2024-12-02", True),
        ("pending", "2024-12-01", True),
    ]
