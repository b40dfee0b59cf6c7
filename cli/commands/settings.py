"""`points settings apply | show | log`: a merchant's settings and their history.

See rules.md 1.7, 5.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.arguments import (
    LARGEST_INT4,
    By,
    IfVersion,
    Merchant,
    NewMerchant,
    SettingsFile,
    this_user,
)
from cli.support.changes import changes, print_changes
from cli.support.console import JsonOption, emit, out, safe, safe_lines
from cli.support.documents import read_document, shown_name
from cli.support.errors import Exit, Failure
from cli.support.turns import in_turn
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from rules.explain.view import SettingsVersion
    from schemas.answers.settings import SettingsAnswer, SettingsLogEntry
    from store.settings.versions import LoggedVersion

app = typer.Typer(
    no_args_is_help=True, help="A merchant's settings: every change is a new version."
)


@app.command("apply")
def apply_command(
    merchant: NewMerchant,
    file: SettingsFile,
    if_version: IfVersion = None,
    by: By = None,
    json_: JsonOption = False,
) -> None:
    """Make a new version of a merchant's settings; the same content again makes none."""
    from rules.explain.formatting import moment_shown
    from schemas.answers.settings import SettingsResult
    from schemas.settings import load_settings
    from store.settings import versions

    document = load_settings(read_document(file), name=shown_name(file))
    with connect(database_configuration()) as connection:
        who = by or this_user()
        applied = in_turn(
            connection,
            merchant,
            lambda: versions.apply(connection, merchant, document, who, if_version),
        )
    if json_:
        emit(
            SettingsResult(
                merchant_id=merchant,
                version=applied.version,
                effective_at=applied.effective_at,
                changed=applied.changed,
            )
        )
        return
    version, zone = applied.version, document.timezone
    since = f"in force from {moment_shown(applied.effective_at, zone)} ({zone})"
    if applied.changed:
        out().print(f"[bold]version {version}[/] of {safe(merchant)} is {since}")
    else:
        out().print(f"nothing changed: this is what version {version} says, {since}")


@app.command("show")
def show_command(
    merchant: Merchant,
    version: Annotated[
        int | None, typer.Option("--version", help="Which version; the newest by default.", min=1)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show a version of a merchant's settings."""
    from store.reads.settings import settings_version

    with connect(database_configuration()) as connection:
        wanted = min(version, LARGEST_INT4) if version is not None else None
        shown = settings_version(connection, merchant, wanted)
    if shown is None:
        what = f"settings version {version}" if version is not None else "settings"
        raise Failure(
            Exit.NOT_FOUND,
            f"merchant {merchant} has no {what}",
            "see `points settings log`, or apply some",
            code="unknown_version",
        )
    answer = _answer(merchant, shown)
    if json_:
        emit(answer)
    else:
        _print(answer)


def _answer(merchant: str, version: "SettingsVersion") -> "SettingsAnswer":
    from schemas.answers.settings import SettingsAnswer

    return SettingsAnswer(
        merchant_id=merchant,
        version=version.version,
        effective_at=version.effective_at,
        applied_at=version.applied_at,
        applied_by=version.applied_by,
        # When it is in force is the version's own field.
        settings=version.document.model_dump(mode="json", exclude={"effective_at"}),
    )


def _print(answer: "SettingsAnswer") -> None:
    import yaml

    from rules.explain.formatting import moment_shown

    zone = str(answer.settings["timezone"])
    document = yaml.safe_dump(answer.settings, sort_keys=False, allow_unicode=True).rstrip()
    who = f"applied {moment_shown(answer.applied_at, zone)} by {safe(answer.applied_by)}"
    out().print(
        f"[bold]version {answer.version}[/] of {safe(answer.merchant_id)}, "
        f"in force from {moment_shown(answer.effective_at, zone)}, {who} ({zone})\n"
    )
    out().print(safe_lines(document))


@app.command("log")
def log_command(merchant: Merchant, json_: JsonOption = False) -> None:
    """Show who changed a merchant's settings, when, and what was before and after."""
    from store.postgres.session import raw
    from store.reads.snapshot import merchant_number
    from store.settings import versions

    with connect(database_configuration()) as connection:
        merchant_number(raw(connection), merchant)  # refuses a merchant that is not known
        logged = versions.log(connection, merchant)
    entries = _log_entries(logged)
    if json_:
        emit(entries)
    else:
        _print_log(entries)


def _log_entries(logged: "Sequence[LoggedVersion]") -> "list[SettingsLogEntry]":
    """The versions, oldest first, each with what it changed in the one before."""
    from schemas.answers.settings import SettingsLogEntry

    entries: list[SettingsLogEntry] = []
    before: dict[str, Any] = {}
    for version in logged:
        entries.append(
            SettingsLogEntry(
                version=version.version,
                effective_at=version.effective_at,
                applied_at=version.applied_at,
                applied_by=version.applied_by,
                changes=tuple(changes(before, version.document)),
            )
        )
        before = version.document
    return entries


def _print_log(entries: "list[SettingsLogEntry]") -> None:
    from schemas.ids import iso

    for entry in entries:
        out().print(
            f"[bold]version {entry.version}[/]  {iso(entry.applied_at)}  "
            f"by {safe(entry.applied_by)}  [dim]in force from {iso(entry.effective_at)}[/]"
        )
        print_changes(entry.changes)
