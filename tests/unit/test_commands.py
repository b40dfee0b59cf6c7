"""Commands that tests run: they see what the test gives them."""

import pytest

from tests.support.commands import points
from tests.support.machine.inherited import inherited


def test_a_command_sees_no_variable_of_the_shell_that_runs_the_tests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POINTS_METRICS__PORTT", "1")
    monkeypatch.setenv("POINTS_METRICS__PORT", "-1")
    ran = points(
        {
            "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "POINTS_DATABASE__URL": "postgresql://me:x@127.0.0.1:1/points",
        },
        "config",
        "show",
    )
    assert (ran.code, ran.err) == (0, "")
    assert not {name for name in inherited() if name.startswith("POINTS_")}
