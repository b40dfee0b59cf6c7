"""A name that can lead elsewhere: connections to one port, handed on to whichever server it names.

As with the one address of a pair of servers after a failover: new connections reach the new
primary, and those that stand still lead to the old one.
"""

import socket
import socketserver
import threading
from contextlib import suppress

from tests.support.machine.serving import Serving

_PIECE = 1 << 16


class Forwarder(Serving):
    """Listens on a free port of this machine, `port`, until it is left."""

    def __init__(self, target: int) -> None:
        """`target`: the port of this machine that new connections are handed on to."""
        self.target = target
        forwarder = self

        class Handler(socketserver.BaseRequestHandler):
            """One connection."""

            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", forwarder.target)) as server:
                    back = threading.Thread(target=_hand_on, args=(server, self.request))
                    back.start()
                    _hand_on(self.request, server)
                    back.join()

        super().__init__(Handler)


def _hand_on(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while piece := here.recv(_PIECE):
            there.sendall(piece)
    with suppress(OSError):
        there.shutdown(socket.SHUT_WR)
