"""`points notices settings apply | show | log`: how a merchant tells its members."""

from typing import TYPE_CHECKING, Any

import typer

from cli.commands.notices import extra
from cli.support.arguments import By, IfVersion, Merchant, NewMerchant, SettingsFile, this_user
from cli.support.console import JsonOption, emit, out, safe, safe_lines
from cli.support.documents import read_document, shown_name
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect_notices, notices_configuration

if TYPE_CHECKING:
    from schemas.notices.document import NoticeSettings

app = typer.Typer(
    no_args_is_help=True,
    help="How a merchant tells its members: every change is a new version.",
)


@app.command("apply")
def apply_command(
    merchant: NewMerchant,
    file: SettingsFile,
    if_version: IfVersion = None,
    by: By = None,
    json_: JsonOption = False,
) -> None:
    """Make a new version of a merchant's notice settings; texts are checked first."""
    from schemas.answers.notices import NoticeSettingsResult
    from store.notices import settings

    document = _checked(read_document(file), shown_name(file), merchant)
    with connect_notices(notices_configuration()) as connection:
        applied = settings.apply(connection, merchant, document, by or this_user(), if_version)
    if json_:
        emit(
            NoticeSettingsResult(
                merchant_id=merchant, version=applied.version, changed=applied.changed
            )
        )
        return
    done = "is in force" if applied.changed else "says the same: nothing changed"
    out().print(f"[bold]version {applied.version}[/] of {safe(merchant)} {done}")
    if not applied.heard_of:
        out().print(
            "[yellow]nobody is told before the lane has heard of the points settings of "
            f"{safe(merchant)}[/] [dim]→ points settings apply, points run notices[/]"
        )


def _checked(data: bytes, name: str, merchant: str) -> "NoticeSettings":
    with extra.needed("checking texts"):
        from rules.notices.texts.checking import load_checked
    return load_checked(data, name, merchant)


@app.command("show")
def show_command(merchant: Merchant, json_: JsonOption = False) -> None:
    """Show the newest version of a merchant's notice settings."""
    import yaml

    from schemas.answers.notices import NoticeSettingsAnswer

    versions = _versions(merchant)
    if not versions:
        raise Failure(
            Exit.NOT_FOUND,
            f"merchant {merchant} has no notice settings",
            "apply some with `points notices settings apply`",
            code="unknown_version",
        )
    newest = versions[-1]
    answer = NoticeSettingsAnswer(merchant_id=merchant, **newest)
    if json_:
        emit(answer)
        return
    out().print(
        f"[bold]version {answer.version}[/] of {safe(merchant)}, by {safe(answer.applied_by)}\n"
    )
    document = yaml.safe_dump(answer.settings, sort_keys=False, allow_unicode=True).rstrip()
    out().print(safe_lines(document))


@app.command("log")
def log_command(merchant: Merchant, json_: JsonOption = False) -> None:
    """Show who changed a merchant's notice settings, when, and what was before and after."""
    from cli.support.changes import changes, print_changes
    from rules.explain.formatting import moment_shown
    from schemas.answers.notices import NoticeSettingsLogEntry

    entries = []
    before: dict[str, Any] = {}
    for version in _versions(merchant):
        after = version.pop("settings")
        entries.append(NoticeSettingsLogEntry(**version, changes=tuple(changes(before, after))))
        before = after
    if json_:
        emit(entries)
        return
    if not entries:
        out().print(f"{safe(merchant)} has no notice settings")
    for entry in entries:
        when = moment_shown(entry.applied_at, "UTC")
        out().print(f"[bold]version {entry.version}[/], {when}, by {safe(entry.applied_by)}")
        print_changes(entry.changes)


def _versions(merchant: str) -> list[dict[str, Any]]:
    """Every version, oldest first, as answers have them. Raises UnknownShop."""
    from store.notices import reads, settings
    from store.postgres.session import raw

    with connect_notices(notices_configuration()) as connection:
        reads.shop_number(raw(connection), merchant)
        logged = settings.log(connection, merchant)
    return [
        {
            "version": each.version,
            "applied_at": each.applied_at,
            "applied_by": each.applied_by,
            "settings": each.settings.model_dump(mode="json", by_alias=True),
        }
        for each in logged
    ]
