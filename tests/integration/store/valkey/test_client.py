"""A client that keeps its connection: what the server closes is not missed for long."""

import pytest

from store.valkey import client
from store.valkey.client import BusyClient, answering
from store.valkey.errors import ReadModelUnavailable

NAME = "busy"


def busy(url: str) -> client.Client:
    return client.connect(url, seconds=5.0, name=NAME, of=BusyClient)


def ids_of(url: str) -> list[str]:
    """The server's numbers of the connections that are named so."""
    other = client.connect(url, seconds=5.0, name="other")
    found = [each["id"] for each in other.client_list() if each["name"] == NAME]
    other.close()
    return found


def kill(url: str) -> None:
    """Closes its connections, as a server does that was restarted or has a limit of idle time."""
    other = client.connect(url, seconds=5.0, name="other")
    for number in ids_of(url):
        other.client_kill_filter(_id=number)
    other.close()


def test_one_connection_serves_many_commands(valkey: str) -> None:
    asked = busy(valkey)
    seen = set()
    for _ in range(5):
        asked.ping()
        seen.update(ids_of(valkey))
    assert len(seen) == 1
    asked.close()


def test_a_connection_that_was_closed_while_it_rested_is_made_anew(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = busy(valkey)
    asked.set("key", 1)
    kill(valkey)
    monkeypatch.setattr(client, "KEPT_SECONDS", 0.0)
    assert asked.get("key") == b"1"
    asked.close()


def test_a_connection_that_was_closed_at_work_fails_one_command_only(valkey: str) -> None:
    asked = busy(valkey)
    asked.set("key", 1)
    kill(valkey)
    with pytest.raises(ReadModelUnavailable), answering():
        asked.get("key")
    assert asked.get("key") == b"1"
    asked.close()
