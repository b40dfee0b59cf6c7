"""The `points` command: every command of the product, and how each of them ends."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.commands import (
    balance,
    bulk,
    campaign,
    carriers,
    compare_upstream,
    config,
    cursor,
    dlq,
    doctor,
    expiring,
    explain,
    history,
    member,
    migrate,
    notices,
    outbox,
    quote,
    readmodel,
    resume,
    run,
    settings,
    status,
    topics,
)
from cli.demo import command
from cli.support import streams
from cli.support.errors import Exit, failure_of

EPILOG = "Exit codes: " + " · ".join(f"{code} {code.meaning}" for code in Exit)


class PointsGroup(TyperGroup):
    """Turns expected failures into a sentence and an exit code.

    Only others show a traceback, and only if asked.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click's, with our endings."""
        with streams.prepared():
            sys.exit(_ended(lambda: super(PointsGroup, self).main(*args, **kwargs)))

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """As click's; see `_filtered`."""
        with _filtered():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """As click's; see `_filtered`."""
        with _filtered():
            return super().invoke(ctx)


_debug: list[bool] = []


@contextmanager
def _filtered() -> Iterator[None]:
    """Errors of usage repeat what was typed, and typer prints them past our console.

    With the name of an exception of Python's before a choice that is none.
    """
    from schemas.printable import printable

    try:
        yield
    except Exception as error:
        message = getattr(error, "message", None)
        if hasattr(error, "format_message") and isinstance(message, str):
            shown = printable(message.removeprefix("Value error, "))
            setattr(error, "message", shown)  # noqa: B010 - typer hides the class
        raise


def _ended(command: Callable[[], object]) -> Any:
    """Runs a command to its end, and answers its exit code."""
    try:
        try:
            command()
        except SystemExit as ended:
            sys.stdout.flush()
            return ended.code
        sys.stdout.flush()
    except BrokenPipeError:
        return Exit.UNEXPECTED  # as `points … | head` ends: quietly
    except Exception as error:  # noqa: BLE001 - the last line before the process ends
        return _end(error)
    return Exit.OK


def _end(error: Exception) -> int:
    from cli.support.console import complain, err, safe_lines
    from cli.support.errors import Failure
    from processors.runtime.masking import mask_text

    failure = failure_of(error)
    if _debug:
        err().print(safe_lines(mask_text("".join(traceback.format_exception(error)))))
    if failure is None:
        what = f"unexpected {type(error).__name__}: {mask_text(str(error))}"
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
app.add_typer(member.app, name="member")
app.command("expiring")(expiring.expiring_command)
app.command("explain")(explain.explain_command)
app.command("quote")(quote.quote_command)
app.command("compare-upstream")(compare_upstream.compare_command)
app.add_typer(bulk.app, name="bulk")
app.add_typer(campaign.app, name="campaign")
app.add_typer(carriers.app, name="carriers")
app.add_typer(dlq.app, name="dlq")
app.add_typer(outbox.app, name="outbox")
app.add_typer(notices.app, name="notices")
app.add_typer(readmodel.app, name="readmodel")
app.command("resume")(resume.resume_command)
app.add_typer(cursor.app, name="cursor")
app.add_typer(config.app, name="config")
app.command("status")(status.status_command)
app.command("doctor")(doctor.doctor_command)
app.command("demo")(command.demo_command)

if __name__ == "__main__":
    app()
