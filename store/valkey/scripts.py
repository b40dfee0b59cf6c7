"""Lua scripts of ours on the server: sent once, called by their digest.

A server that does not know a script (it was started meanwhile, or another one took over) hears it
again over the very connection that it was missed on: another one may lead to another server.
"""

from collections.abc import Callable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, TypeVar

import redis

from store.valkey.client import Client, answering

_T = TypeVar("_T")


class Script:
    """A Lua script, run in one round trip: for each of many keys, or once for all of them."""

    def __init__(self, client: Client, name: str) -> None:
        """`name`: of the file `store/valkey/<name>.lua`. Nothing is sent yet."""
        text = files("store.valkey").joinpath(f"{name}.lua").read_text("utf-8")
        self._client, self._text = client, text
        self._sha = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Answers in the order of the calls, each (key, arguments…).

        Raises ReadModelUnavailable.
        """
        if not calls:
            return []
        if len(calls) == 1:  # without what a pipeline costs here
            return [self.run_once([calls[0][0]], *calls[0][1:])]
        return _known(lambda: self._sent(calls), lambda: self._sent(calls, loads=True)[1:])

    def run_once(self, keys: Sequence[bytes], *arguments: Any) -> Any:
        """The answer of one call for all the keys, which costs less than one for each.

        Raises ReadModelUnavailable.
        """
        call = (len(keys), *keys, *arguments)
        return _known(
            lambda: self._client.evalsha(self._sha, *call),
            lambda: self._client.eval(self._text, *call),
        )

    def _sent(self, calls: Sequence[tuple[Any, ...]], *, loads: bool = False) -> list[Any]:
        """The answers; with `loads` the one to the script itself is the first."""
        pipeline = self._client.pipeline(transaction=False)
        if loads:
            pipeline.script_load(self._text)
        for call in calls:
            pipeline.evalsha(self._sha, 1, *call)
        return list(pipeline.execute())


def _known(by_digest: Callable[[], _T], by_text: Callable[[], _T]) -> _T:
    """What a call answers that names a script by its digest, or has its text where that is new."""
    with answering():
        try:
            return by_digest()
        except redis.exceptions.NoScriptError:
            return by_text()
