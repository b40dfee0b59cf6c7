"""Running `points` commands inside the test's process, without a second's start each."""

from collections.abc import Mapping
from typing import Any

import orjson
from typer.testing import CliRunner

from cli.main import app


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
    """Runs a command in this environment, and in no other."""
    result = CliRunner().invoke(app, list(arguments), env=dict(environment), input=stdin)
    return Ran(result.exit_code, result.stdout, result.stderr)
