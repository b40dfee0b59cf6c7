"""Writes docs/reference/database-roles.md: what each role may do, as a database's catalogue says.

`python -m docs.rights` starts a PostgreSQL of its own, migrates it, and asks it.
"""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import psycopg

from store.postgres.session import ROLES

PAGE: Final = Path(__file__).parent / "reference" / "database-roles.md"
_MARKED: Final = re.compile(r"(<!-- from the catalogue -->\n).*?(<!-- end -->)", re.DOTALL)
_VERBS: Final = {"SELECT": "read", "INSERT": "add", "UPDATE": "change", "DELETE": "delete"}
_WHOLE: Final = """
SELECT c.oid::regclass::text, r.rolname, v.verb
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN pg_roles r CROSS JOIN unnest(%s::text[]) v (verb)
WHERE n.nspname IN ('public', 'notices', 'notices_keys') AND c.relkind IN ('r', 'v', 'p')
  AND r.rolname = ANY (%s) AND has_table_privilege(r.oid, c.oid, v.verb)
"""
_COLUMNS: Final = """
SELECT c.oid::regclass::text, r.rolname, v.verb, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN pg_roles r CROSS JOIN unnest(%s::text[]) v (verb)
WHERE n.nspname IN ('public', 'notices', 'notices_keys') AND c.relkind IN ('r', 'v', 'p')
  AND a.attnum > 0 AND NOT a.attisdropped AND r.rolname = ANY (%s) AND v.verb <> 'DELETE'
  AND has_column_privilege(r.oid, c.oid, a.attnum, v.verb)
  AND NOT has_table_privilege(r.oid, c.oid, v.verb)
ORDER BY a.attnum
"""


def table(connection: psycopg.Connection[tuple[Any, ...]]) -> str:
    """The rights of every role on every table, as the catalogue has them."""
    asked = [list(_VERBS)[:4], list(ROLES)]
    may: dict[tuple[str, str], dict[str, str]] = {}
    for name, role, verb in connection.execute(_WHOLE, asked).fetchall():
        may.setdefault((name, role), {})[verb] = _VERBS[verb]
    parts: dict[tuple[str, str, str], list[str]] = {}
    columns = [[verb for verb in _VERBS if verb != "DELETE"], list(ROLES)]
    for name, role, verb, column in connection.execute(_COLUMNS, columns).fetchall():
        parts.setdefault((name, role, verb), []).append(f"`{column}`")
    for (name, role, verb), found in parts.items():
        may.setdefault((name, role), {})[verb] = f"{_VERBS[verb]} {' '.join(found)}"
    head = (
        "| table | "
        + " | ".join(f"`{role}`" for role in ROLES)
        + " |\n|"
        + "---|" * (len(ROLES) + 1)
    )
    rows = (
        f"| `{name}` | " + " | ".join(_cell(may.get((name, role), {})) for role in ROLES) + " |"
        for name in sorted({name for name, _ in may})
    )
    return "\n".join((head, *rows))


def _cell(rights: dict[str, str]) -> str:
    return ", ".join(rights[verb] for verb in _VERBS if verb in rights) or "–"


def filled(text: str, made: str) -> str:
    """The page with this table."""
    return _MARKED.sub(lambda found: f"{found[1]}{made}\n{found[2]}", text)


def main() -> int:
    """Write the page."""
    from deploy.local.stack import start_stack  # noqa: PLC0415 - needs the developers' packages
    from store.postgres import migrate  # noqa: PLC0415

    with (
        tempfile.TemporaryDirectory() as folder,
        start_stack(Path(folder, "stack"), parts=["postgres"], throwaway=True) as stack,
    ):
        migrate.upgrade(stack.database_url)
        with psycopg.connect(stack.database_url) as connection:
            PAGE.write_text(filled(PAGE.read_text("utf-8"), table(connection)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
