"""What messages tell people to run is there to be run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import remedies
from tests.support.commands import every_command

ROOT = Path(__file__).parents[3]
PACKAGES = ("schemas", "store", "processors", "cli")
NAMED = re.compile(r"`points ((?:[a-z-]+ ?)+)")
COMMANDS = {name for name, _ in every_command()}
GROUPS = {name.rpartition(" ")[0] for name in COMMANDS} | {"notices"}


def named_in(text: str) -> Iterator[list[str]]:
    """The words of each command that a text names, options and arguments left out."""
    for found in NAMED.finditer(text):
        yield [word for word in found[1].split() if not word.startswith("-")]


def is_there(words: list[str]) -> bool:
    """Whether these are a command, one with lower-case arguments, a group, or none."""
    begins = {" ".join(words[: length + 1]) for length in range(len(words))}
    return not words or " ".join(words) in GROUPS or bool(begins & COMMANDS)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_command_that_a_message_names_exists(package: str) -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / package).rglob("*.py")]
    unknown = {" ".join(words) for text in texts for words in named_in(text) if not is_there(words)}
    assert unknown == set()


@pytest.mark.parametrize("pipeline", ["intake", "commands", "readmodel", "notices"])
def test_each_pipeline_has_the_commands_that_its_remedies_name(pipeline: str) -> None:
    told = [
        remedies.adopt_cursor(pipeline),
        remedies.resume(pipeline),
        remedies.open_letters(pipeline),
        remedies.refused_row(pipeline),
        remedies.status(pipeline),
    ]
    named = [words for text in told for words in named_in(text)]
    assert len(named) == 7
    assert all(" ".join(words) in COMMANDS for words in named)
    assert all((words[0] == "notices") == (pipeline == "notices") for words in named)
