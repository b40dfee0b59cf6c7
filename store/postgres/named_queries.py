"""Named SQL: a module's statements lie beside it, in `x.sql`, each under a line `-- name: …`."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(file: str) -> dict[str, bytes]:
    """The statements of `store/<file>.sql` by name.

    Parameters are PostgreSQL's own, $1 and so on.
    """
    text = files("store").joinpath(f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return {
        name: body.strip().rstrip(";").encode()
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
