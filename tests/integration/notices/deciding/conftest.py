"""A lane that decides, on a database of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.notices.decided import DecidingLane
from tests.support.servers import Databases


@pytest.fixture
def lane(postgres: Databases, tmp_path: Path) -> Iterator[DecidingLane]:
    url = postgres.migrated()
    made = DecidingLane(url, tmp_path)
    try:
        yield made
    finally:
        made.close()
        postgres.drop(url)


@pytest.fixture
def shop(lane: DecidingLane) -> DecidingLane:
    """The lane has heard of `shop`, which tells what is earned by mail and SMS."""
    lane.hear_of("shop")
    lane.apply("shop")
    return lane
