"""Lua scripts of ours on the server: sent once, called by their digest."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import redis

from store.valkey.client import Client, answering


class Script:
    """A Lua script, run once for each of many keys in one round trip."""

    def __init__(self, client: Client, name: str) -> None:
        """`name`: of the file `store/valkey/<name>.lua`. Nothing is sent yet."""
        text = files("store.valkey").joinpath(f"{name}.lua").read_text("utf-8")
        self._client, self._text = client, text
        self._sha = ""

    def run(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Answers in the order of the calls, each (key, arguments…).

        Raises ReadModelUnavailable.
        """
        if not calls:
            return []
        with answering():
            if not self._sha:
                self._sha = str(self._client.script_load(self._text))
            try:
                return self._sent(calls)
            except redis.exceptions.NoScriptError:  # a server that was started meanwhile
                self._sha = str(self._client.script_load(self._text))
                return self._sent(calls)

    def _sent(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            pipeline.evalsha(self._sha, 1, *call)
        return list(pipeline.execute())
