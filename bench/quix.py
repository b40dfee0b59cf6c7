"""Quix Streams as a contestant: in an environment of its own, which is made when it takes part."""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Final

from typing_extensions import override

from bench.contestant import ROOT, Command, Json, Peer, Site, audit_outputs
from bench.kafka import BenchError
from bench.workloads.workload import Workload

ENVIRONMENT: Final = ROOT / ".cache" / "bench" / "quix"
REQUIREMENTS: Final = ROOT / "bench" / "peers" / "quix" / "requirements.txt"


class Quix(Peer):
    """Without SQL: what it sends is all that can be checked."""

    @override
    def prepare(self, site: Site, settings: Mapping[str, Json]) -> None:
        """Only its packages; it makes its changelog topic itself."""
        make_environment()

    @override
    def commands(self, site: Site) -> Sequence[Command]:
        """The same program as often as there are readers, under its own Python."""
        python = str(ENVIRONMENT / "bin" / "python")
        return [Command("worker", (python, "-m", "bench.peers.quix.at_least_once"))] * self.readers

    @override
    def audit(self, site: Site, workload: Workload, values: Iterable[bytes]) -> None:
        """Outputs add up to the generator's balances."""
        audit_outputs(self.name, workload, values)


QUIX = Quix("quix", "quix.at_least_once", 2)


def make_environment() -> None:
    """Install the pinned packages, unless these were installed before."""
    wanted = files("bench.peers.quix").joinpath("requirements.txt").read_text()
    installed = ENVIRONMENT / "installed.txt"
    if installed.exists() and installed.read_text() == wanted:
        return
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [*pip, "--requirement", str(REQUIREMENTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    installed.write_text(wanted)
