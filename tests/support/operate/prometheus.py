"""A real Prometheus for a test: its own folder and port, and time that runs faster."""

import json
import re
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from deploy.local.process import Daemon, free_ports
from tests.support.operate.rules import FOLDER, RULE_FILES

START_SECONDS = 60.0
_DURATION = re.compile(r"\b(\d+)(s|m|h|d)\b")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# An age is compared with a number of seconds: `time() - max(…) > 120`.
_AGE = re.compile(r"(time\(\) - .*?\) > )(\d+)", re.DOTALL)


def tool(name: str) -> str:
    """The path of one of Prometheus' programs; without them the test is left out."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"there is no {name} here (Debian: apt-get install prometheus)")
    return path


def promtool() -> str:
    """The path of promtool."""
    return tool("promtool")


def faster(document: Any, factor: int) -> Any:
    """A configuration or a file of rules in which every duration is `factor` times shorter.

    All of them: intervals, `for`, ranges and offsets in expressions, and the ages in seconds with
    which expressions compare. So the rules keep their proportions, and minutes become seconds.
    Shares and counts stay.
    """
    if isinstance(document, Mapping):
        return {key: faster(value, factor) for key, value in document.items()}
    if isinstance(document, list):
        return [faster(value, factor) for value in document]
    if not isinstance(document, str):
        return document
    aged = _AGE.sub(lambda age: f"{age[1]}{int(age[2]) / factor:g}", document)
    return _DURATION.sub(lambda d: f"{max(1, int(d[1]) * _SECONDS[d[2]] * 1000 // factor)}ms", aged)


class Prometheus:
    """Scrapes what it is given, by the example configuration and the real rules."""

    def __init__(self, folder: Path, factor: int = 1) -> None:
        """`factor`: how much faster time runs for it; see `faster`."""
        self._folder, self._targets = folder, folder / "targets.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.scrape(())
        for file in RULE_FILES:
            self._write(file.name, faster(yaml.safe_load(file.read_text()), factor))
        self._write("prometheus.yml", self._configuration(factor))
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._daemon = Daemon(
            "prometheus",
            [
                tool("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            folder / "prometheus.log",
        )
        self._daemon.wait_until(self._is_ready, within=START_SECONDS)

    def _is_ready(self) -> bool:
        """Whether it answers queries; for a while it listens and refuses them with 503."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=10):  # noqa: S310 - as below
                return True
        except OSError:
            return False

    def _configuration(self, factor: int) -> Any:
        example = faster(yaml.safe_load((FOLDER / "prometheus.yml").read_text()), factor)
        del example["alerting"]
        example["global"]["scrape_timeout"] = example["global"]["scrape_interval"]
        (job,) = example["scrape_configs"]
        del job["static_configs"]
        job["file_sd_configs"] = [{"files": [str(self._targets)], "refresh_interval": "1s"}]
        return example

    def _write(self, name: str, document: Any) -> None:
        (self._folder / name).write_text(yaml.safe_dump(document, width=200), "utf-8")

    def scrape(self, urls: Iterable[str]) -> None:
        """Scrapes these workers from now on, and no others."""
        targets = [urllib.parse.urlsplit(url).netloc for url in urls]
        draft = self._targets.with_suffix(".new")
        draft.write_text(json.dumps([{"targets": targets}]))
        draft.rename(self._targets)

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of the HTTP API, under /api/v1."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:  # noqa: S310 - our own http URL
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        """The samples that an expression gives now."""
        result: list[Any] = self.get("query", query=expression)["result"]
        return result

    def fires(self, alert: str, **labels: str) -> bool:
        """Whether /api/v1/alerts has the alert, firing, with these labels among its own."""
        wanted = {"alertname": alert, **labels}.items()
        return any(
            found["state"] == "firing" and wanted <= found["labels"].items()
            for found in self.get("alerts")["alerts"]
        )

    def close(self) -> None:
        """Ends the server."""
        self._daemon.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
