"""The Helm chart, and the copies in it: a chart reads only files of its own folder.

`python -m deploy.helm` copies Prometheus' rules, which promtool tests where they are written.
"""

from pathlib import Path
from typing import Final

CHART: Final = Path(__file__).parent / "member-points"
RULES: Final = Path(__file__).parents[1] / "prometheus"
_COPIES: Final = CHART / "files"
_PATTERN: Final = "*.rules.yml"


def stale() -> list[str]:
    """The names of copies that are missing, left over, or differ."""
    wanted, there = _texts(RULES), _texts(_COPIES)
    return sorted(
        name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)
    )


def copy() -> None:
    """Brings the copies up to date."""
    wanted = _texts(RULES)
    _COPIES.mkdir(exist_ok=True)
    for name in stale():
        if name in wanted:
            (_COPIES / name).write_bytes(wanted[name])
        else:
            (_COPIES / name).unlink()


def _texts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob(_PATTERN)}
