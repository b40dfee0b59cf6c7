"""The settings that workers give to accounts: from memory, and never those of yesterday."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.ids import micros
from schemas.settings import load_settings
from store.postgres import session
from store.postgres.session import Database
from store.settings import app_installs, versions
from store.settings.app_installs import ApplicationEvent
from store.settings.merchants import Merchants
from tests.support.account.quoting import SETTINGS, TEN_FOR_ONE
from tests.support.in_process import InProcessEngine
from tests.support.timeline import clock_to

EARLIER = datetime(2023, 1, 1, tzinfo=UTC)
"""Than the dates of the versions, which are applied then: at their instants they are known."""


def applied(connection: Database, since: str, **sections: Any) -> int:
    """Applies settings; since when they are in force."""
    document = SETTINGS | {"effective_at": since} | sections
    loaded = load_settings(json.dumps(document).encode(), name="settings")
    versions.apply(connection, "shop", loaded, "test")
    assert loaded.effective_at is not None
    return micros(loaded.effective_at)


def test_a_version_is_in_force_from_its_instant_on(in_process: InProcessEngine) -> None:
    clock_to(in_process, EARLIER)
    with session.connect(in_process.database_url) as connection:
        first = applied(connection, "2024-01-01T00:00:00Z", redeem={"cash": TEN_FOR_ONE})
        second = applied(connection, "2025-01-01T00:00:00Z", enabled=False)
        merchants = Merchants(connection)
        merchants.look_up(["shop"])
        shop = merchants.numbers["shop"]
        assert merchants.in_force(shop, first - 1).rules is None
        found = merchants.in_force(shop, second - 1)
        assert (found.version, found.feature) == (1, True)
        assert found.rules is not None
        assert found.rules.account.cash is not None
        assert merchants.in_force(shop, second)[::2] == (2, False)


def test_what_is_in_force_is_applied_again_while_a_later_version_is_to_come(
    in_process: InProcessEngine,
) -> None:
    """By a file without a date, as it is kept beside a shop's other files."""
    now, later = (json.dumps(SETTINGS | {"enabled": on}).encode() for on in (True, False))
    with session.connect(in_process.database_url) as connection:

        def apply(content: bytes, **more: Any) -> versions.Applied:
            document = load_settings(content, name="settings")
            dated = document.model_copy(update={"effective_at": more.pop("since", None)})
            return versions.apply(connection, "shop", dated, "test", **more)

        first = apply(now, since=datetime(2024, 1, 1, tzinfo=UTC))
        apply(later, since=datetime(2099, 1, 1, tzinfo=UTC))
        again = apply(now)
        assert (again.version, again.effective_at, again.changed) == (1, first.effective_at, False)
        with pytest.raises(versions.VersionConflict, match="version 2 is the newest, not 1"):
            apply(now, if_version=1)
        assert apply(now, since=datetime(2099, 2, 1, tzinfo=UTC)).version == 3


def test_asking_again_reads_nothing_and_a_new_version_is_seen(in_process: InProcessEngine) -> None:
    clock_to(in_process, EARLIER)
    with session.connect(in_process.database_url) as connection:
        since = applied(connection, "2024-01-01T00:00:00Z")
        with session.connect(in_process.database_url) as other:
            merchants = Merchants(other)
            merchants.look_up(["shop"])
            shop = merchants.numbers["shop"]
            found = merchants.in_force(shop, since)
            assert merchants.in_force(shop, since).rules is found.rules
            later = applied(connection, "2025-01-01T00:00:00Z", currency="HKD")
            with session.transaction(connection) as cursor:
                app_installs.add(cursor, [ApplicationEvent(shop, later + 1, installed=False)])
                Merchants.change(cursor)
            with session.transaction(other) as cursor:
                merchants.keep_up(cursor)
            assert merchants.in_force(shop, later)[::2] == (2, True)
            assert merchants.in_force(shop, later + 1)[::2] == (2, False)


def test_a_closed_connection_is_no_matter_once_the_rules_are_known(
    in_process: InProcessEngine,
) -> None:
    clock_to(in_process, EARLIER)
    with session.connect(in_process.database_url) as connection:
        since = applied(connection, "2024-01-01T00:00:00Z")
        merchants = Merchants(connection)
        merchants.look_up(["shop"])
        shop = merchants.numbers["shop"]
        merchants.in_force(shop, since)
    assert merchants.in_force(shop, since + 1).version == 1
