"""The Dockerfile keeps the rules of its craft."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.images.source import ROOT

DOCKERFILE = ROOT / "deploy" / "images" / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.fixture
def hadolint() -> str:
    if not HADOLINT.exists():
        pytest.skip("hadolint is not installed (make setup)")
    return str(HADOLINT)


def test_hadolint_finds_nothing(hadolint: str) -> None:
    done = subprocess.run(
        [hadolint, "--no-color", str(DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_does_find_what_is_wrong(hadolint: str, tmp_path: Path) -> None:
    broken = tmp_path / "Dockerfile"
    text = DOCKERFILE.read_text("utf-8")
    broken.write_text(text.replace('ENTRYPOINT ["points"]', "ENTRYPOINT points"), "utf-8")
    done = subprocess.run(
        [hadolint, "--no-color", str(broken)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "DL3025" in done.stdout


def test_the_final_stage_runs_nothing_and_so_fetches_nothing() -> None:
    final = DOCKERFILE.read_text("utf-8").rpartition("\nFROM ")[2]
    words = {line.split()[0] for line in final.splitlines() if line and line[0].isalpha()}
    assert "RUN" not in words
    assert "COPY" in words


def test_packages_come_with_their_hash_or_not_from_the_network() -> None:
    text = DOCKERFILE.read_text("utf-8").replace("\\\n", " ")
    commands = re.findall(r"/pip [^&\n]+", text)
    assert len(commands) == 4
    for command in commands:
        options = set(command.split())
        assert options & {"--require-hashes", "--no-index"}
        assert options & {"--only-binary", "--no-deps"}


def test_the_worker_gets_the_signal_itself_since_no_shell_stands_between() -> None:
    text = DOCKERFILE.read_text("utf-8")
    assert '\nENTRYPOINT ["points"]\n' in text
    assert "\nSTOPSIGNAL SIGTERM\n" in text
    assert "HEALTHCHECK" not in text  # probes are the orchestrator's
