"""Lua scripts of ours on the server: sent once, called by their digest."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import redis

from store.valkey.client import Client, answering


class Script:
    """A Lua script, run in one round trip: for each of many keys, or once for all of them."""

    def __init__(self, client: Client, name: str) -> None:
        """`name`: of the file `store/valkey/<name>.lua`. Nothing is sent yet."""
        text = files("store.valkey").joinpath(f"{name}.lua").read_text("utf-8")
        self._client, self._text = client, text
        self._sha = ""

    def run(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Answers in the order of the calls, each (key, arguments…).

        Raises ReadModelUnavailable.
        """
        if len(calls) == 1:  # without what a pipeline costs here
            return [self.run_once([calls[0][0]], *calls[0][1:])]
        return self._loaded(lambda: self._sent(calls)) if calls else []

    def run_once(self, keys: Sequence[bytes], *arguments: Any) -> Any:
        """The answer of one call for all the keys, which costs less than one for each.

        Raises ReadModelUnavailable.
        """
        return self._loaded(lambda: self._client.evalsha(self._sha, len(keys), *keys, *arguments))

    def _loaded(self, call: Callable[[], Any]) -> Any:
        """What a call answers, once the server has the script."""
        with answering():
            if not self._sha:
                self._sha = str(self._client.script_load(self._text))
            try:
                return call()
            except redis.exceptions.NoScriptError:  # a server that was started meanwhile
                self._sha = str(self._client.script_load(self._text))
                return call()

    def _sent(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            pipeline.evalsha(self._sha, 1, *call)
        return list(pipeline.execute())
