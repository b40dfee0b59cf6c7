"""Commands act as the role that POINTS_DATABASE__ROLE names, and do what it may."""

import pytest

from tests.support.account.desk import ANN, SHOP
from tests.support.commands import Ran, points
from tests.support.in_process import InProcessEngine
from tests.support.parcels import M

READING = (
    ("balance", M, ANN),
    ("history", M, ANN),
    ("member", "show", M, ANN),
    ("expiring", M),
    ("explain", M, "order"),
    ("settings", "show", M),
    ("settings", "log", M),
    ("carriers", "unknown"),
    ("carriers", "parked"),
    ("dlq", "list"),
    ("cursor", "show"),
    ("bulk", "list", M),
    ("compare-upstream",),
)
CHANGE = ("carriers", "set", "ecpay", "unimart", "9999", "lost", "--note", "why", "--by", "sue")
ASSIGN = ("member", "assign", M, ANN, "5", "--reason", "thanks", "--by", "sue")


def run(engine: InProcessEngine, role: str, *line: str) -> Ran:
    environment = {"POINTS_DATABASE__URL": engine.database_url, "POINTS_DATABASE__ROLE": role}
    return points(environment, *line)


@pytest.mark.parametrize("role", ["points_readonly", "points_ops", "points_app"])
def test_every_role_reads(in_process: InProcessEngine, role: str) -> None:
    assert run(in_process, "points_app", *ASSIGN).code == 0
    refused = [line for line in READING if run(in_process, role, *line).code not in {0, 6}]
    assert refused == []


def test_who_only_looks_changes_nothing_and_sees_no_bytes_of_records(
    in_process: InProcessEngine,
) -> None:
    """The key of a record that the broker refused is its sender's, and may be anything."""
    for line in (CHANGE, ASSIGN, ("dlq", "discard", "1"), ("dlq", "show", "1"), ("outbox", "list")):
        ran = run(in_process, "points_readonly", *line)
        assert ran.code == 5, (line, ran)
        assert "permission denied" in ran.err


def test_operators_mend_and_give_no_points(in_process: InProcessEngine) -> None:
    assert run(in_process, "points_ops", *CHANGE).code == 0
    assert run(in_process, "points_ops", *ASSIGN).code == 5
    assert run(in_process, "points_app", "balance", M, ANN, "--json").json["available"] == 0


def test_a_role_that_is_not_ours_is_told(in_process: InProcessEngine) -> None:
    ran = run(in_process, "points_nobody", "balance", SHOP, ANN)
    assert ran.code == 5
    assert "does not let us act as points_nobody" in ran.err
