"""`points run`: one worker in this process, or several as a tree of processes."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processors.runtime.configuration import Configuration
    from processors.runtime.supervisor import ChildSpec

MANY_CORES = 4
"""Below so many cores a second intake would only take them from the database."""


def run_command(
    workers: Annotated[
        list[str],
        typer.Argument(
            metavar="WORKER…",
            help="`all`, or any of intake, grants, recheck, expiry, relay; a name may be repeated.",
        ),
    ],
    intakes: Annotated[
        int | None,
        typer.Option(
            help="How many intakes `all` starts. [default: 1, and 2 from 4 cores on]", min=1
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the table of workers as JSON.")
    ] = False,
) -> None:
    """Run workers until SIGTERM or Ctrl-C, which let them finish their batch.

    Exit codes: 0 stopped as told, 1 crashed, 2 the configuration (or the password) is wrong, 3 the
    database's schema is not the one of this version, 4 a topic is missing, was recreated, or lost
    records that were not read yet. Several workers are restarted after a crash; with 2, 3 or 4 all
    of them stop. Each serves /metrics, /healthz and /readyz: the first on POINTS_METRICS__PORT, the
    others on the ports after it.
    """
    from processors.runtime.configuration import load
    from processors.runtime.loop import run_worker
    from processors.workers import WORKERS

    kinds = _kinds(workers, tuple(WORKERS), intakes)
    configuration = load()
    if len(kinds) == 1:
        raise typer.Exit(run_worker(kinds[0], WORKERS[kinds[0]], configuration))
    raise typer.Exit(_tree(kinds, configuration, as_json=as_json))


def _kinds(asked: Sequence[str], known: Sequence[str], intakes: int | None) -> list[str]:
    unknown = sorted({name for name in asked if name not in {*known, "all"}})
    if unknown:
        raise typer.BadParameter(
            f"no worker is called {', '.join(unknown)}; there are all, {', '.join(known)}"
        )
    count = intakes or (2 if (os.cpu_count() or 1) >= MANY_CORES else 1)
    every = [kind for kind in known for _ in range(count if kind == "intake" else 1)]
    return [kind for name in asked for kind in (every if name == "all" else [name])]


def _tree(kinds: Sequence[str], configuration: "Configuration", *, as_json: bool) -> int:
    from processors.runtime.logs import set_up
    from processors.runtime.stopping import Stop
    from processors.runtime.supervisor import Supervisor, child_specs

    set_up(configuration.log_level, configuration.log_format, worker="supervisor")
    planned = child_specs(kinds, configuration.metrics.port)
    _print(planned, configuration.metrics.host, as_json=as_json)
    command = [sys.executable, "-m", "cli", "run"]
    return Supervisor(command, planned, os.environ, Stop()).run()


def _print(planned: Sequence["ChildSpec"], host: str, *, as_json: bool) -> None:
    rows = [(one.name, f"http://{host}:{one.port}" if one.port else None) for one in planned]
    if as_json:
        import orjson

        typer.echo(orjson.dumps([{"worker": name, "url": url} for name, url in rows]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("worker", "/metrics, /healthz, /readyz")
    for name, url in rows:
        table.add_row(name, url or "any free port: see the line `serving`")
    Console(soft_wrap=True).print(table)
