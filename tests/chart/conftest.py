"""Helm, without which none of these tests says anything."""

import pytest

from tests.support.operate import helm


@pytest.fixture(scope="session", autouse=True)
def _helm() -> None:
    if helm.command() is None:
        pytest.skip("needs Helm: run .ci/helm, which builds it with Go")
