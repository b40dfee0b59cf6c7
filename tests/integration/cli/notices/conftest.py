"""The lane's tables beside an engine's."""

from collections.abc import Iterator

import pytest

from tests.support.in_process import InProcessEngine
from tests.support.notices.told import Lane


@pytest.fixture
def lane(in_process: InProcessEngine) -> Iterator[Lane]:
    """The lane of the engine in this process."""
    made = Lane(in_process.database_url)
    yield made
    made.close()
