"""A newcomer's first hour: the commands of the pages, in their order, in a new folder."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local import kafka_local, postgres_local, valkey_local
from processors.registry import ENGINE

ROOT = Path(__file__).parents[3]
INSTALLED = (".venv", ".cache")
LEFT_OUT = shutil.ignore_patterns(".git", ".local", "__pycache__", ".*_cache", *INSTALLED)
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 600
MAKE = shutil.which("make") or "make"
MEMBER = "65e1f0a400000000000000aa"
UNTIL = """
for turn in $(seq 120); do {{ {condition}; }} > /dev/null 2>&1 && break; sleep 0.5; done
{condition} > /dev/null || {{ cat .local/points.log; exit 1; }}
"""


def blocks(page: str, *, under: str = "") -> list[str]:
    """The commands of a page, block by block, of one section or of all."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    if under:
        text = text.split(f"## {under}\n")[1].split("\n## ")[0]
    return BLOCK.findall(text)


def until(condition: str) -> str:
    """What waits until a condition holds, and shows what the workers said if it never does."""
    return UNTIL.format(condition=condition)


def all_ready() -> str:
    """Waits until the tutorial's own look at the log shows each worker."""
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    look = re.search(r"`(grep [^`]+)`", text)
    assert look is not None
    return until(" && ".join(f"""{look[1]} | grep -q '"{name}"'""" for name in ENGINE))


@dataclass(frozen=True)
class Newcomer:
    """Someone with a folder of the sources, and what `make setup` has installed."""

    folder: Path

    def follow(self, steps: list[str]) -> list[str]:
        """Type these, one after the other; what each printed. The first that fails ends it."""
        mark = "---- a step of the page ----"
        script = "".join(f"echo '{mark}'\n{step}\n" for step in steps)
        with subprocess.Popen(
            ["/bin/bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as shell:
            try:
                printed, _ = shell.communicate(timeout=PATIENCE)
            finally:
                self._end(shell.pid)
        assert shell.returncode == 0, printed
        return printed.split(f"{mark}\n")[1:]

    def _environment(self) -> dict[str, str]:
        own = {"HOME": str(self.folder), "COLUMNS": "100", "POINTS_METRICS__PORT": "0"}
        kept = ("PATH", "LANG", "JAVA_HOME")
        return {name: os.environ[name] for name in kept if name in os.environ} | own

    @staticmethod
    def _end(session: int) -> None:
        """End what a page that failed has left running."""
        try:
            os.killpg(session, signal.SIGTERM)
        except ProcessLookupError:
            return

    def leave(self) -> None:
        """Stop the servers, if a page that failed has left them."""
        subprocess.run([MAKE, "down"], cwd=self.folder, env=self._environment(), check=True)


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    """In a folder with the sources alone."""
    for part in (kafka_local, postgres_local, valkey_local):
        if (lack := part.missing()) is not None:
            pytest.skip(lack)
    folder = tmp_path / "member-points"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    for name in INSTALLED:
        (ROOT / name).mkdir(exist_ok=True)
        (folder / name).symlink_to(ROOT / name)
    made = Newcomer(folder)
    yield made
    made.leave()


def test_tutorial_leads_to_points_that_a_checkout_then_spends(newcomer: Newcomer) -> None:
    """The tutorial, and before its last step the page that says it goes on from there."""
    *tutorial, stop = blocks("tutorial.md")
    start = next(number for number, block in enumerate(tutorial) if "points run all" in block)
    granted = until(f"""points balance my-shop {MEMBER} --json | grep -q '"available": 100'""")
    tutorial[start] += all_ready()
    tutorial[start + 1] += granted
    spending = blocks("how-to/let-members-spend.md")

    printed = newcomer.follow([*tutorial, *spending, stop])

    of = dict(zip([*tutorial, *spending, stop], printed, strict=True))
    assert "nothing is wrong" in of[tutorial[3]]
    seen = of[tutorial[-1]]
    assert "100  available" in seen
    assert "granted" in seen
    assert "1 point for every full TWD 10" in seen
    quoted, held, captured, returned, gift, expiring = [of[block] for block in spending[1:]]
    assert re.search(r"\b100\b.*\b40\b", quoted, re.DOTALL)
    assert '"available": 60' in held
    assert '"held": 40' in held
    assert "redeemed" in captured
    assert '"returned": 10' in returned
    assert '"code": "ok"' in gift
    assert re.search(rf"23:59 +{MEMBER} +40\b", expiring)
    assert "the stack is stopped" in of[stop]


def test_members_are_told_as_the_page_of_notices_says(newcomer: Newcomer) -> None:
    """Its example ends with a mail and an SMS that the stand-ins have."""
    start, look = blocks("notices.md", under="Try it here")
    sent = until("""[ "$(points notices list my-shop --json | grep -o '"sent"' | wc -l)" -eq 2 ]""")

    library = """grep '"event": "library"' .local/points.log || true"""

    printed = newcomer.follow([start + sent, look, library, "kill %1", "wait", "make down"])

    assert "earned" in printed[1]
    assert "ann@shop.example" in printed[1]
    assert "0912345678" in printed[1]
    assert printed[2] == ""  # of nothing that only who knows a library's inside understands
