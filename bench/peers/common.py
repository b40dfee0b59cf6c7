"""What the peers share: addresses from the environment, the rule, and the sign of the start."""

import os
import sys
import time
from dataclasses import dataclass

FINAL = frozenset({"arrived", "collected"})
UNIT = 100


@dataclass(frozen=True)
class Places:
    """Broker, database, topics and consumer group of one run; all are required."""

    bootstrap_servers: str
    database_url: str
    topic_in: str
    topic_out: str
    group: str

    @property
    def sqlalchemy_url(self) -> str:
        """The same database, for SQLAlchemy with psycopg 3, blocking or not."""
        return "postgresql+psycopg://" + self.database_url.partition("://")[2]

    @property
    def consumer(self) -> dict[str, str | bool]:
        """Settings of librdkafka for a consumer that commits by itself, after its work."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "group.id": self.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }


def places() -> Places:
    """Read `BENCH_…` from the environment; a missing name ends the program with that name."""
    names = ("BOOTSTRAP_SERVERS", "DATABASE_URL", "TOPIC_IN", "TOPIC_OUT", "GROUP")
    missing = [f"BENCH_{name}" for name in names if f"BENCH_{name}" not in os.environ]
    if missing:
        raise SystemExit(
            f"Missing in the environment: {', '.join(missing)}. `python -m bench` starts the peers."
        )
    return Places(*(os.environ[f"BENCH_{name}"] for name in names))


def points(cents: int) -> int:
    """The rule: one point for each whole unit."""
    return max(cents, 0) // UNIT


class FirstEvent:
    """Prints once when the first event came, on the real stdout: some frameworks redirect it."""

    def __init__(self) -> None:
        self._said = False

    def seen(self) -> None:
        """Call it for each event or batch; all but the first call do nothing."""
        if not self._said:
            self._said = True
            print(f"FIRST {time.monotonic()}", file=sys.__stdout__, flush=True)
