"""The sinks in a process of their own, for the demo, benchmarks and tests that send from others."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from deploy.local.process import Identity, StartError, private_log
from deploy.local.sinks.moods import Provider

_SECONDS = 30


class SinksProcess:
    """`with SinksProcess() as sinks`: where they listen, their moods, and what they got."""

    def __init__(self, log: Path | None = None) -> None:
        """`log`: what it says of trouble, for a process that outlives its caller; else as ours."""
        command = [sys.executable, "-m", "deploy.local.sinks"]
        with private_log(log) if log is not None else nullcontext() as trouble:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=trouble,
                start_new_session=True,
            )
        line = self._child.stdout.readline() if self._child.stdout is not None else b""
        if not line:
            why = f"; see {log}" if log is not None else ""
            raise StartError(f"The sinks for messages did not start{why}")
        where = json.loads(line)
        self.smtp_host: str = where["smtp_host"]
        self.smtp_port: int = where["smtp_port"]
        self.url: str = where["http"]

    @property
    def identity(self) -> Identity:
        """The process, for whoever stops it later."""
        return Identity.of(self._child.pid)

    def environment(self) -> dict[str, str]:
        """The variables with which workers in development send here."""
        return {
            "POINTS_SMTP__HOST": self.smtp_host,
            "POINTS_SMTP__PORT": str(self.smtp_port),
            "POINTS_SMTP__ENCRYPTION": "none",
            "POINTS_TWILIO__ACCOUNT_SID": f"AC{'0' * 32}",
            "POINTS_TWILIO__AUTH_TOKEN": "sink",
            "POINTS_TWILIO__URL": self.url,
            "POINTS_TWILIO__CALLBACK_URL": f"{self.url}/callbacks/twilio",
            "POINTS_MITAKE__USERNAME": "sink",
            "POINTS_MITAKE__PASSWORD": "sink",
            "POINTS_MITAKE__URL": self.url,
        }

    def become(self, provider: Provider, **manner: Any) -> None:
        """Lets a sink behave so from now on; see `Manner`."""
        self._ask("PUT", "/mood", {provider: manner})

    def messages(self, *, since: int = 0, taken: bool = False) -> list[dict[str, Any]]:
        """What came from a number on; those taken alone, if so."""
        query = f"/messages?since={since}{'&taken=1' if taken else ''}"
        return [json.loads(line) for line in self._ask("GET", query).splitlines()]

    def counts(self) -> dict[str, dict[str, int]]:
        """By provider: requests, taken, answered, duplicates."""
        counts: dict[str, dict[str, int]] = json.loads(self._ask("GET", "/counts"))
        return counts

    def forget(self) -> None:
        """Begins anew."""
        self._ask("DELETE", "/messages")

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> bytes:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=_SECONDS)
        try:
            connection.request(method, path, None if document is None else json.dumps(document))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status >= 400:  # noqa: PLR2004
            raise ValueError(f"the sinks refused {method} {path}: {body.decode(errors='replace')}")
        return body

    def stop(self) -> None:
        """Ends it, and all it kept."""
        self._child.terminate()
        try:
            self._child.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
