"""Every row of the carriers' tables, played through the product and held against the oracle.

A row's expectation comes from the word that stands in its table and from rules.md 2 and 6 as the
oracle reads them; the few codes that the oracle knows itself are compared with the tables one by
one.
"""

import csv
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import NamedTuple

import pytest

from tests.oracle.carriers import (
    CODES,
    COLLECTED,
    DELIVERED,
    GONE,
    RANK,
    RETURN_REVERSED,
    RETURNED,
    RETURNING,
    REVERSED,
    REVERSED_AND_GOING_BACK,
    Statement,
    carrier_says,
    on_the_way_back,
)
from tests.oracle.delivery import together
from tests.oracle.upstream import instant
from tests.support.customers import report
from tests.support.in_memory import InMemoryEngine
from tests.support.order_facts import (
    HOME,
    ORDER,
    STORE,
    Event,
    Json,
    day,
    delivery,
    order,
    parcel,
    settings,
)

NUMBER = "D4061 7352-918"
SHIPPED, FIRST, THEN, LAST = day("12-01"), day("12-03"), day("12-05"), day("12-07")
OPTIONS = {False: HOME, True: STORE}
"""Whether the parcel waits to be fetched, and an option of that kind."""


class Row(NamedTuple):
    """A row of a table, its word in the oracle's terms."""

    carrier: str
    service: str
    code: str
    text: str
    word: str

    def __str__(self) -> str:
        return f"{self.carrier}/{self.service} {self.code}"


def rows() -> list[Row]:
    """All rows, straight from the files."""
    found = []
    tables = files("schemas.carriers").joinpath("tables")
    for file in sorted(tables.iterdir(), key=lambda file: file.name):
        for row in csv.DictReader(file.read_text("utf-8").splitlines()):
            word = {
                "": row["word"],
                "returning": REVERSED_AND_GOING_BACK,
                "return": RETURN_REVERSED,
            }[row["effect"]]
            found.append(
                Row(file.name.removesuffix(".csv"), row["service"], row["code"], row["text"], word)
            )
    return found


ROWS = rows()
WORDS: Mapping[tuple[str, str, str], str] = {
    (row.carrier, row.service, row.code): row.word for row in ROWS
}
FINAL = {(row.carrier, row.service): row for row in ROWS if row.word in (COLLECTED, DELIVERED)}
"""For each service, one of its codes that ends a delivery."""


def said(row: Row, occurred: str, **fields: Json) -> Event:
    """The row as a report."""
    return report(
        row.carrier,
        row.service,
        row.code,
        occurred,
        number=NUMBER.replace("-", "").lower(),
        **fields,
    )


def state_after(*events: Event, fetched: bool, arrived: bool = False) -> str:
    """What an order with one parcel is after these reports.

    With upstream's delivery before them if `arrived`.
    """
    engine = InMemoryEngine()
    engine.apply(settings(earn={"pending_days": 0, "expiry": {"kind": "never"}}))
    option = OPTIONS[fetched]
    engine.consume(
        order(
            order_delivery=parcel("shipped", option),
            delivery_data={"tracking_number": NUMBER},
            updated=day("11-30"),
        )
    )
    if arrived:
        engine.consume(delivery("collected", SHIPPED, option=option, collected_at=SHIPPED))
    engine.consume(*events, when=day("12-20"))
    state = engine.explain(ORDER).state
    assert engine.points() == (100 if state == "granted" else 0)
    return state


def must_be(*words: tuple[str, str], fetched: bool, arrived: bool = False) -> str:
    """The oracle's answer for these words of the carrier, each with its time."""
    upstream = carrier_says(
        [Statement(moment(SHIPPED), COLLECTED)] if arrived else [], fetched=fetched
    )
    carrier = carrier_says(
        [Statement(moment(occurred), word) for occurred, word in words], fetched=fetched
    )
    return "granted" if together(upstream, carrier) is not None else "waiting"


def moment(text: str) -> datetime:
    found = instant(text)
    assert found is not None
    return found


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_alone_and_after_upstreams_delivery(row: Row) -> None:
    assert row.word in RANK
    for fetched in OPTIONS:
        is_final = row.word == COLLECTED or (row.word == DELIVERED and not fetched)
        assert must_be((FIRST, row.word), fetched=fetched) == ("granted" if is_final else "waiting")
        assert state_after(said(row, FIRST), fetched=fetched) == (
            "granted" if is_final else "waiting"
        )

        goes_back = row.word in (*GONE, REVERSED_AND_GOING_BACK)
        assert must_be((FIRST, row.word), fetched=fetched, arrived=True) == (
            "waiting" if goes_back else "granted"
        )
        assert state_after(said(row, FIRST), fetched=fetched, arrived=True) == (
            "waiting" if goes_back else "granted"
        )


@pytest.mark.parametrize(
    "row", [row for row in ROWS if (row.carrier, row.service) in FINAL], ids=str
)
def test_a_row_after_its_own_services_delivery_whatever_is_heard_first(row: Row) -> None:
    first = FINAL[row.carrier, row.service]
    for fetched in OPTIONS:
        must = must_be((FIRST, first.word), (THEN, row.word), fetched=fetched)
        told = [said(first, FIRST), said(row, THEN)]
        assert state_after(*told, fetched=fetched) == must
        assert state_after(*told[::-1], *told, fetched=fetched) == must
        ends = row.word in (*GONE, REVERSED, REVERSED_AND_GOING_BACK)
        if first.word == COLLECTED or not fetched:
            assert must == ("waiting" if ends else "granted")
            # Older than the delivery, it undoes nothing; a delivery after it is final again.
            assert state_after(said(first, LAST), said(row, THEN), fetched=fetched) == "granted"
        else:
            assert must == ("granted" if row.word == COLLECTED else "waiting")


REVERSALS = [row for row in ROWS if row.word in (REVERSED, REVERSED_AND_GOING_BACK)]


def test_the_reversals_are_those_of_spec() -> None:
    told = {
        (row.carrier, row.service, row.code): row.word
        for row in ROWS
        if row.word in RANK[RANK.index(REVERSED) :]
    }
    stores = dict.fromkeys(
        (("ecpay", s, "2053") for s in ("unimartc2c", "hilife", "hilifec2c")),
        REVERSED_AND_GOING_BACK,
    )
    assert told == stores | {
        ("ecpay", "tcat", "3016"): REVERSED,
        ("ecpay", "tcat", "3017"): RETURN_REVERSED,
    }


@pytest.mark.parametrize("row", REVERSALS, ids=str)
def test_a_reversal_takes_back_what_was_paid_and_a_later_delivery_pays_again(row: Row) -> None:
    final = FINAL[row.carrier, row.service]
    fetched = final.word == COLLECTED
    engine = InMemoryEngine()
    engine.apply(
        settings(earn={"pending_days": 1, "expiry": {"kind": "never"}, "on_return": "keep"})
    )
    engine.consume(
        order(
            order_delivery=parcel("shipped", OPTIONS[fetched]),
            delivery_data={"tracking_number": NUMBER},
        )
    )
    engine.consume(said(final, FIRST), when=FIRST)
    engine.until(THEN)
    assert engine.points() == 100
    engine.consume(said(row, THEN))
    assert (engine.points(), engine.explain().state) == (
        0,
        "waiting",
    )  # a reversed scan always takes back, also with `keep`
    engine.consume(said(final, LAST), when=LAST)
    assert (engine.points(), engine.explain().state) == (0, "planned")
    engine.until(day("12-08"))
    assert engine.history() == [("granted", 100), ("clawed_back", -100), ("granted", 100)]


def test_a_return_taken_back_lets_the_delivery_stand_again() -> None:
    (undo,) = [row for row in ROWS if row.word == RETURN_REVERSED]
    for word in (RETURNING, RETURNED):
        back = next(
            row
            for row in ROWS
            if (row.carrier, row.service, row.word) == (undo.carrier, undo.service, word)
        )
        told = [said(FINAL[undo.carrier, undo.service], FIRST), said(back, THEN), said(undo, LAST)]
        assert state_after(*told[:2], fetched=False) == "waiting"
        assert state_after(*told, fetched=False) == "granted"
        assert state_after(*told[::-1], fetched=False) == "granted"
        assert state_after(*told[1:], fetched=False) == "waiting"


@pytest.mark.parametrize("row", [row for row in ROWS if row.carrier == "ninja_van"], ids=str)
def test_nothing_on_the_way_back_is_a_delivery(row: Row) -> None:
    for fetched in OPTIONS:
        assert must_be((FIRST, on_the_way_back(row.word)), fetched=fetched) == "waiting"
        assert state_after(said(row, FIRST, return_leg=True), fetched=fetched) == "waiting"
        assert (
            state_after(said(row, FIRST, return_leg=True), fetched=fetched, arrived=True)
            == "waiting"
        )


def test_a_code_under_a_service_that_has_it_not_means_nothing() -> None:
    elsewhere = Row("ecpay", "post", "2067", "", COLLECTED)
    assert ("ecpay", "post", "2067") not in WORDS
    for arrived, state in ((False, "waiting"), (True, "granted")):
        assert state_after(said(elsewhere, FIRST), fetched=True, arrived=arrived) == state


@pytest.mark.parametrize("service", sorted(CODES), ids="/".join)
def test_the_tables_say_of_a_code_what_the_oracle_knows_of_it(service: tuple[str, str]) -> None:
    assert {code: WORDS[*service, code] for code in CODES[service]} == CODES[service]


def test_every_service_of_the_contract_has_a_table_and_the_oracle_knows_some_of_each() -> None:
    assert set(CODES) == {(row.carrier, row.service) for row in ROWS}
