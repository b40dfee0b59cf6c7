"""An engine whose database has the table that the reader's double writes to."""

import pytest

from tests.support.engine import Engine
from tests.support.notices.reading import prepare


@pytest.fixture
def lane(engine: Engine) -> Engine:
    prepare(engine)
    return engine
