"""How many lots a command has read of an account that has very many."""

from typing import Any

import pytest

from store.ledger import lots
from tests.support.account.desk import Desk

MANY = 2 * lots.PAGE
EACH = 10
ALL = MANY * EACH


@pytest.fixture
def lots_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ann has many lots; how many of them are read from now on, statement by statement."""
    desk.send(*[desk.command("assign", points=EACH) for _ in range(MANY)])
    counted, take_in = list[int](), lots._take_in

    def counting(readings: Any, rows: Any) -> None:
        counted.append(len(rows))
        take_in(readings, rows)

    monkeypatch.setattr(lots, "_take_in", counting)
    return counted


@pytest.mark.parametrize("wish", [{"type_": "assign"}, {"type_": "hold", "hold_id": "h2"}])
def test_who_wants_more_than_there_is_hears_so_by_the_balance(
    desk: Desk, lots_read: list[int], wish: dict[str, str]
) -> None:
    sign = -1 if wish["type_"] == "assign" else 1
    too_many = desk.command(**wish, points=sign * (ALL + EACH))
    assert [answer["code"] for answer in desk.send(too_many)] == ["insufficient_points"]
    assert lots_read == [lots.PAGE]
    few = desk.command("hold", points=2 * EACH)
    again = too_many | {"command_id": "again"}
    codes = [answer["code"] for answer in desk.send(few, again)]
    assert codes == ["ok", "insufficient_points"]
    assert lots_read == [lots.PAGE, lots.PAGE]


def test_who_wants_all_there_is_gets_it_though_some_comes_with_the_same_batch(
    desk: Desk, lots_read: list[int]
) -> None:
    more = desk.command("assign", points=EACH)
    everything = desk.command("hold", points=ALL + EACH)
    assert [answer["code"] for answer in desk.send(more, everything)] == ["ok", "ok"]
    assert sum(lots_read) == MANY
    assert desk.rows("SELECT available, held FROM account") == [(0, ALL + EACH)]
