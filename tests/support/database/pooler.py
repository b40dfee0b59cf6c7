"""A small pooler in transaction mode: each transaction gets any session that is free."""

import os
import secrets
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from queue import LifoQueue
from threading import Thread

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq.abc import PGconn

SSL, GSS, CANCEL = 80877103, 80877104, 80877102
TOLD = {
    "server_version": "18.0",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "integer_datetimes": "on",
}


class _Pool:
    def __init__(self, url: str, size: int, keep_pids: bool) -> None:
        self.free: LifoQueue[PGconn] = LifoQueue()
        self.pids: list[int] = []
        self.keep_pids = keep_pids
        for _ in range(size):
            server = pq.PGconn.connect(url.encode())
            os.set_blocking(server.socket, True)
            self.pids.append(server.backend_pid)
            self.free.put(server)

    def serve(self, client: socket.socket) -> None:
        try:
            self._serve(client)
        except (ConnectionError, struct.error, OSError):
            pass
        finally:
            client.close()

    def _serve(self, client: socket.socket) -> None:
        while True:
            (length,) = struct.unpack("!i", _exactly(client.fileno(), 4))
            (code,) = struct.unpack("!i", _exactly(client.fileno(), length - 4)[:4])
            if code == CANCEL:
                return
            if code not in {SSL, GSS}:
                break
            client.sendall(b"N")
        pid = self.pids[0] if self.keep_pids else secrets.randbelow(1 << 30)
        told = [_message(b"S", f"{k}\0{v}\0".encode()) for k, v in TOLD.items()]
        key = _message(b"K", struct.pack("!ii", pid, 1))
        ok = _message(b"R", struct.pack("!i", 0))
        client.sendall(ok + b"".join(told) + key + _message(b"Z", b"I"))
        server: PGconn | None = None
        while True:
            kind, message = _read(client.fileno())
            if kind == b"X":
                return
            if server is None:
                server = self.free.get()
            os.write(server.socket, message)
            if kind in {b"Q", b"S"} and self._answered(client, server):
                self.free.put(server)
                server = None

    def _answered(self, client: socket.socket, server: PGconn) -> bool:
        """Passes the answer on; whether the transaction is over."""
        while True:
            kind, message = _read(server.socket)
            client.sendall(message)
            if kind == b"Z":
                return message.endswith(b"I")


def _exactly(descriptor: int, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = os.read(descriptor, size - len(got))
        if not more:
            raise ConnectionError("closed")
        got += more
    return got


def _read(descriptor: int) -> tuple[bytes, bytes]:
    head = _exactly(descriptor, 5)
    (length,) = struct.unpack("!i", head[1:])
    return head[:1], head + _exactly(descriptor, length - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


@contextmanager
def pooled(url: str, size: int = 3, *, keep_pids: bool = False) -> Iterator[str]:
    """The database's URL through the pooler. `keep_pids`: it passes on a server's process id."""
    pool = _Pool(url, size, keep_pids)
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            Thread(target=pool.serve, args=[client], daemon=True).start()

    Thread(target=accept, daemon=True).start()
    known = conninfo_to_dict(url)
    port = listening.getsockname()[1]
    try:
        yield f"postgresql://{known['user']}:any@127.0.0.1:{port}/{known['dbname']}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
