"""Health and metrics over HTTP: /healthz (the loop turns), /readyz (it can do its work), /metrics.

Nothing else.
"""

import errno
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from processors import metrics
from processors.runtime.exposition import Exposition


class Health:
    """What a worker says of itself.

    Written by the loop, read by the server's threads; never asks a database.
    """

    def __init__(self, worker: str, stalled_after: float) -> None:
        """`stalled_after`: seconds without a turn after which the worker counts as dead."""
        self.worker = worker
        self._stalled_after = stalled_after
        self._turned = time.monotonic()
        self._reason: str | None = "starting"
        self._connecting = False
        metrics.WORKER_READY.labels(worker).set(0)
        metrics.WORKER_UP.labels(worker).set(1)

    def beat(self) -> None:
        """The loop has turned, whatever came of it."""
        self._turned = time.monotonic()
        metrics.LAST_TURN.set(time.time())

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """PostgreSQL is waited for and nothing can beat meanwhile: that is alive, and not ready."""
        self._connecting = True
        try:
            yield
        finally:
            self._connecting = False
            self.beat()

    def become(self, reason: str | None) -> bool:
        """Ready (None), or not ready for this reason; whether that is a change."""
        changed = reason != self._reason
        if changed:
            self._reason = reason
            metrics.WORKER_READY.labels(self.worker).set(reason is None)
        return changed

    @property
    def reason(self) -> str | None:
        """Why it is not ready; None when it is."""
        return self._reason

    def alive(self) -> dict[str, Any]:
        """Whether the loop turned lately, or waits for PostgreSQL."""
        ago = time.monotonic() - self._turned
        return {
            "ok": self._connecting or ago < self._stalled_after,
            "worker": self.worker,
            "last_turn_seconds_ago": round(ago, 3),
        }

    def readiness(self) -> dict[str, Any]:
        """Whether it can do its work, and else why not."""
        return {"ok": self._reason is None, "worker": self.worker, "reason": self._reason}


class NoAddress(OSError):
    """The host to serve on is no name or address."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EADDRNOTAVAIL, why)


def url_of(host: str, port: int) -> str:
    """The address of a worker's pages; one of IPv6 stands in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _IPv6Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6


def _server_of(host: str) -> type[ThreadingHTTPServer]:
    return _IPv6Server if ":" in host else ThreadingHTTPServer


class HealthServer:
    """Serves a worker's pages from threads of its own, until closed.

    Raises OSError when the port is taken.
    """

    def __init__(self, health: Health, host: str, port: int) -> None:
        """Port 0 takes any free one; `url` tells which."""
        served = {"health": health, "exposition": Exposition(health.worker)}
        handler = type("Handler", (_Handler,), served)
        try:
            self._server = _server_of(host)((host, port), handler)
        except UnicodeError:  # from IDNA: a part of the name is empty or too long
            raise NoAddress("no such host") from None
        self._server.daemon_threads = True
        self.url = url_of(host, self._server.server_address[1])
        Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="health",
            daemon=True,
        ).start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    health: Health
    exposition: Exposition
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            page, kind = self.exposition.page(self.headers.get("Accept", ""))
            self._answer(200, kind, page)
        elif path in {"/healthz", "/readyz"}:
            body = self.health.alive() if path == "/healthz" else self.health.readiness()
            self._answer(200 if body["ok"] else 503, "application/json", json.dumps(body).encode())
        else:
            self._answer(404, "text/plain", b"only /metrics, /healthz and /readyz are here\n")

    def do_HEAD(self) -> None:
        """As GET without the content: some balancers probe so."""
        self.do_GET()

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Scrapes are no news."""
