"""`points doctor`: whether everything is as it must be, and what to do where it is not."""

import time
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from cli.commands.doctor import documents, notices, progress, server
from cli.commands.doctor.finding import Finding, some_of
from cli.support.console import JsonOption, counted, emit, out, safe
from cli.support.errors import Exit, Failure, PointsError, failure_of
from cli.support.wiring import check_server, configuration, take_role
from schemas import remedies

if TYPE_CHECKING:
    from cli.support.broker import Broker
    from processors.runtime.configuration import Configuration
    from store.postgres.session import Database
    from store.reads.doctor.server import Holder

CLOCK_SECONDS = 5.0
"""The database's clock decides; a host that differs by more has logs and metrics that mislead."""
BACKLOG = 100_000
"""Outbox rows beyond which something is wrong: a relay sends these in a few seconds."""
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "wrong": "[red]✗[/]"}


def doctor_command(json_: JsonOption = False) -> None:
    """Check configuration, Kafka, PostgreSQL, schema, rights, writes, workers, lag and backlogs."""
    findings = list(examine())
    if json_:
        emit([f.answer() for f in findings])
    else:
        _print(findings)
    wrong = [f for f in findings if f.verdict == "wrong"]
    if wrong:
        raise SystemExit(wrong[0].code)


def _print(findings: list[Finding]) -> None:
    """What mends several in a row is said once, under the last of them."""
    for f, following in zip_longest(findings, findings[1:]):
        _line(_MARKS[f.verdict], safe(f.what))
        mended_below = following is not None and following.remedy == f.remedy
        if f.remedy and f.verdict != "ok" and not mended_below:
            _line(" ", f"[dim]→ {safe(f.remedy)}[/]")
    out().print(_in_all(findings))


def _in_all(findings: list[Finding]) -> str:
    """The last line, since the first that is wrong may have left the screen."""
    wrong, warnings = (
        sum(f.verdict == verdict for f in findings) for verdict in ("wrong", "warning")
    )
    of_wrong = f"{wrong:,} wrong (✗)" if wrong else "nothing is wrong"
    return f"{of_wrong}, {counted(warnings, 'warning')}{' (!)' if warnings else ''}"


def _line(mark: str, text: str) -> None:
    """A line that a terminal folds between words, behind the mark; in a pipe it stays whole."""
    from rich.table import Table

    console = out()
    if console.is_terminal:
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_row(mark, text)
        console.print(line)
    else:
        console.print(f"{mark} {text}", soft_wrap=True)


def examine() -> Iterator[Finding]:
    """All checks; those that need what is missing are left out."""
    try:
        configured = configuration()
    except PointsError as failure:
        yield from _refused(failure)
        return
    yield Finding("ok", "configuration: read from the environment")
    yield from _unknown_variables()
    yield from _aside()
    broker = yield from _kafka(configured)
    yield from _attempt("read model", lambda: progress.read_model(configured, broker))
    yield from _postgres(configured, broker)


def _refused(failure: PointsError) -> Iterator[Finding]:
    """Each variable that is wrong; the first line of the failure only announces them."""
    for line in failure.lines[1:] or failure.lines:
        yield Finding("wrong", f"configuration: {line.strip()}", failure.remedy, failure.exit_code)


def _unknown_variables() -> Iterator[Finding]:
    from processors.runtime.configuration import misspelt

    for name in misspelt():
        yield Finding(
            "warning",
            f"configuration: {name} is not a known variable",
            "check its spelling, or remove it",
        )


def _aside() -> Iterator[Finding]:
    """What stops the notices lane alone; where the engine runs, its secrets may well be missing."""
    from processors.runtime.configuration import wrong_with_lane

    for problem in wrong_with_lane():
        yield Finding(
            "warning",
            f"configuration of the notices lane: {problem}",
            "its workers do not start with this; the engine's do",
        )


def _failed(error: Exception, what: str) -> Finding:
    refused = server.refusal(error) if what == "writes" else None
    if refused is not None:
        return refused
    failure = failure_of(error) or Failure(Exit.UNEXPECTED, f"{type(error).__name__}: {error}")
    return Finding("wrong", f"{what}: {failure.lines[0]}", failure.remedy, failure.exit_code)


def _kafka(configured: "Configuration") -> "Any":
    from cli.support.broker import Broker

    try:
        broker = Broker(configured)
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs on a line of its own
        yield _failed(error, "Kafka")
        return None
    many = "1 broker" if broker.brokers == 1 else f"{broker.brokers} brokers"
    yield Finding("ok", f"Kafka: cluster {broker.cluster}, {many}")
    yield from _attempt("topics", lambda: _topics(configured, broker))
    return broker


def _attempt(what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check whose own failure is a finding."""
    try:
        yield from list(check())
    except Exception as error:  # noqa: BLE001 - as above
        yield _failed(error, what)


def _topics(configured: "Configuration", broker: "Broker") -> Iterator[Finding]:
    from cli.commands.topics.planning import plans

    planned = plans(broker, configured, sources=False)
    missing = [plan.wanted.name for plan in planned if plan.have is None]
    if missing:
        yield Finding(
            "wrong",
            f"topics: {', '.join(missing)} missing",
            "run `points topics apply`",
            Exit.CURSOR,
        )
    for plan in planned:
        name = plan.wanted.name
        if plan.have is not None and plan.changes:
            yield Finding(
                "warning",
                f"topic {name}: {'; '.join(plan.changes)}",
                "look at `points topics plan`, then run `points topics apply`",
            )
        for line in plan.differs:
            yield Finding(
                "warning",
                f"topic {name}: {line}",
                "change the topic or the configuration, if it is not on purpose",
            )
    if not missing:
        yield Finding("ok", f"topics: all {len(planned)} there")


def _postgres(configured: "Configuration", broker: "Broker | None") -> Iterator[Finding]:
    from store.postgres import session

    try:
        connection = session.connect(
            configured.database.url.get_secret_value(),
            role=None,
            name="points-doctor",
            tuned=False,
            check_pooling=True,
        )
    except Exception as error:  # noqa: BLE001 - as above
        yield _failed(error, "database")
        return
    with connection:
        info = connection.info
        version = info.parameter_status("server_version") or "?"
        try:
            check_server(connection)
        except Failure as failure:
            yield _failed(failure, "database")
            return
        yield Finding(
            "ok",
            f"database: PostgreSQL {version} at {info.host}:{info.port}/{info.dbname}",
        )
        yield from _schema(configured, connection, broker)


def _schema(
    configured: "Configuration", connection: "Database", broker: "Broker | None"
) -> Iterator[Finding]:
    from processors.registry import ENGINE
    from store.postgres import migrate

    try:
        migrate.check(connection)
    except Exception as error:  # noqa: BLE001 - as above
        if server.is_held_up(error):
            yield from _attempt("locks", lambda: server.holders(connection))
        yield _failed(error, "schema")
        return
    yield Finding("ok", f"schema: revision {migrate.known_revision()}")
    yield from _attempt("schema", lambda: server.whole(connection))
    yield from _attempt("server", lambda: server.settings(connection))
    yield from _attempt("connections", lambda: server.connections(connection))
    yield from _attempt("login", lambda: server.login(connection))
    # The login sees more of its own sessions than the role that it takes.
    yield from _attempt("locks", lambda: server.holders(connection))
    # Behind the locks: a table that somebody holds is named, and only then not read.
    yield from _attempt("sequences", lambda: server.sequences(connection))
    open_now = server.open_now(connection)
    try:
        take_role(connection, configured.database.role)
    except Failure as failure:
        yield _failed(failure, "role")
        return
    yield from _attempt("role", lambda: _rights(configured, connection))
    yield from _attempt("writes", lambda: server.writes(connection))
    yield from _attempt("workers", lambda: progress.workers(connection, ENGINE))
    yield from _attempt("clock", lambda: _clock(connection))
    yield from _attempt("settings", lambda: _settings(connection))
    yield from _attempt("settings", lambda: documents.points_settings(connection))
    yield from _attempt("work", lambda: _work(connection))
    yield from _attempt("outbox", lambda: progress.outbox(connection))
    yield from _attempt("recheck", lambda: _queue(connection, open_now))
    yield from _attempt("holds", lambda: progress.holds(connection))
    yield from _attempt("jobs", lambda: progress.jobs(connection))
    yield from _attempt("carriers", lambda: _reports(connection))
    if broker is not None:
        yield from _attempt("cursors", lambda: _cursors(connection, broker))
        yield from _attempt("lag", lambda: progress.lag(connection, broker))
        yield from _attempt("groups", lambda: progress.groups(connection, configured, broker))
    yield from _attempt("notices", lambda: notices.notices(broker))


def _rights(configured: "Configuration", connection: "Database") -> Iterator[Finding]:
    from store.postgres.session import OPS_ROLE
    from store.reads import status

    rights = status.ledger_rights(connection)
    role = configured.database.role or connection.info.user
    if role == OPS_ROLE and not rights.changes:
        yield Finding("ok", f"role {role}: an operator's, and cannot change the ledger")
    elif not rights.adds:
        yield Finding(
            "wrong",
            f"role {role}: may not add to the ledger",
            "run `points migrate` as the owner",
            Exit.REFUSED,
        )
    elif rights.changes:
        remedy = (
            "let workers act as a role without these rights: POINTS_DATABASE__ROLE (points_app)"
        )
        yield Finding("wrong", f"role {role}: could change the ledger", remedy, Exit.REFUSED)
    else:
        yield Finding("ok", f"role {role}: adds to the ledger and cannot change it")


def _clock(connection: "Database") -> Iterator[Finding]:
    from store.reads import status

    before = time.time()
    now = status.table_counts(connection).now / 1_000_000
    apart = now - (before + time.time()) / 2
    if abs(apart) > CLOCK_SECONDS:
        ahead = "ahead of" if apart > 0 else "behind"
        wrong = f"clock: the database is {abs(apart):,.1f} s {ahead} this machine"
        yield Finding(
            "warning", wrong, "the database's clock decides when points are due: set both by NTP"
        )
    else:
        yield Finding(
            "ok", f"clock: {abs(apart) * 1000:.0f} ms between the database and this machine"
        )


def _settings(connection: "Database") -> Iterator[Finding]:
    from store.reads import status

    without = status.merchants_without_settings(connection)
    if without:
        shown = some_of(without)
        remedy = "their orders wait, unbound: `points settings apply MERCHANT FILE`"
        yield Finding(
            "warning", f"settings: {counted(len(without), 'merchant')} without: {shown}", remedy
        )
    else:
        known = counted(status.table_counts(connection).merchants, "merchant")
        yield Finding("ok", f"settings: {known}, none without")


def _work(connection: "Database") -> Iterator[Finding]:
    from store.reads import status

    paused = status.paused_pipelines(connection)
    for p in paused:
        remedy = f"look with `points dlq list`, mend what is wrong, then `points resume {p.name}`"
        yield Finding("wrong", f"pipeline {p.name}: paused: {p.reason}", remedy)
    if not paused:
        yield Finding("ok", "pipelines: none is paused")
    waiting, shards = status.outbox_stats(connection), status.relayed_shards(connection)
    rows = counted(waiting.rows, "row")
    oldest = f", the oldest of {waiting.oldest[:19]}Z" if waiting.oldest else ""
    if waiting.rows > BACKLOG:
        yield Finding(
            "wrong",
            f"outbox: {rows} waiting{oldest}",
            "start more relays, or look at why they fail",
        )
    elif waiting.rows and not shards:
        yield Finding(
            "warning",
            f"outbox: {rows} waiting{oldest}, and no relay is running",
            "`points run relay` sends them",
        )
    else:
        yield Finding("ok", f"outbox: {rows}")
    letters = status.dead_letter_stats(connection)
    if letters.open:
        yield Finding(
            "warning",
            f"dead letters: {letters.open:,} open",
            remedies.open_letters("intake"),
        )
    else:
        yield Finding("ok", "dead letters: none open")


def _queue(connection: "Database", open_now: "list[Holder]") -> Iterator[Finding]:
    from store.reads import status

    queue = sum(status.recheck_queue(connection).values())
    if queue and open_now:
        yield Finding(
            "warning",
            f"recheck: {counted(queue, 'row')}, the oldest waiting for {open_now[0].what} in "
            f"{server.described(open_now[0])}",
            "let it end: whatever it changes must be seen",
        )
    elif queue > BACKLOG:
        yield Finding(
            "wrong", f"recheck: {queue:,} rows wait", "start more of them: `points run recheck`"
        )
    else:
        yield Finding("ok", f"recheck: {counted(queue, 'row')}")


def _reports(connection: "Database") -> Iterator[Finding]:
    """Carriers' reports that fit several orders, and unknown codes: an operator decides them."""
    from store.reads import parked as reports

    parked, unknown = reports.parked(connection), reports.unknown_codes(connection)
    if parked.ambiguous:
        wrong = (
            f"carriers' reports: those of {parked.ambiguous:,} tracking numbers fit several orders "
            "and count for none"
        )
        yield Finding("warning", wrong, "`points carriers parked --ambiguous` shows which")
    else:
        waiting = parked.unmatched + parked.awaiting
        yield Finding(
            "ok",
            f"carriers' reports: none is ambiguous, {waiting:,} numbers and orders are awaited",
        )
    if unknown.codes:
        wrong = (
            f"carriers' codes: {unknown.codes:,} are unknown; "
            f"reports with them, so far {unknown.reports:,}, change nothing"
        )
        yield Finding("warning", wrong, "`points carriers unknown`, then `points carriers set`")
    else:
        yield Finding("ok", "carriers' codes: all that came are known")


def _cursors(connection: "Database", broker: "Broker") -> Iterator[Finding]:
    from cli.commands.cursor import plan_adoptions
    from store.streams import adoption

    rows = adoption.known(connection)
    plans = plan_adoptions(rows, broker, "earliest", None)
    for plan in plans:
        place = f"{plan.pipeline} in {plan.place.topic}/{plan.place.partition}"
        yield Finding(
            "wrong",
            f"cursor of {place}: {plan.why}",
            "`points cursor adopt` says what it would do",
            Exit.CURSOR,
        )
    if not plans:
        yield Finding(
            "ok",
            f"cursors: {sum(1 for r in rows if not r.retired)}, all in the logs of their topics",
        )
