"""What a version of a document changed in the one before, by path."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cli.support.console import out, safe

if TYPE_CHECKING:
    from schemas.answers.settings import SettingChange


def changes(before: dict[str, Any], after: dict[str, Any]) -> "list[SettingChange]":
    """What differs between two documents, by path; None where a value is missing."""
    from schemas.answers.settings import SettingChange

    old, new = dict(_leaves(before)), dict(_leaves(after))
    paths = [*new, *(path for path in old if path not in new)]
    return [
        SettingChange(path=path, before=old.get(path), after=new.get(path))
        for path in paths
        if old.get(path) != new.get(path)
        if not (_is_filled(path, old, new) or _is_filled(path, new, old))
    ]


def _is_filled(path: str, empty: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether nothing is below a path in a document, and something in the other, which is told."""
    beginnings = (f"{path}.", f"{path}[")
    return empty.get(path) in ({}, []) and any(below.startswith(beginnings) for below in other)


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Path and value of everything in a document.

    Earn rules are named by their tier and gifts by their id, not by their place in the list.
    """
    if isinstance(value, dict) and value:
        return [
            leaf
            for key, item in value.items()
            for leaf in _leaves(item, f"{path}.{key}" if path else key)
        ]
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [leaf for item in value for leaf in _leaves(item, f"{path}[{_name_of(item)}]")]
    return [(path, value)] if path else []


def _name_of(item: dict[str, Any]) -> str:
    return str(item.get("gift_id") or item.get("membership_tier_id") or "general")


def print_changes(found: "Iterable[SettingChange]") -> None:
    """Prints the changes, a line each: the path, the value before, the value after."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for change in found:
        was = ""
        if change.before is not None:
            was = f"[red]{safe(_shown(change.before))}[/] →"
        new = f"[green]{safe(_shown(change.after))}[/]"
        table.add_row("  ", safe(change.path), was, new)
    out().print(table)


def _shown(value: Any) -> str:
    import orjson

    if value is None:
        return "(removed)"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
