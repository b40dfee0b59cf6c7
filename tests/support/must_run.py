"""A switch for CI: what is left out for want of a tool fails instead of passing unseen."""

import os
from collections.abc import Mapping
from typing import TypeVar

import pytest

MUST_RUN = "POINTS_TESTS_MUST_RUN"
"""Set to 1, no test may be skipped; `.ci/run` sets it where it has installed every tool."""

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)


def judged(report: _Report, environ: Mapping[str, str] = os.environ) -> _Report:
    """The report of a test or a file: a skipped one failed when everything must run."""
    if environ.get(MUST_RUN) == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{MUST_RUN} is set, and this was left out. {reason}"
    return report
