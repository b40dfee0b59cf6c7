"""Every alert has a page, every page its sections, and every command on it is one."""

import click
import pytest
import typer.main

from cli.main import app
from processors.registry import WORKERS
from tests.support.rules import alerts
from tests.support.runbooks import SECTIONS, Runbook, runbooks

PAGES = runbooks()
VARIABLES = {
    **dict.fromkeys(("ID", "OTHER", "PARTITION", "OFFSET"), "17"),
    **dict.fromkeys(("TOPIC", "MERCHANT", "MEMBER"), "name"),
    "INSTANCE": "127.0.0.1:9464",
    "PROMETHEUS": "http://127.0.0.1:9090",
}


def check(words: list[str]) -> None:
    """Fails when `points` has no such command, option or argument, or lacks one; runs nothing."""
    command: click.Command = typer.main.get_command(app)
    context = click.Context(command, info_name="points")
    arguments = words[1:]
    while isinstance(command, click.Group):
        name, inner, arguments = command.resolve_command(context, arguments)
        assert inner is not None, words
        command = inner
        context = click.Context(command, info_name=name, parent=context)
    made = command.make_context(command.name, list(arguments), parent=context.parent)
    if command.name == "run":
        assert set(made.params["workers"]) <= {*WORKERS, "all"}, words


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
        words = line.split()
        # Sentences may leave out an argument: "`points dlq show` of one".
        try:
            check(words)
        except click.MissingParameter:
            continue
        except click.UsageError as error:
            assert "Missing argument" in str(error), line


def test_a_command_that_does_not_exist_would_be_seen() -> None:
    with pytest.raises(click.UsageError):
        check(["points", "outbox", "resend"])
    with pytest.raises(click.UsageError):
        check(["points", "dlq", "redrive", "--everything"])
    with pytest.raises(click.UsageError):
        check(["points", "dlq", "show"])
