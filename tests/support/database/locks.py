"""Lock files of pip, as names and versions."""

import re
from pathlib import Path

_PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)


def pinned(lock: Path) -> dict[str, str]:
    """The packages of a lock file with their versions."""
    return dict(_PIN.findall(lock.read_text("utf-8")))
