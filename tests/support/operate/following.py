"""An operator who follows runbooks: runs their commands as they are printed, and reads."""

import re
import shlex
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from tests.support.engine import Engine
from tests.support.operate.runbooks import Step, runbook


class Operator:
    """Has a shell with the engine's environment and these variables."""

    def __init__(self, engine: Engine, **variables: str) -> None:
        """`PROMETHEUS` is the address of the one that scrapes the workers."""
        self._engine, self._variables = engine, variables
        self._seen: dict[str, tuple[int, str]] | None = None

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        """Within, what a command said once it would say again, and it is not asked twice."""
        self._seen = {}
        yield
        self._seen = None

    def follow(self, step: Step, **variables: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        words = step.words({**self._variables, **variables})
        if self._seen is None:
            return self._run(words)
        line = shlex.join(words)
        if line not in self._seen:
            self._seen[line] = self._run(words)
        return self._seen[line]

    def _run(self, words: list[str]) -> tuple[int, str]:
        if words[0] == "curl":
            return _asked(words[-1])
        done = self._engine.command(*words[1:])
        return done.returncode, done.stdout + done.stderr

    def look(
        self,
        alert: str,
        shows: Mapping[str, str],
        wrong: Mapping[str, int] | None = None,
        **variables: str,
    ) -> None:
        """Runs the first three commands of a runbook.

        `shows`: for a command a regular expression that its output must match. Those in `wrong`
        end with this code, since something is not right, the others with 0.
        """
        steps, codes = runbook(alert).first, wrong or {}
        assert shows.keys() | codes.keys() <= {step.line for step in steps}
        for step in steps:
            code, output = self.follow(step, **variables)
            assert code == codes.get(step.line, 0), f"{step.line}: {code}\n{output}"
            assert re.search(shows.get(step.line, ""), output), f"{step.line}\n{output}"

    def fix(self, alert: str, line: str, *, agrees: bool = False, **variables: str) -> str:
        """The output of the command of a runbook's fix that begins like this; it must end well.

        `agrees`: with --yes, as there is no terminal on which it could ask.
        """
        (step,) = [step for step in runbook(alert).fixes if step.line.startswith(line)]
        if agrees:
            step = replace(step, line=f"{step.line} --yes")
        code, output = self.follow(step, **variables)
        assert code == 0, f"{step.line}: {code}\n{output}"
        return output


def _asked(url: str) -> tuple[int, str]:
    """What curl would print, and its exit code: 7 where nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own http URL
            return 0, answer.read().decode()
    except urllib.error.HTTPError as error:
        return 0, error.read().decode()
    except OSError:
        return 7, ""
