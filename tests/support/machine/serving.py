"""A server of a test's own, which serves in a thread for as long as a `with` lasts."""

import socketserver
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import Self


class Serving:
    """Serves on a port of this machine's own choice."""

    def __init__(
        self,
        handler: type[socketserver.BaseRequestHandler],
        of: type[socketserver.ThreadingTCPServer] | type[ThreadingHTTPServer] = (
            socketserver.ThreadingTCPServer
        ),
    ) -> None:
        """Nobody is answered before it is entered."""
        self._server = of(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
