"""Every alert has a page, every page its sections, and every command on it is one."""

from contextlib import suppress
from typing import Any

import pytest
import typer
import typer.main

from cli.main import app
from processors.registry import WORKERS
from tests.support.operate.rules import alerts
from tests.support.operate.runbooks import SECTIONS, Runbook, runbooks

PAGES = runbooks()
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
(MissingParameter,) = typer.BadParameter.__subclasses__()
VARIABLES = {
    **dict.fromkeys(("ID", "OTHER", "PARTITION", "OFFSET"), "17"),
    **dict.fromkeys(("TOPIC", "MERCHANT", "MEMBER"), "name"),
    "MONTH": "2026-11",
    "NOTICE": "0198f0c0-7e6e-7000-8000-000000000017",
    "INSTANCE": "127.0.0.1:9464",
    "PROMETHEUS": "http://127.0.0.1:9090",
}


def check(words: list[str]) -> None:
    """Raises when `points` has no such command, option or argument, or lacks one; runs nothing."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("points", words[1:])
    while hasattr(command, "commands"):
        name, command, arguments = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = command.make_context(name, arguments, parent=context)
    if command.name == "run":
        assert set(context.params["workers"]) <= {*WORKERS, "all"}, words


def test_there_is_a_page_for_each_alert_and_no_other() -> None:
    assert {page.alert for page in PAGES} == {rule.name for rule in alerts()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.alert)
def test_a_page_says_the_five_things_and_begins_with_three_commands(page: Runbook) -> None:
    assert page.text.startswith(f"# {page.alert}\n")
    assert tuple(page.sections) == SECTIONS
    assert len(page.first) == 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.alert)
def test_every_command_on_a_page_is_one(page: Runbook) -> None:
    for step in page.steps:
        words = step.words(VARIABLES)
        assert words[0] in {"points", "curl"}, step
        if words[0] == "points":
            check(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.alert)
def test_commands_within_sentences_are_some_too(page: Runbook) -> None:
    for line in page.mentioned:
        # A sentence may leave out an argument: "`points dlq show` of one".
        with suppress(MissingParameter):
            check(line.split())


def test_a_command_that_does_not_exist_would_be_seen() -> None:
    with pytest.raises(UsageError):
        check(["points", "outbox", "resend"])
    with pytest.raises(UsageError):
        check(["points", "dlq", "redrive", "--everything"])
    with pytest.raises(UsageError):
        check(["points", "dlq", "show"])
