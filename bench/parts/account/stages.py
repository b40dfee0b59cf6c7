"""Where the time of a hold through the topic goes: topic, batch, outbox, and back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import psycopg

from bench.pacing import Spread

COMMITTED = """
    SELECT convert_from(command_id, 'UTF8'),
           (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint
    FROM command WHERE command_id = ANY (SELECT convert_to(unnest(%s::text[]), 'UTF8'))"""
STAGES = ("until its batch begins", "until the commit", "until the relay sends", "until it is read")


class Stages:
    """When what became of each hold, in microseconds since the epoch."""

    def __init__(self) -> None:
        """Nothing was sent yet."""
        self.sent: dict[str, int] = {}
        self._decided: dict[str, int] = {}
        self._produced: dict[str, int] = {}
        self._heard: dict[str, int] = {}

    def heard(self, answer: Mapping[str, Any], stamp: int, at: int) -> None:
        """An answer was read; `stamp` is its record's, in milliseconds."""
        name = answer["command_id"]
        decided = datetime.fromisoformat(answer["decided_at"])
        self._decided[name] = int(decided.timestamp() * 1e6)
        self._produced[name], self._heard[name] = stamp * 1000, at

    def figures(self, database_url: str, counted: Sequence[str]) -> dict[str, str]:
        """The spread of each stage, of the holds that count."""
        with psycopg.connect(database_url) as database:
            rows = database.execute(COMMITTED.encode(), [list(counted)]).fetchall()
        committed: dict[str, int] = dict(rows)
        moments = [
            (self.sent[n], self._decided[n], committed[n], self._produced[n], self._heard[n])
            for n in counted
            if n in committed
        ]
        taken = [[after - before for before, after in pairwise(row)] for row in moments]
        return {
            stage: str(Spread.of(column))
            for stage, column in zip(STAGES, zip(*taken, strict=True), strict=True)
        }
