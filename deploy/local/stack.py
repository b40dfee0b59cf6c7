"""The local stack as one thing: started over the ladder, found again, and stopped whole.

with start_stack(Path(".local/demo")) as stack:
    ... stack.bootstrap_servers, stack.database_url ...
"""

import json
import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from deploy.local.containers import KafkaContainer, PostgresContainer, ValkeyContainer
from deploy.local.docker import Compose
from deploy.local.kafka_local import LocalKafka
from deploy.local.ladder import (
    BOOTSTRAP_SERVERS,
    DATABASE_URL,
    ENVIRONMENT,
    OWNER_URL,
    REDIS_URL,
    Choice,
    Rung,
    kafka_choice,
    postgres_choice,
    valkey_choice,
)
from deploy.local.mock_broker import MockBroker
from deploy.local.postgres_local import LocalPostgres
from deploy.local.process import Identity, StartError, environment_lines, private_file
from deploy.local.progress import note, step
from deploy.local.service import Service
from deploy.local.sinks_local import LocalSinks
from deploy.local.valkey_local import LocalValkey

STATE_FILE = "stack.json"
NAMES = {"kafka": "Kafka", "postgres": "PostgreSQL", "valkey": "Valkey"}
"""The parts of a stack, as they are shown."""
NEEDED = ("kafka", "postgres")
"""What the engine cannot do without."""
NOT_ASKED_FOR = Choice(Rung.NONE, "not asked for")


@dataclass
class Stack:
    """A running Kafka, PostgreSQL and Valkey, or some of them, and which rungs they came from.

    `database_url` is the owner's; it and `redis_url` hold passwords, and the latter is empty where
    there is no Valkey. `providers` are the variables of the notices lane, none without sinks.
    `kafka`, `postgres` and `valkey` are the servers started by this very process on the local rung
    (tests of faults restart them), else None.
    """

    bootstrap_servers: str
    database_url: str
    kafka_rung: Rung
    postgres_rung: Rung
    state_dir: Path
    redis_url: str = ""
    valkey_rung: Rung = Rung.NONE
    kafka: LocalKafka | None = None
    postgres: LocalPostgres | None = None
    valkey: LocalValkey | None = None
    keep: bool = False
    owner: Identity = field(default_factory=lambda: Identity.of(os.getpid()))
    processes: list[Identity] = field(default_factory=list)
    providers: dict[str, str] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list, repr=False)

    @property
    def environment_file(self) -> Path:
        """Shell lines that export the environment, password and all.

        `.local/stack.env` for `.local/stack`.
        """
        return self.state_dir.with_suffix(".env")

    def environment(self) -> dict[str, str]:
        """The variables that make the engine use this stack, which encrypts nothing."""
        needed = {
            ENVIRONMENT: "development",
            BOOTSTRAP_SERVERS: self.bootstrap_servers,
            DATABASE_URL: self.database_url,
        }
        return {
            **needed,
            **({REDIS_URL: self.redis_url} if self.redis_url else {}),
            **self.providers,
        }

    def stop(self, *, wipe: bool = False) -> None:
        """Stop everything that was started for this stack; `wipe` removes its data as well."""
        for service in reversed(self.services):
            service.stop()
        for identity in self.processes:
            identity.stop()
        if Rung.DOCKER in (self.kafka_rung, self.postgres_rung, self.valkey_rung):
            Compose(self.state_dir, []).stop(wipe=wipe)
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
    state_dir: Path,
    *,
    keep: bool = False,
    parts: Collection[str] = NEEDED,
    throwaway: bool = False,
    sinks: bool = False,
    postgres_settings: Mapping[str, str] | None = None,
) -> Stack:
    """Start Kafka and PostgreSQL, or other `parts` (the keys of NAMES), over the ladder.

    Their state lies under `state_dir`. StartError says what failed.

    `keep` leaves them running when the process ends (or takes those that run already); without it
    the context manager stops them. `throwaway` stacks are those of tests, which take containers of
    their own where an engine answers. `sinks` adds providers of notices, and a file of keys.
    Stacks next to `state_dir` whose process died without
    stopping them are stopped first.
    """
    state_dir = state_dir.resolve()
    state_dir.mkdir(parents=True, exist_ok=True)
    stop_orphans(state_dir.parent)
    if (current := running(state_dir)) is not None:
        if keep and current.keep:
            return current
        raise StartError(f"A stack runs already in {state_dir}: stop it first (make down)")
    if (broken := recorded(state_dir)) is not None:
        note("Part of the stack had died: stopping the rest, to start it whole")
        broken.stop()
    kafka = kafka_choice(throwaway=throwaway) if "kafka" in parts else NOT_ASKED_FOR
    postgres = postgres_choice(throwaway=throwaway) if "postgres" in parts else NOT_ASKED_FOR
    valkey = valkey_choice(throwaway=throwaway) if "valkey" in parts else NOT_ASKED_FOR
    choices = {"kafka": kafka, "postgres": postgres, "valkey": valkey}
    shown = [f"{NAMES[part]}: {choices[part].rung} ({choices[part].why})" for part in parts]
    for line in shown:
        note(line)
    starting = [NAMES[part] for part in parts if choices[part].rung is not Rung.NONE]
    listed = filter(None, [", ".join(starting[:-1]), *starting[-1:]])
    with step(f"Starting {' and '.join(listed)}"):
        settings = postgres_settings or {}
        stack = _start(state_dir, choices, settings, sinks=sinks, throwaway=throwaway)
    stack.keep = keep
    _write_state(stack)
    return stack


def running(state_dir: Path) -> Stack | None:
    """The stack that runs in `state_dir`, None when none does."""
    stack = recorded(state_dir)
    return stack if stack and all(identity.process() for identity in stack.processes) else None


def recorded(state_dir: Path) -> Stack | None:
    """The stack in the state file, even when part of it has died meanwhile."""
    file = state_dir.resolve() / STATE_FILE
    return _read_state(json.loads(file.read_text()), file.parent) if file.exists() else None


def stop_orphans(root: Path) -> None:
    """Stop the stacks under `root` whose process is gone, and remove their data.

    Those that were to be kept stay.
    """
    for file in root.glob(f"*/{STATE_FILE}"):
        # Test runs start side by side: another may have stopped the same orphan just now.
        with suppress(FileNotFoundError):
            stack = _read_state(json.loads(file.read_text()), file.parent)
            if not stack.keep and stack.owner.process() is None:
                note(f"Stopping a stack that was left over in {file.parent}")
                stack.stop(wipe=True)


def _start(
    state_dir: Path,
    choices: Mapping[str, Choice],
    settings: Mapping[str, str],
    *,
    sinks: bool,
    throwaway: bool,
) -> Stack:
    """Start what the choices need, all at once where they are processes.

    On failure nothing is left running.
    """
    kafka, postgres, valkey = (choices[part].rung for part in NAMES)
    stack = Stack("", "", kafka, postgres, state_dir, valkey_rung=valkey)
    try:
        compose = _compose(stack)
        broker = _broker(stack, throwaway=throwaway)
        database = _database(stack, settings)
        cache = _cache(stack)
        providers = LocalSinks(state_dir / "sinks.log") if sinks else None
        if providers is not None:
            stack.services.append(providers)
        for service in stack.services:
            service.launch()
        for service in stack.services:
            service.wait_ready()
        if kafka_server := broker or compose:
            stack.bootstrap_servers = kafka_server.bootstrap_servers
        if postgres_server := database or compose:
            stack.database_url = postgres_server.database_url
        if cache:
            stack.redis_url = cache.redis_url
        elif compose and stack.valkey_rung is Rung.DOCKER:
            stack.redis_url = compose.redis_url
        _take_named(stack, os.environ)
        if providers is not None:
            stack.providers = providers.environment(stack.state_dir)
    except BaseException:
        stack.stop()
        raise
    stack.processes = [identity for service in stack.services for identity in service.identities()]
    return stack


def _compose(stack: Stack) -> Compose | None:
    """Start the services of the compose file that are asked for, if any."""
    rungs = {
        "kafka": stack.kafka_rung,
        "postgres": stack.postgres_rung,
        "valkey": stack.valkey_rung,
    }
    names = [name for name, rung in rungs.items() if rung is Rung.DOCKER]
    return Compose(stack.state_dir, names).start() if names else None


def _broker(stack: Stack, *, throwaway: bool) -> LocalKafka | MockBroker | KafkaContainer | None:
    """Add the broker that this process starts, if any."""
    broker: LocalKafka | MockBroker | KafkaContainer
    match stack.kafka_rung:
        case Rung.CONTAINERS:
            broker = KafkaContainer()
        case Rung.LOCAL:
            broker = stack.kafka = LocalKafka(stack.state_dir / "kafka", brief=throwaway)
        case Rung.MOCK:
            broker = MockBroker(stack.state_dir / "kafka")
        case _:
            return None
    stack.services.append(broker)
    return broker


def _database(
    stack: Stack, settings: Mapping[str, str]
) -> LocalPostgres | PostgresContainer | None:
    """Add the PostgreSQL that this process starts, if any."""
    server: LocalPostgres | PostgresContainer
    match stack.postgres_rung:
        case Rung.CONTAINERS:
            server = PostgresContainer()
        case Rung.LOCAL:
            server = stack.postgres = LocalPostgres(stack.state_dir / "postgres", settings=settings)
        case _:
            return None
    stack.services.append(server)
    return server


def _cache(stack: Stack) -> LocalValkey | ValkeyContainer | None:
    """Add the Valkey that this process starts, if any."""
    server: LocalValkey | ValkeyContainer
    match stack.valkey_rung:
        case Rung.CONTAINERS:
            server = ValkeyContainer()
        case Rung.LOCAL:
            server = stack.valkey = LocalValkey(stack.state_dir / "valkey")
        case _:
            return None
    stack.services.append(server)
    return server


def _take_named(stack: Stack, environ: Mapping[str, str]) -> None:
    """Take the addresses that the environment names."""
    if stack.kafka_rung is Rung.ENVIRONMENT:
        stack.bootstrap_servers = environ[BOOTSTRAP_SERVERS]
    if stack.postgres_rung is Rung.ENVIRONMENT:
        stack.database_url = environ.get(OWNER_URL) or environ[DATABASE_URL]
    if stack.valkey_rung is Rung.ENVIRONMENT:
        stack.redis_url = environ[REDIS_URL]


def _write_state(stack: Stack) -> None:
    """Write the state file and the environment file.

    Both hold passwords, so their owner alone reads them.
    """
    state = {
        "bootstrap_servers": stack.bootstrap_servers,
        "database_url": stack.database_url,
        "redis_url": stack.redis_url,
        "kafka_rung": stack.kafka_rung,
        "postgres_rung": stack.postgres_rung,
        "valkey_rung": stack.valkey_rung,
        "providers": stack.providers,
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
        redis_url=state.get("redis_url", ""),
        kafka_rung=Rung(state["kafka_rung"]),
        postgres_rung=Rung(state["postgres_rung"]),
        valkey_rung=Rung(state.get("valkey_rung", Rung.NONE)),
        state_dir=state_dir,
        providers=state.get("providers", {}),
        keep=state["keep"],
        owner=Identity(*state["owner"]),
        processes=[Identity(*each) for each in state["processes"]],
    )
