"""Named SQL: a module's statements lie in `x.sql` next to it, each under a line `-- name: …`."""

import re
from functools import cache
from importlib.resources import files

from store.postgres.columns import Columns, fill_in

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def text_of(file: str) -> str:
    """The text of `store/<file>.sql`."""
    return files("store").joinpath(f"{file}.sql").read_text(encoding="utf-8")


@cache
def queries(file: str, **lists: Columns | str) -> dict[str, bytes]:
    """The statements of `store/<file>.sql` by name, with `lists` filled in.

    Parameters are PostgreSQL's own, $1 and so on.
    """
    parts = _NAME.split(text_of(file))
    return {
        name: fill_in(body.strip().rstrip(";"), lists).encode()
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
