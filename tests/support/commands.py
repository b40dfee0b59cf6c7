"""Running `points` commands inside the test's process, without a second's start each."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
import typer.main
import typer.testing
from pydantic import TypeAdapter

from cli.main import app
from schemas.answers import ANSWERS, type_of
from schemas.printable import printable_json
from tests.support.machine.inherited import inherited

# Nine tenths of a command in this process would be to make all commands once more (30 ms).
setattr(typer.testing, "_get_command", cache(typer.main.get_command))  # noqa: B010 - typer hides it


def every_command() -> Iterator[tuple[str, Any]]:
    """All commands by their names, such as `dlq list`."""
    return _within(typer.main.get_command(app), "")


def _within(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    parts = getattr(command, "commands", None)
    if parts is None:
        yield name, command
        return
    for part, inner in parts.items():
        yield from _within(inner, f"{name} {part}".strip())


def answer_name(arguments: Sequence[str]) -> str:
    """The command's name in `schemas.answers.ANSWERS`."""
    names = ("-".join(arguments[:words]) for words in (3, 2, 1))
    name = next((name for name in names if name in ANSWERS), "-".join(arguments[:2]))
    lists = [
        option[2:] for option in ("--records", "--ambiguous", "--dry-run") if option in arguments
    ]
    return "-".join([name, *lists[:1]])


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(type_of(name))


def check_answer(name: str, printed: str) -> None:
    """Asserts that what a command printed is its published answer: keys, their order, types."""
    adapter = _adapter(name)
    answer = adapter.validate_json(printed)
    again = orjson.dumps(adapter.dump_python(answer, mode="json"), option=orjson.OPT_INDENT_2)
    assert printed == printable_json(again.decode()) + "\n", (
        f"{name} is not as schemas.answers says"
    )


class Ran:
    """What a command answered: its exit code, its stdout and its stderr."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """The JSON that it printed; the test fails when it did not end well."""
        assert self.code == 0, f"exit code {self.code}: {self.err}"
        return orjson.loads(self.out)

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


def points(environment: Mapping[str, str], *arguments: str, stdin: str | None = None) -> Ran:
    """Runs a command in this environment, and in no other; our servers encrypt nothing."""
    others = dict.fromkeys(os.environ.keys() - inherited().keys())
    whole = others | {"POINTS_ENVIRONMENT": "development", **environment}
    result = typer.testing.CliRunner().invoke(app, list(arguments), env=whole, input=stdin)
    if "--json" in arguments and result.stdout:
        check_answer(answer_name(arguments), result.stdout)
    return Ran(result.exit_code, result.stdout, result.stderr)
