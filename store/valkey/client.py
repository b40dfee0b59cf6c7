"""Connections to Redis or Valkey, with limits short enough that nothing waits for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from store.valkey.errors import ReadModelUnavailable

CHECKOUT_SECONDS: Final = 0.2
"""For whoever asks for a balance: the database answers in a few milliseconds instead."""
WORKER_SECONDS: Final = 5.0
"""For the worker and for commands, which have nothing to do without an answer."""

KEPT_SECONDS: Final = 1.0
"""A connection that rested for longer may have been closed by the server: the pool looks for it."""

_OF_A_REPLICA: Final = (redis.exceptions.ReadOnlyError, redis.exceptions.MasterDownError)
"""What a server answers that was the primary when the connection was made. The name that was
connected to leads to another by now, so the connection is closed, as if it had broken off.
"""

Client = redis.Redis


class BusyClient(redis.Redis):
    """Keeps its connection while it is asked again and again; for one thread at a time.

    Taking one out of the pool and putting it back costs as much as a command does.
    """

    _asked = 0.0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """As the client's."""
        rested, self._asked = time.monotonic() - self._asked, time.monotonic()
        if self.connection is not None and rested > KEPT_SECONDS:
            kept, self.connection = self.connection, None
            self.connection_pool.release(kept)
        if self.connection is None:
            self.connection = self.connection_pool.get_connection()
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


def connect(url: str, *, seconds: float, name: str, of: type[redis.Redis] = redis.Redis) -> Client:
    """A client; nothing is sent before the first command. Raises ReadModelUnavailable.

    `seconds` bounds connecting and each answer. Nothing is tried again by itself: who calls knows
    better whether to.
    """
    with answering():
        return of.from_url(
            url,
            socket_connect_timeout=seconds,
            socket_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=list(_OF_A_REPLICA),
            client_name=name,
            protocol=2,  # the same answers from Redis 7 and from Valkey
        )


@contextmanager
def answering() -> Iterator[None]:
    """Turns the client's errors into ReadModelUnavailable."""
    try:
        yield
    except (redis.RedisError, OSError, ValueError) as error:
        raise ReadModelUnavailable(_words(error)) from error


def run_id(client: Client) -> str:
    """Which run of which server answers. Raises ReadModelUnavailable."""
    with answering():
        told: Any = client.info("server")
    return str(told.get("run_id", ""))


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
