"""Where the sample days are played: servers, a fresh database and topics of its own.

No real table is touched.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.support.console import remark
from cli.support.errors import Exit, Failure, failure_of

if TYPE_CHECKING:
    from deploy.local.ladder import Rung
    from deploy.local.sinks.process import SinksProcess
    from deploy.local.stack import Stack
    from processors.runtime.configuration import Configuration

LOCAL = Path(__file__).parents[2] / ".local"
KEPT_ENVIRONMENT = LOCAL / "demo.env"
FETCHED_BYTES = 64 << 20
"""What Maven downloads for Kafka and for itself: only for the length of a bar."""
LINES_SHOWN = 12
KEYS = "POINTS_NOTICES__KEY_FILE"
_KEPT_OF_OURS = ("POINTS_KAFKA__",)
"""Which POINTS_… variables are handed on to the sample's engine: how to log in to Kafka."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place to play on.

    `environment` is that of every command and worker, and holds the password. `sinks` stand in for
    the providers of the notices lane; None where it is not played.
    """

    environment: Mapping[str, str]
    database_url: str
    database: str
    prefix: str
    folder: Path
    sinks: "SinksProcess | None" = None

    def configuration(self) -> "Configuration":
        """What the product reads from this environment. Raises Failure."""
        from cli.support.wiring import configuration

        with acting_in(self.environment):
            return configuration()


@contextmanager
def acting_in(environment: Mapping[str, str]) -> Iterator[None]:
    """This process's environment for a moment."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def environment_of(
    bootstrap: str,
    database_url: str,
    prefix: str,
    inherited: Mapping[str, str] = os.environ,
    *,
    redis_url: str = "",
) -> dict[str, str]:
    """The environment of the sample's engine: these servers, topics under `prefix`, free ports.

    Without `redis_url` the read model is off.
    """
    from cli.demo.data import APPLICATION_ID
    from processors.runtime.configuration import TopicsConfiguration

    passed = {
        k: v
        for k, v in inherited.items()
        if not k.startswith("POINTS_") or k.startswith(_KEPT_OF_OURS)
    }
    topics = TopicsConfiguration().model_dump().items()
    return {
        **passed,
        "POINTS_ENVIRONMENT": "development",
        "POINTS_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "POINTS_KAFKA__GROUP_ID": f"{prefix}points",
        "POINTS_KAFKA__PARTITIONS": "2",
        "POINTS_DATABASE__URL": database_url,
        "POINTS_METRICS__PORT": "0",
        "POINTS_LOG_FORMAT": "json",
        "POINTS_APPLICATION_ID": APPLICATION_ID,
        **({"POINTS_REDIS__URL": redis_url} if redis_url else {}),
        **(
            {f"POINTS_TOPICS__{name.upper()}": prefix + topic for name, topic in topics}
            if prefix
            else {}
        ),
    }


def named_by_environment() -> bool:
    """Whether the environment names a Kafka or a PostgreSQL."""
    from deploy.local.ladder import BOOTSTRAP_SERVERS, DATABASE_URL, OWNER_URL

    return any(os.environ.get(name) for name in (BOOTSTRAP_SERVERS, DATABASE_URL, OWNER_URL))


@dataclass(frozen=True, slots=True)
class Servers:
    """A Kafka and a PostgreSQL. `shared_kafka`: others may have topics there.

    `words`: where both come from. `redis_url`: a Valkey of the sample's own, empty where there is
    none; a shared one has other members' balances.

    `stay` says that both go on when the sample has ended.
    """

    stack: "Stack"
    shared_kafka: bool
    stay: bool
    words: str
    redis_url: str = ""


def fetch_kafka(advance: Callable[[float], None]) -> None:
    """Downloads Kafka's jars, which only the first run has to do; tells how much has come.

    Raises Failure.
    """
    from deploy.local.kafka_local import CACHE

    # In a session of its own: Ctrl-C reaches only us, and we end Maven with what started it.
    with tempfile.TemporaryFile() as output:
        code = "from deploy.local.kafka_local import ensure_jars; ensure_jars()"
        fetching = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", code],
            cwd=LOCAL.parent,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            while fetching.poll() is None:
                advance(min(_bytes_below(CACHE), FETCHED_BYTES * 0.99))
                time.sleep(0.2)
        except KeyboardInterrupt:
            os.killpg(fetching.pid, signal.SIGINT)
            fetching.wait(10)
            raise
        if fetching.returncode:
            output.seek(0)
            lines = output.read().decode(errors="replace").splitlines()[-LINES_SHOWN:]
            remedy = (
                "see what Maven says; it needs the network once. "
                "POINTS_KAFKA__BOOTSTRAP_SERVERS names another Kafka"
            )
            raise Failure(Exit.UNREACHABLE, ["Apache Kafka could not be fetched:", *lines], remedy)


def must_fetch_kafka() -> bool:
    """Whether Kafka will run on this machine and its jars have yet to come."""
    from deploy.local.__main__ import STATE_DIR
    from deploy.local.kafka_local import jars
    from deploy.local.ladder import Rung, kafka_choice
    from deploy.local.stack import running

    if not named_by_environment() and running(STATE_DIR) is not None:
        return False
    return not jars().exists() and kafka_choice().rung is Rung.LOCAL


def _bytes_below(folder: Path) -> int:
    """Bytes in the folders that Maven fills.

    They change meanwhile: walking them copes with that, a deep glob does not.
    """
    total = 0
    for temporary in folder.glob("tmp*"):
        for place, _, names in os.walk(temporary):
            for name in names:
                with suppress(OSError):
                    total += (Path(place) / name).stat().st_size
    return total


def servers(ending: ExitStack) -> Servers:
    """What the environment names, else the stack that `make up` left running, else one of our own.

    What is started here is stopped and removed with `ending`. Raises Failure.
    """
    from deploy.local.__main__ import STATE_DIR
    from deploy.local.ladder import Rung
    from deploy.local.process import StartError
    from deploy.local.stack import NAMES, running, start_stack

    kept = None if named_by_environment() else running(STATE_DIR)
    if kept is not None:
        return Servers(
            kept, shared_kafka=True, stay=True, words="the stack that `make up` left running"
        )
    # A folder for every run, so that two may run at once; what a killed run left is stopped first.
    folder = LOCAL / "demo" / str(os.getpid())
    ending.callback(_remove_folder, folder)
    try:
        stack = start_stack(folder, parts=tuple(NAMES))
    except StartError as error:
        remedy = (
            "install what is missing, or name servers: "
            "POINTS_KAFKA__BOOTSTRAP_SERVERS and POINTS_DATABASE__URL"
        )
        raise Failure(Exit.UNREACHABLE, error.lines, remedy) from None
    ending.callback(stack.stop, wipe=True)
    shared = stack.kafka_rung is Rung.ENVIRONMENT
    rungs = _rungs(stack)
    named = [name for name, rung in rungs.items() if rung is Rung.ENVIRONMENT]
    own = [f"{name} ({rung})" for name, rung in rungs.items() if rung is not Rung.ENVIRONMENT]
    words = ["the environment's " + " and ".join(named)] if named else []
    if own:
        words.append(" and ".join(own) + " of its own")
    redis_url = stack.redis_url if stack.valkey_rung is not Rung.ENVIRONMENT else ""
    return Servers(
        stack, shared_kafka=shared, stay=not own, words=", ".join(words), redis_url=redis_url
    )


def _rungs(stack: "Stack") -> "Mapping[str, Rung]":
    return {"Kafka": stack.kafka_rung, "PostgreSQL": stack.postgres_rung}


def prepare(ending: ExitStack, chosen: Servers, *, keep: bool) -> Site:
    """A fresh database, and a prefix for topics where others have theirs.

    `ending` removes both unless kept.
    """
    from cli.demo.notices import environment_of_lane

    mark = secrets.token_hex(3)
    prefix = f"demo.{mark}." if chosen.shared_kafka else ""
    database = f"points_demo_{mark}"
    url = _make_database(chosen.stack.database_url, database)
    folder = LOCAL / "demo" / f"{os.getpid()}-{mark}"
    folder.mkdir(parents=True, exist_ok=True)
    environment = environment_of(
        chosen.stack.bootstrap_servers, url, prefix, redis_url=chosen.redis_url
    )
    sinks = _sinks(ending, chosen)
    if sinks is not None:
        environment |= environment_of_lane(folder, sinks)
    site = Site(environment, url, database, prefix, folder, sinks)
    ending.callback(_remove_folder, folder)
    if not keep:
        ending.callback(
            _removed, f"database {database}", _drop_database, chosen.stack.database_url, database
        )
        if prefix:
            ending.callback(_removed, f"topics named {prefix}…", _delete_topics, site)
    return site


def _sinks(ending: ExitStack, chosen: Servers) -> "SinksProcess | None":
    """Providers' stand-ins; None without the extra `notices`, and on the mock broker.

    The lane's client does not speak with the latter.
    """
    from cli.demo.notices import installed
    from deploy.local.ladder import Rung

    if not installed() or chosen.stack.kafka_rung is Rung.MOCK:
        return None
    from deploy.local.sinks.process import SinksProcess

    return ending.enter_context(SinksProcess())


def keep_environment(site: Site) -> Path:
    """Writes the environment of a kept sample into a file that its owner alone can read."""
    from deploy.local.__main__ import STATE_DIR
    from deploy.local.process import environment_lines, private_file
    from deploy.local.stack import running

    stack = running(STATE_DIR)
    ours = {name: value for name, value in site.environment.items() if name.startswith("POINTS_")}
    # The sample's own stand-ins of providers are gone, those of the stack go on.
    ours |= stack.providers if stack is not None else {}
    ours |= {"POINTS_LOG_FORMAT": "console"}
    if KEYS in ours:
        kept = KEPT_ENVIRONMENT.with_suffix(".keys")
        private_file(kept, Path(site.environment[KEYS]).read_text())
        ours[KEYS] = str(kept)
    private_file(KEPT_ENVIRONMENT, environment_lines(ours))
    return KEPT_ENVIRONMENT


def _make_database(admin_url: str, name: str) -> str:
    import psycopg
    from psycopg import sql
    from sqlalchemy import make_url

    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
            )
    except psycopg.errors.InsufficientPrivilege:
        wrong = "this user may not create databases, and the sample days need one of their own"
        raise Failure(
            Exit.REFUSED,
            wrong,
            "name a user with CREATEDB in POINTS_DATABASE__OWNER_URL",
            code="missing_rights",
        ) from None
    url = make_url(admin_url)
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    return url.set(database=name).render_as_string(hide_password=False)


def _removed(what: str, remove: Callable[..., None], *arguments: object) -> None:
    """Removes something of ours.

    A server that is gone must not hide why the sample ended.
    """
    try:
        remove(*arguments)
    except Exception as error:
        known = failure_of(error)
        if known is None:
            raise
        remark(f"perhaps left behind, to be removed by hand: {what} ({known.lines[0]})")


def _drop_database(admin_url: str, name: str) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


def _delete_topics(site: Site) -> None:
    from confluent_kafka.admin import AdminClient

    from processors.runtime.kafka.clients import common

    admin = AdminClient(common(site.configuration().kafka, name="points-demo") | {"log_level": 0})
    there = admin.list_topics(timeout=10).topics
    ours = [name for name in there if name.startswith(site.prefix)]
    for done in admin.delete_topics(ours, operation_timeout=10).values() if ours else ():
        done.exception(20)


def _remove_folder(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
