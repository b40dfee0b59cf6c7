"""The lane's surroundings: providers in a process of their own, and keys."""

from collections.abc import Iterator

import pytest

from deploy.local.sinks.process import SinksProcess
from tests.chaos.faults import CHUNK, LEASE_SECONDS
from tests.support.engine import Engine
from tests.support.notices.running import environment_of


@pytest.fixture(autouse=True)
def _as_operators_start_them(started_plainly: None) -> None:
    """Faults find what depends on the order of sets, or on what is loaded already."""


@pytest.fixture
def environment(engine: Engine, valkey: str) -> Iterator[tuple[SinksProcess, dict[str, str]]]:
    with SinksProcess() as sinks:
        yield (
            sinks,
            {
                **environment_of(engine.folder, sinks),
                "POINTS_NOTICES__LEASE_SECONDS": str(LEASE_SECONDS),
                "POINTS_NOTICES__CHUNK": str(CHUNK),
                "POINTS_REDIS__URL": valkey,
                **{f"POINTS_{name}__TIMEOUT_SECONDS": "1" for name in ("MITAKE", "TWILIO", "SMTP")},
            },
        )
