"""`points config show`: what this process would go by, without its secrets."""

import typer

from cli.commands.run import AS_OF_LANE
from cli.support.console import JsonOption, emit, out, remark, safe
from cli.support.wiring import configuration

app = typer.Typer(no_args_is_help=True, help="The configuration that the environment gives.")


@app.callback()
def _only_show() -> None:
    """The configuration that the environment gives."""


@app.command("show")
def show_command(json_: JsonOption = False) -> None:
    """Show every variable, its value and where it comes from. Secrets are masked.

    A configuration that cannot be used is refused with all that is wrong, as everywhere. What only
    the workers of the notices lane would be refused for is told beside it; a section of theirs in
    which something cannot be read is not shown.
    """
    from processors.runtime.configuration import misspelt, shown, wrong_with_lane
    from schemas.answers.operations import VariableAnswer

    rows = [
        VariableAnswer.model_validate({"name": name, "value": value, "origin": origin})
        for name, value, origin in shown(configuration())
    ]
    for problem in wrong_with_lane():
        remark(f"{AS_OF_LANE}: {problem}")
    for name in misspelt():
        remark(f"{name} is not a known variable: check its spelling, or remove it")
    if json_:
        emit(rows)
        return
    for row in rows:
        value = safe(row.value) if row.value is not None else "[dim]not set[/]"
        origin = f"  [dim]{row.origin}[/]" if row.origin != "default" else ""
        out().print(f"{row.name}={value}{origin}", soft_wrap=True)
