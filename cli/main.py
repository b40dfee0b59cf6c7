"""The `points` command: every command of the product, and how each of them ends."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.commands import (
    balance,
    carriers,
    compare_upstream,
    cursor,
    dlq,
    doctor,
    explain,
    history,
    migrate,
    outbox,
    resume,
    run,
    settings,
    status,
    topics,
)
from cli.demo import command
from cli.support.errors import Exit, failure_of

EPILOG = "Exit codes: " + " · ".join(f"{code} {code.meaning}" for code in Exit)


class PointsGroup(TyperGroup):
    """Turns expected failures into a sentence and an exit code.

    Only others show a traceback, and only if asked.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click's, with our endings."""
        try:
            return super().main(*args, **kwargs)
        except Exception as error:
            if _debug:
                raise
            sys.exit(_end(error))


_debug: list[bool] = []


def _end(error: Exception) -> int:
    from cli.support.console import complain
    from cli.support.errors import Failure

    failure = failure_of(error)
    if failure is None:
        what = f"unexpected {type(error).__name__}: {error}"
        failure = Failure(
            Exit.UNEXPECTED,
            what,
            "run it again with `points --debug …` for the traceback, and report it",
        )
    complain(failure)
    return failure.exit_code


app = typer.Typer(
    cls=PointsGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Member Points: points for orders, from Kafka to a ledger and back.",
    epilog=EPILOG,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"points {version('member-points')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Member Points: points for orders, from Kafka to a ledger and back."""
    del version
    _debug[:] = [True] if debug else []


app.command("run", help=run.HELP)(run.run_command)
app.command("migrate")(migrate.migrate_command)
app.add_typer(topics.app, name="topics")
app.add_typer(settings.app, name="settings")
app.command("balance")(balance.balance_command)
app.command("history")(history.history_command)
app.command("explain")(explain.explain_command)
app.command("compare-upstream")(compare_upstream.compare_command)
app.add_typer(carriers.app, name="carriers")
app.add_typer(dlq.app, name="dlq")
app.add_typer(outbox.app, name="outbox")
app.command("resume")(resume.resume_command)
app.add_typer(cursor.app, name="cursor")
app.command("status")(status.status_command)
app.command("doctor")(doctor.doctor_command)
app.command("demo")(command.demo_command)

if __name__ == "__main__":
    app()
