"""What `--help` shows on a terminal of 80 columns."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from cli.main import app

# The choices of an option, begun in a cell that ends before they do.
_BROKEN = re.compile(r"<\w+\|[^>│]*│")
# What may be there several times is told so by the usage line.
_TWICE = re.compile(r"(\.\.\.|…)[}\]]\.\.\.")


def _paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, each in getattr(command, "commands", {}).items():
        yield from _paths(each, (*path, name))


@pytest.mark.parametrize("path", [*_paths(get_command(app))], ids=" ".join)
def test_no_word_is_broken_in_two(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    # Read from the environment of whoever loaded it first.
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)
    with pytest.raises(SystemExit, match="0"):
        get_command(app).main([*path, "--help"], prog_name="points")
    shown = capsys.readouterr().out
    assert f"Usage: {' '.join(('points', *path))}" in shown
    assert not _BROKEN.search(shown)
    assert not _TWICE.search(shown)
    assert max(map(len, shown.splitlines())) <= 80
