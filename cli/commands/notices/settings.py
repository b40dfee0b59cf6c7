"""`points notices settings apply | show | log`: a merchant's notice settings and their history."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from cli.commands.notices import extra
from cli.commands.settings import this_user
from cli.support.arguments import By, Merchant, NewMerchant
from cli.support.changes import changes, print_changes
from cli.support.console import JsonOption, emit, out, safe, safe_lines
from cli.support.documents import read_document, shown_name
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect_notices, notices_configuration

if TYPE_CHECKING:
    from store.notices.settings import LoggedNotices

app = typer.Typer(
    no_args_is_help=True, help="A merchant's notice settings: every change is a new version."
)


@app.command("apply")
def apply_command(
    merchant: NewMerchant,
    file: Annotated[Path, typer.Argument(help="The settings, JSON or YAML; - for standard input.")],
    if_version: Annotated[
        int | None,
        typer.Option(
            "--if-version", help="Only if this version is the newest (0: none yet).", min=0
        ),
    ] = None,
    by: By = None,
    json_: JsonOption = False,
) -> None:
    """Make a new version of a merchant's notice settings; the same content again makes none."""
    with extra.needed():
        from rules.notices.texts.checking import load_checked
    from schemas.answers.notices import NoticeSettingsResult
    from store.notices import settings

    document = load_checked(read_document(file), shown_name(file))
    with connect_notices(notices_configuration()) as connection:
        applied = settings.apply(connection, merchant, document, by or this_user(), if_version)
    if json_:
        emit(
            NoticeSettingsResult(
                merchant_id=merchant,
                version=applied.version,
                changed=applied.changed,
                heard_of=applied.heard_of,
            )
        )
        return
    if applied.changed:
        out().print(f"[bold]version {applied.version}[/] of {safe(merchant)} is in force")
    else:
        out().print(f"nothing changed: this is what version {applied.version} says")
    if not applied.heard_of:
        out().print("[yellow]its points settings are not heard of yet: until then nothing is sent")


@app.command("show")
def show_command(
    merchant: Merchant,
    version: Annotated[
        int | None, typer.Option("--version", help="Which version; the newest by default.", min=1)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show a version of a merchant's notice settings."""
    import yaml

    from schemas.answers.notices import NoticeSettingsAnswer
    from schemas.ids import iso

    logged = _logged(merchant)
    found = next((each for each in reversed(logged) if version in (None, each.version)), None)
    if found is None:
        what = f"notice settings version {version}" if version is not None else "notice settings"
        raise Failure(
            Exit.NOT_FOUND,
            f"merchant {merchant} has no {what}",
            "see `points notices settings log`, or apply some",
        )
    answer = NoticeSettingsAnswer(
        merchant_id=merchant,
        version=found.version,
        applied_at=found.applied_at,
        applied_by=found.applied_by,
        settings=_document(found),
    )
    if json_:
        emit(answer)
        return
    out().print(
        f"[bold]version {answer.version}[/] of {safe(merchant)}, "
        f"applied {iso(answer.applied_at)} by {safe(answer.applied_by)}\n"
    )
    shown = yaml.safe_dump(answer.settings, sort_keys=False, allow_unicode=True).rstrip()
    out().print(safe_lines(shown))


@app.command("log")
def log_command(merchant: Merchant, json_: JsonOption = False) -> None:
    """Show who changed a merchant's notice settings, when, and what was before and after."""
    from schemas.answers.notices import NoticeSettingsLogEntry
    from schemas.ids import iso

    entries: list[NoticeSettingsLogEntry] = []
    before: dict[str, Any] = {}
    for version in _logged(merchant):
        document = _document(version)
        entries.append(
            NoticeSettingsLogEntry(
                version=version.version,
                applied_at=version.applied_at,
                applied_by=version.applied_by,
                changes=tuple(changes(before, document)),
            )
        )
        before = document
    if json_:
        emit(entries)
        return
    for entry in entries:
        out().print(
            f"[bold]version {entry.version}[/]  {iso(entry.applied_at)}  "
            f"by {safe(entry.applied_by)}"
        )
        print_changes(entry.changes)


def _logged(merchant: str) -> "list[LoggedNotices]":
    """All versions, oldest first. Raises UnknownShop."""
    from store.notices import reads, settings
    from store.postgres.session import raw

    with connect_notices(notices_configuration()) as connection:
        reads.shop_number(raw(connection), merchant)
        return settings.log(connection, merchant)


def _document(version: "LoggedNotices") -> dict[str, Any]:
    from schemas.notices.document import canonical

    document: dict[str, Any] = orjson.loads(canonical(version.settings))
    return document
