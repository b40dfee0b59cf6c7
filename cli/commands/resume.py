"""`points resume`: continues a pipeline that too much poison has paused (architecture.md 2.6)."""

from typing import Annotated

import typer

from cli.support.arguments import typed_text
from cli.support.console import JsonOption, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect


def resume_command(
    pipeline: Annotated[
        str | None,
        typer.Argument(help="Which one; all that are paused by default.", callback=typed_text),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Count every unreadable record from the first: what paused us may pause us again.",
        ),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Let a paused pipeline go on.

    The records that paused it, a window of each partition, may become dead letters this time.
    With --strict they may not.
    """
    from schemas.answers.streams import ResumeResult
    from store.postgres.session import transaction
    from store.reads import status
    from store.streams import adoption, quarantine

    configured = configuration()
    grace = 0 if strict else max(configured.poison.window, configured.poison.in_a_row)
    with connect(configured) as connection:
        states = {state.name: state for state in status.pipelines(connection)}
        known = states.keys() | {cursor.pipeline for cursor in adoption.known(connection)}
        if pipeline is not None and pipeline not in known:
            raise Failure(
                Exit.NOT_FOUND,
                f"there is no pipeline {pipeline}",
                "`points cursor show` names them",
            )
        if pipeline is not None:
            names = [pipeline]
        else:
            names = [state.name for state in states.values() if state.paused_at is not None]
        resumed = []
        for name in names:
            with transaction(connection) as cursor:
                if quarantine.resume(cursor, name, grace):
                    resumed.append(name)
    if json_:
        emit(ResumeResult(resumed=tuple(resumed), grace=grace))
        return
    for name in resumed:
        may = (
            f"the next {grace:,} records of each partition do not count as poison"
            if grace
            else "every unreadable record counts"
        )
        out().print(f"[bold]{safe(name)}[/] goes on; {may}")
    if not resumed:
        out().print(
            f"{safe(pipeline)} was not paused" if pipeline is not None else "nothing was paused"
        )
