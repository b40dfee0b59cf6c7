"""The runbooks, and the commands in them."""

import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parents[3] / "deploy" / "runbooks"
SECTIONS = (
    "What it means",
    "What members notice",
    "First three commands",
    "Fix",
    "When to wake whom",
)
FIRST = "First three commands"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(points [^`]+)`")


@dataclass(frozen=True)
class Step:
    """A command of a runbook and the section that it is in."""

    section: str
    line: str

    def words(self, variables: Mapping[str, str]) -> list[str]:
        """The command's words, with `$NAME` replaced; KeyError for one that is not given."""
        return shlex.split(Template(self.line).substitute(variables))


@dataclass(frozen=True)
class Runbook:
    """The page of one alert."""

    alert: str
    text: str

    @property
    def sections(self) -> list[str]:
        """Its headings."""
        return _SECTION.findall(self.text)

    @property
    def steps(self) -> list[Step]:
        """The commands in its blocks, in order."""
        return list(self._steps())

    def _steps(self) -> Iterator[Step]:
        _, *parts = _SECTION.split(self.text)
        for section, body in zip(parts[::2], parts[1::2], strict=True):
            for _, block in _FENCE.findall(body):
                for line in textwrap.dedent(block).splitlines():
                    yield Step(section, line)

    @property
    def first(self) -> list[Step]:
        """The first three commands."""
        return [step for step in self.steps if step.section == FIRST]

    @property
    def fixes(self) -> list[Step]:
        """The commands of its fix."""
        return [step for step in self.steps if step.section == "Fix"]

    @property
    def mentioned(self) -> list[str]:
        """`points …` commands within its sentences."""
        return _INLINE.findall(_FENCE.sub("", self.text))


def runbook(alert: str) -> Runbook:
    """The page of an alert."""
    return Runbook(alert, (FOLDER / f"{alert}.md").read_text("utf-8"))


def runbooks() -> list[Runbook]:
    """All pages, by the names of the alerts."""
    return [runbook(path.stem) for path in sorted(FOLDER.glob("*.md"))]
