"""The local stack as one thing: started over the ladder, found again from its state file, stopped whole.

with start_stack(Path(".local/demo")) as stack:
... stack.bootstrap_servers, stack.database_url ...
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from deploy.local.docker import Compose
from deploy.local.kafka_local import LocalKafka
from deploy.local.ladder import (
    BOOTSTRAP_SERVERS,
    DATABASE_URL,
    OWNER_URL,
    Choice,
    Rung,
    kafka_choice,
    postgres_choice,
)
from deploy.local.mock_broker import MockBroker
from deploy.local.postgres_local import LocalPostgres
from deploy.local.process import Identity, StartError, environment_lines, private_file
from deploy.local.progress import note, step

STATE_FILE = "stack.json"


class Service(Protocol):
    """A server that was started here."""

    def launch(self) -> None:
        """Start it without waiting."""

    def wait_ready(self) -> None:
        """Wait until it answers."""

    def stop(self) -> None:
        """Stop it."""

    def identities(self) -> list[Identity]:
        """Its processes."""


@dataclass
class Stack:
    """A running Kafka and PostgreSQL, and which rungs they came from.

    `database_url` is the owner's and holds the password. `kafka` and `postgres` are the servers
    started by this very process on the local rung (tests of faults restart them), else None.
    """

    bootstrap_servers: str
    database_url: str
    kafka_rung: Rung
    postgres_rung: Rung
    state_dir: Path
    kafka: LocalKafka | None = None
    postgres: LocalPostgres | None = None
    keep: bool = False
    owner: Identity = field(default_factory=lambda: Identity.of(os.getpid()))
    processes: list[Identity] = field(default_factory=list)
    services: list[Service] = field(default_factory=list, repr=False)

    @property
    def environment_file(self) -> Path:
        """Shell lines that export the environment, password and all: `.local/stack.env` for `.local/stack`."""
        return self.state_dir.with_suffix(".env")

    def environment(self) -> dict[str, str]:
        """The variables that make the engine use this stack."""
        return {BOOTSTRAP_SERVERS: self.bootstrap_servers, DATABASE_URL: self.database_url}

    def stop(self, *, wipe: bool = False) -> None:
        """Stop everything that was started for this stack; `wipe` removes its data as well."""
        for service in reversed(self.services):
            service.stop()
        for identity in self.processes:
            identity.stop()
        compose = (
            Compose(self.state_dir, [])
            if Rung.DOCKER in (self.kafka_rung, self.postgres_rung)
            else None
        )
        if compose:
            compose.stop(wipe=wipe)
        for file in (self.state_dir / STATE_FILE, self.environment_file):
            file.unlink(missing_ok=True)
        if wipe:
            shutil.rmtree(self.state_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if not self.keep:
            self.stop()


def start_stack(
    state_dir: Path, *, keep: bool = False, postgres_settings: Mapping[str, str] | None = None
) -> Stack:
    """Start Kafka and PostgreSQL with their state under `state_dir`, over the ladder.

    StartError tells what failed.

    `keep` leaves them running when the process ends (or takes those that run already); without it
    the context manager stops them. Stacks beside `state_dir` whose process died without stopping
    them are stopped first.
    """
    state_dir = state_dir.resolve()
    state_dir.mkdir(parents=True, exist_ok=True)
    stop_orphans(state_dir.parent)
    if (found := running(state_dir)) is not None:
        if keep and found.keep:
            return found
        raise StartError(f"A stack runs already in {state_dir}: stop it first (make down)")
    if (broken := recorded(state_dir)) is not None:
        note("Part of the stack had died: stopping the rest, to start it whole")
        broken.stop()
    kafka, postgres = kafka_choice(), postgres_choice()
    note(f"Kafka: {kafka.rung} ({kafka.why}). PostgreSQL: {postgres.rung} ({postgres.why}).")
    with step("Starting Kafka and PostgreSQL"):
        stack = _start(state_dir, kafka, postgres, postgres_settings or {})
    stack.keep = keep
    _write_state(stack)
    return stack


def running(state_dir: Path) -> Stack | None:
    """The stack that runs in `state_dir`, None when none does."""
    stack = recorded(state_dir)
    return stack if stack and all(identity.process() for identity in stack.processes) else None


def recorded(state_dir: Path) -> Stack | None:
    """The stack that the state file tells of, even when part of it has died meanwhile."""
    file = state_dir.resolve() / STATE_FILE
    return _read_state(json.loads(file.read_text()), file.parent) if file.exists() else None


def stop_orphans(root: Path) -> None:
    """Stop the stacks under `root` that were not to be kept and whose process is gone, and remove their data."""
    for file in root.glob(f"*/{STATE_FILE}"):
        stack = _read_state(json.loads(file.read_text()), file.parent)
        if not stack.keep and stack.owner.process() is None:
            note(f"Stopping a stack that was left over in {file.parent}")
            stack.stop(wipe=True)


def _start(state_dir: Path, kafka: Choice, postgres: Choice, settings: Mapping[str, str]) -> Stack:
    """Start what the two choices need, both at once where they are processes.

    On failure nothing is left running.
    """
    stack = Stack("", "", kafka.rung, postgres.rung, state_dir)
    try:
        compose = _containers(stack)
        broker = _broker(stack)
        if postgres.rung is Rung.LOCAL:
            stack.postgres = LocalPostgres(state_dir / "postgres", settings=settings)
            stack.services.append(stack.postgres)
        for service in stack.services:
            service.launch()
        for service in stack.services:
            service.wait_ready()
        if kafka_server := broker or compose:
            stack.bootstrap_servers = kafka_server.bootstrap_servers
        if stack.postgres:
            stack.database_url = stack.postgres.url()
        elif compose:
            stack.database_url = compose.database_url
        _take_named(stack, os.environ)
    except BaseException:
        stack.stop()
        raise
    stack.processes = [identity for service in stack.services for identity in service.identities()]
    return stack


def _containers(stack: Stack) -> Compose | None:
    """Start the containers that are asked for, if any."""
    wanted = {"kafka": stack.kafka_rung, "postgres": stack.postgres_rung}
    names = [name for name, rung in wanted.items() if rung is Rung.DOCKER]
    return Compose(stack.state_dir, names).start() if names else None


def _broker(stack: Stack) -> LocalKafka | MockBroker | None:
    """Add the broker that runs as a process of ours, if any."""
    if stack.kafka_rung is Rung.MOCK:
        mock = MockBroker(stack.state_dir / "kafka")
        stack.services.append(mock)
        return mock
    if stack.kafka_rung is Rung.LOCAL:
        stack.kafka = LocalKafka(stack.state_dir / "kafka")
        stack.services.append(stack.kafka)
    return stack.kafka


def _take_named(stack: Stack, environ: Mapping[str, str]) -> None:
    """Take the addresses that the environment names."""
    if stack.kafka_rung is Rung.ENVIRONMENT:
        stack.bootstrap_servers = environ[BOOTSTRAP_SERVERS]
    if stack.postgres_rung is Rung.ENVIRONMENT:
        stack.database_url = environ.get(OWNER_URL) or environ[DATABASE_URL]


def _write_state(stack: Stack) -> None:
    """Write the state file and the environment file.

    Both hold the password, so their owner alone reads them.
    """
    state = {
        "bootstrap_servers": stack.bootstrap_servers,
        "database_url": stack.database_url,
        "kafka_rung": stack.kafka_rung,
        "postgres_rung": stack.postgres_rung,
        "keep": stack.keep,
        "owner": [stack.owner.pid, stack.owner.created],
        "processes": [[each.pid, each.created] for each in stack.processes],
    }
    private_file(stack.state_dir / STATE_FILE, json.dumps(state, indent=1))
    private_file(stack.environment_file, environment_lines(stack.environment()))


def _read_state(state: Mapping[str, Any], state_dir: Path) -> Stack:
    return Stack(
        bootstrap_servers=state["bootstrap_servers"],
        database_url=state["database_url"],
        kafka_rung=Rung(state["kafka_rung"]),
        postgres_rung=Rung(state["postgres_rung"]),
        state_dir=state_dir,
        keep=state["keep"],
        owner=Identity(*state["owner"]),
        processes=[Identity(*each) for each in state["processes"]],
    )
