"""A database with members, a Valkey, and the model between them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from store.postgres.session import Cursor, Database, connect, raw
from store.valkey import client
from store.valkey.client import Client
from store.valkey.keys import MemberKey, key_of
from store.valkey.model import ReadModel
from store.valkey.states import BalanceState, of_members
from tests.support.in_process import InProcessEngine
from tests.support.parcels import ANNA, M

MEMBER = MemberKey(M, ANNA)


@dataclass
class Place:
    """Both servers of a test."""

    connection: Database
    client: Client
    model: ReadModel
    url: str

    @property
    def cursor(self) -> Cursor:
        """For single statements."""
        return raw(self.connection)

    def state(self, member: MemberKey = MEMBER) -> BalanceState:
        """What the database says now."""
        return of_members(self.cursor, [member])[0]

    def put(self, *states: BalanceState, repair: bool = False) -> None:
        """As the worker does it."""
        self.model.put(self.cursor, states, repair=repair)

    def value(self, member: MemberKey = MEMBER) -> bytes | None:
        """What the model says now."""
        found = self.client.get(key_of(member))
        assert found is None or isinstance(found, bytes)
        return found

    def is_kept(self, member: MemberKey = MEMBER) -> bool:
        """Whether the value stays for good."""
        return self.client.pttl(key_of(member)) == -1


@pytest.fixture
def place(in_process: InProcessEngine, valkey: str) -> Iterator[Place]:
    opened = client.connect(valkey, seconds=client.WORKER_SECONDS, name="test")
    with connect(in_process.database_url) as connection:
        yield Place(connection, opened, ReadModel(opened), valkey)
    opened.close()
