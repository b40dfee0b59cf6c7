"""The switch with which CI lets no test be left out."""

from typing import Literal

import pytest

from tests.support.must_run import MUST_RUN, judged

ON = {MUST_RUN: "1"}
SKIPPED = ("tests/image/test_workers.py", 10, "Skipped: podman is not installed")


def report(
    outcome: Literal["passed", "skipped"], longrepr: tuple[str, int, str] | None = None
) -> pytest.TestReport:
    return pytest.TestReport(
        "a test", ("", None, ""), {}, outcome, longrepr, when="setup", start=0, stop=0, duration=0
    )


def test_a_skipped_test_fails_with_its_reason_where_everything_must_run() -> None:
    failed = judged(report("skipped", SKIPPED), ON)
    assert failed.failed
    assert "podman is not installed" in str(failed.longrepr)


def test_elsewhere_it_stays_skipped_and_a_passed_one_stays_passed() -> None:
    assert judged(report("skipped", SKIPPED), {}).skipped
    assert judged(report("passed"), ON).passed


def test_a_failure_that_is_expected_is_no_skipped_test() -> None:
    expected = report("skipped", SKIPPED)
    expected.wasxfail = "known"
    assert judged(expected, ON).skipped
