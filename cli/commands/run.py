"""`points run`: one worker in this process, or several as a tree of processes."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.console import out, remark, safe, safe_lines
from cli.support.errors import Exit, Failure
from cli.support.streams import OutputRefused, give_up_answers
from processors.registry import ENGINE, WORKERS, WorkerKind
from processors.runtime import garbage

if TYPE_CHECKING:
    from processors.runtime.configuration import Configuration
    from processors.runtime.supervisor import ChildSpec

MANY_CORES = 4
"""Below so many cores a second intake would only take them from the database."""
MOST_INTAKES = 100
"""More processes than a machine has use for: a slip of the finger must not start thousands."""
LAST_PORT = 65_535
ALL = "all"
AS_OF_LANE = "of the notices lane, whose workers would not start"
_ENDINGS = (Exit.OK, Exit.UNEXPECTED, Exit.USAGE, Exit.SCHEMA, Exit.CURSOR)
_WORKERS = "\n".join(f"{kind.name}: {kind.does}." for kind in WORKERS.values())
_SEVERAL = (
    "Several workers are restarted after a crash (1). With 2 or 3 all of them stop, as an operator "
    "must act first; with 4, and whatever one of the notices lane ends with, the others go on, and "
    "the one is tried again. Each serves /metrics, "
    "/healthz and /readyz: the first on POINTS_METRICS__PORT, the others on the ports after it."
)
HELP = f"""Run workers until SIGTERM or Ctrl-C, which let them finish their batch.

{_WORKERS}

{_SEVERAL}

Exit codes: {" · ".join(f"{code} {code.meaning}" for code in _ENDINGS)}."""


def run_command(
    workers: Annotated[
        list[str],
        typer.Argument(
            metavar="WORKER",
            help=f"`{ALL}`, or any of {', '.join(WORKERS)}; a name may be repeated.",
        ),
    ],
    intakes: Annotated[
        int | None,
        typer.Option(
            help="How many intakes `all` starts. [default: 1, and 2 from 4 cores on]",
            min=1,
            max=MOST_INTAKES,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the table of workers as JSON.")
    ] = False,
) -> None:
    """Run one worker in this process, or several as processes of their own; see HELP."""
    _refuse_unknown(workers)
    with garbage.paused():
        work = _prepared(workers, intakes, as_json=as_json)
    raise typer.Exit(work())


def _prepared(workers: list[str], intakes: int | None, *, as_json: bool) -> Callable[[], int]:
    """What runs them, with all that it needs loaded; it gives the exit code."""
    configuration = _loaded(workers)
    kinds = _kinds(workers, intakes)
    _check_ports(configuration.metrics.port, len(kinds))
    _tell_what_stops_nobody(kinds)
    if len(kinds) == 1:
        return _alone(WORKERS[kinds[0]], configuration)
    return partial(_tree, kinds, configuration, as_json=as_json)


def _loaded(workers: Sequence[str]) -> "Configuration":
    """What the environment says; workers of the lane alone are refused for what only it uses.

    Beside the engine's, a worker of the lane is refused by itself, and the others go on.
    """
    from processors.runtime.configuration import load, load_for_lane

    of_lane = all(name != ALL and _is_of_lane(name) for name in workers)
    return load_for_lane() if of_lane else load()


def _is_of_lane(kind: str) -> bool:
    return WORKERS[kind].lane == "notices"


def _check_ports(first: int, count: int) -> None:
    if first and first + count - 1 > LAST_PORT:
        raise Failure(
            Exit.USAGE,
            f"{count} workers from port {first} on: the ports end at {LAST_PORT}",
            "set POINTS_METRICS__PORT",
        )


def _tell_what_stops_nobody(kinds: Sequence[str]) -> None:
    """What is wrong in the environment and yet refused by none of these workers, told once.

    A variable with a single `_` has no effect, which is seen only where it is missed. What cannot
    be read of the notices lane is told where no worker of it would tell it.
    """
    from processors.runtime.configuration import misspelt, unreadable_of_lane
    from processors.runtime.stopping import PARENT_PIPE

    if PARENT_PIPE in os.environ:
        return  # the supervisor has told it
    if not any(_is_of_lane(kind) for kind in kinds):
        for problem in unreadable_of_lane():
            remark(f"{AS_OF_LANE}: {problem}")
    for variable in misspelt():
        remark(f"{variable} is not a known variable: check its spelling, or remove it")


def _alone(kind: WorkerKind, configuration: "Configuration") -> Callable[[], int]:
    """What runs one worker in this process."""
    from processors.runtime import loop
    from processors.runtime.configuration import LaneConfiguration

    if not isinstance(configuration, LaneConfiguration):
        return partial(loop.run_worker, kind.name, kind.factory(), configuration)
    try:
        body = kind.body()
    except ModuleNotFoundError as error:
        raise Failure(
            Exit.USAGE,
            f"worker {kind.name} needs the package {error.name}, which is not installed",
            "install member-points[notices]",
        ) from None
    return partial(loop.run_process, kind.name, configuration, body)


def _refuse_unknown(asked: Sequence[str]) -> None:
    unknown = sorted(set(asked) - {*WORKERS, ALL})
    if unknown:
        raise typer.BadParameter(
            f"no worker is called {', '.join(unknown)}; there are {ALL}, {', '.join(WORKERS)}"
        )


def _kinds(asked: Sequence[str], intakes: int | None) -> list[str]:
    from processors.runtime.configuration import lane_is_wanted

    count = intakes or (2 if (os.cpu_count() or 1) >= MANY_CORES else 1)
    all_kinds = WORKERS if ALL in asked and lane_is_wanted() else ENGINE
    every = [kind for kind in all_kinds for _ in range(count if kind == "intake" else 1)]
    return [kind for name in asked for kind in (every if name == ALL else [name])]


def _tree(kinds: Sequence[str], configuration: "Configuration", *, as_json: bool) -> int:
    from processors.runtime.logs import set_up
    from processors.runtime.stopping import Stop
    from processors.runtime.supervisor import Supervisor, child_specs

    set_up(configuration.log_level, configuration.log_format, worker="supervisor")
    children = child_specs(kinds, configuration.metrics.port)
    _print(children, configuration.metrics.host, as_json=as_json)
    command = [sys.executable, "-m", "cli", "run"]
    return Supervisor(command, children, os.environ, Stop()).run()


def _print(children: Sequence["ChildSpec"], host: str, *, as_json: bool) -> None:
    from processors.runtime.health import url_of

    rows = [(child.name, url_of(host, child.port) if child.port else None) for child in children]
    if as_json:
        import orjson

        from schemas.answers.operations import WorkerAddress

        # On one line, since a log follows it.
        answers = [WorkerAddress(worker=name, url=url).model_dump() for name, url in rows]
        _write(lambda: out().print(safe_lines(orjson.dumps(answers).decode()), soft_wrap=True))
        return
    from rich.table import Table

    table = Table("worker", "/metrics, /healthz, /readyz")
    for name, url in rows:
        table.add_row(name, safe(url or "any free port: see the line `serving`"))
    _write(lambda: out().print(table, soft_wrap=True))


def _write(printing: Callable[[], object]) -> None:
    """A table that cannot be shown keeps no worker from its work."""
    try:
        printing()
    except (OutputRefused, BrokenPipeError):
        give_up_answers()
