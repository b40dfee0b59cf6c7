"""What tests of several kinds of losses begin with."""

from collections.abc import Iterator

import pytest

from deploy.local import postgres_local
from tests.operate.recovery.guide import open_folder
from tests.operate.recovery.pair import Pair


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary, and not yet a standby."""
    if (lack := postgres_local.missing()) is not None:
        pytest.skip(lack)
    with open_folder() as folder, Pair(folder) as made:
        yield made
