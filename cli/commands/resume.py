"""`points resume`: continues a pipeline that too much poison has paused (architecture.md 2.6)."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import typed_text
from cli.support.console import JsonOption, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from store.postgres.session import Database


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
    from store.streams import quarantine

    configured = configuration()
    grace = 0 if strict else max(configured.poison.window, configured.poison.in_a_row)
    with connect(configured) as connection:
        names = _paused(connection) if pipeline is None else [_known(connection, pipeline)]
        resumed = []
        for name in names:
            with transaction(connection) as cursor:
                if quarantine.resume(cursor, name, grace):
                    resumed.append(name)
    if json_:
        emit(ResumeResult(resumed=tuple(resumed), grace=grace))
    elif resumed:
        _print(resumed, grace)
    else:
        out().print(
            "nothing was paused" if pipeline is None else f"{safe(pipeline)} was not paused"
        )


def _paused(connection: "Database") -> list[str]:
    """The pipelines that are paused."""
    from store.reads import status

    return [state.name for state in status.paused_pipelines(connection)]


def _known(connection: "Database", pipeline: str) -> str:
    """The pipeline, if there is such a one. Raises Failure."""
    from store.reads import status
    from store.streams import adoption

    known = {state.name for state in status.pipelines(connection)}
    if pipeline not in known | {cursor.pipeline for cursor in adoption.known(connection)}:
        raise Failure(
            Exit.NOT_FOUND,
            f"there is no pipeline {pipeline}",
            "`points cursor show` names them; `points notices resume` is for the notices lane",
            code="unknown_pipeline",
        )
    return pipeline


def _print(resumed: list[str], grace: int) -> None:
    may = (
        f"the next {grace:,} records of each partition do not count as poison"
        if grace
        else "every unreadable record counts"
    )
    for name in resumed:
        out().print(f"[bold]{safe(name)}[/] goes on; {may}")
