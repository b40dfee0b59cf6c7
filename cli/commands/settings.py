"""`points settings apply | show | log`: a merchant's settings and their history (SPEC 1.7, 5)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from store.reads.views import SettingsVersion

app = typer.Typer(
    no_args_is_help=True, help="A merchant's settings: every change is a new version."
)
Merchant = Annotated[str, typer.Argument(help="The merchant's id.")]


@app.command("apply")
def apply_command(
    merchant: Merchant,
    file: Annotated[Path, typer.Argument(help="The settings, JSON or YAML; - for standard input.")],
    if_version: Annotated[
        int | None,
        typer.Option(
            "--if-version", help="Only if this version is the newest (0: none yet).", min=0
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Who changes them; by default the user of this machine."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Make a new version of a merchant's settings; the same content again makes none."""
    from schemas.ids import iso
    from schemas.settings import load_settings
    from store.settings import versions

    document = load_settings(_read(file), name="standard input" if str(file) == "-" else str(file))
    if not merchant.strip() or merchant != merchant.strip():
        raise Failure(Exit.USAGE, "MERCHANT must be an id without spaces around it")
    with connect(configuration()) as connection:
        done = versions.apply(connection, merchant, document, by or this_user(), if_version)
    if json_:
        told = {
            "merchant_id": merchant,
            "version": done.version,
            "effective_at": iso(done.effective_at),
            "changed": done.changed,
        }
        emit(told)
    elif done.changed:
        out().print(
            f"[bold]version {done.version}[/] of {merchant} is in force from {iso(done.effective_at)}"
        )
    else:
        out().print(
            f"nothing changed: this is what version {done.version} says, in force from {iso(done.effective_at)}"
        )


def _read(file: Path) -> bytes:
    import sys

    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Failure(
            Exit.USAGE, f"{file} cannot be read: {error.strerror}", "name a file with the settings"
        ) from None


def this_user() -> str:
    """Who is at this machine, as far as it can be told."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


@app.command("show")
def show_command(
    merchant: Merchant,
    version: Annotated[
        int | None, typer.Option("--version", help="Which version; the newest by default.", min=1)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show a version of a merchant's settings."""
    from store.reads import views

    with connect(configuration()) as connection:
        found = views.settings_version(connection, merchant, version)
    if found is None:
        what = f"settings version {version}" if version is not None else "settings"
        raise Failure(
            Exit.NOT_FOUND,
            f"merchant {merchant} has no {what}",
            "see `points settings log`, or apply some",
        )
    if json_:
        emit(_told(merchant, found) | {"settings": content(found.document)})
        return
    import yaml
    from rich.markup import escape

    told = _told(merchant, found)
    out().print(
        f"[bold]version {found.version}[/] of {escape(merchant)}, in force from {told['effective_at']}, "
        f"applied {told['applied_at']} by {escape(found.applied_by)}\n"
    )
    out().print(
        escape(
            yaml.safe_dump(content(found.document), sort_keys=False, allow_unicode=True).rstrip()
        )
    )


def content(document: Any) -> dict[str, Any]:
    """A document as plain values, without `effective_at`, which is the version's."""
    plain: dict[str, Any] = document.model_dump(mode="json", exclude={"effective_at"})
    return plain


def _told(merchant: str, version: "SettingsVersion") -> dict[str, Any]:
    from schemas.ids import iso

    return {
        "merchant_id": merchant,
        "version": version.version,
        "effective_at": iso(version.effective_at),
        "applied_at": iso(version.applied_at),
        "applied_by": version.applied_by,
    }


@app.command("log")
def log_command(merchant: Merchant, json_: JsonOption = False) -> None:
    """Show who changed a merchant's settings, when, and what was before and after."""
    from schemas.ids import iso
    from store.postgres.session import raw
    from store.reads import views
    from store.settings import versions

    with connect(configuration()) as connection:
        views.merchant_number(raw(connection), merchant)
        logged = versions.log(connection, merchant)
    before: dict[str, Any] = {}
    rows = []
    for one in logged:
        head = {
            "version": one.version,
            "effective_at": iso(one.effective_at),
            "applied_at": iso(one.applied_at),
            "applied_by": one.applied_by,
        }
        rows.append(head | {"changes": changes(before, one.document)})
        before = one.document
    if json_:
        emit(rows)
    else:
        _print_log(rows)


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs between two documents, by path: {"path", "before", "after"}.

    Null where there is nothing.
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    paths = [*new, *(path for path in old if path not in new)]
    return [
        {"path": p, "before": old.get(p), "after": new.get(p)}
        for p in paths
        if old.get(p) != new.get(p)
    ]


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Path and value of everything in a document.

    Earn rules are known by their tier, not by their place.
    """
    if isinstance(value, dict) and value:
        return [leaf for k, v in value.items() for leaf in _leaves(v, f"{path}.{k}" if path else k)]
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        named = [(f"{path}[{item.get('membership_tier_id') or 'general'}]", item) for item in value]
        return [leaf for name, item in named for leaf in _leaves(item, name)]
    return [(path, value)] if path else []


def _print_log(rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    console = out()
    for row in rows:
        console.print(
            f"[bold]version {row['version']}[/]  {row['applied_at']}  by {escape(row['applied_by'])}"
            f"  [dim]in force from {row['effective_at']}[/]"
        )
        table = Table.grid(padding=(0, 2))
        for change in row["changes"]:
            was = (
                "" if change["before"] is None else f"[red]{escape(_shown(change['before']))}[/] →"
            )
            table.add_row(
                "  ", escape(change["path"]), was, f"[green]{escape(_shown(change['after']))}[/]"
            )
        console.print(table)


def _shown(value: Any) -> str:
    import orjson

    return (
        "(removed)"
        if value is None
        else value
        if isinstance(value, str)
        else orjson.dumps(value).decode()
    )
