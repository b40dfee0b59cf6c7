"""Where a traced run sends its spans: an end point that takes all and keeps nothing."""

from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from typing_extensions import override


class _Taken(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Reads what is sent, and says yes."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        """A line for each batch of spans would be in the way of the figures."""


@cache
def url() -> str:
    """The address of the one of this process, which ends with it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taken)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
