"""The process that writes what a watch is told of.

It is no client at all: requests are made before, and written to plain sockets, several at a time.
It takes its orders from its standard input, a byte for each `STEP` writes, and ends with it.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import IO
from urllib.parse import urlsplit

from tests.benchmarks.store import put_request

__all__ = ["STEP", "Writer"]

#: How many writes one byte asks for.
STEP = 100

#: How many writes are under way at a time.
CONNECTIONS = 16


class Writer:
    """The process, seen by who orders it.  Its values are the numbers from 0 on."""

    def __init__(self, url: str, api: str, directory: str) -> None:
        argv = [sys.executable, "-m", "tests.benchmarks.writer", url, api, directory]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # It says when it is ready, so that its start is not measured.
        self._pipe(self._process.stdout).read(1)

    def write(self, count: int) -> None:
        """Have it write more: a multiple of `STEP`."""
        os.write(self._pipe(self._process.stdin).fileno(), b"." * (count // STEP))

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            self._pipe(pipe).close()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


class Connection:
    """One connection, with at most one request under way."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = b""

    def finished(self) -> bool:
        """Read what there is, and tell whether it ends a reply."""
        data = self.socket.recv(1 << 16)
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        if data and not end:
            return False
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError(f"etcd answered {self._heard[:300]!r}")
        if len(body) < _content_length(head):
            return False
        self._heard = b""
        return True


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])


def _requests(netloc: str, api: str, directory: str) -> Iterator[bytes]:
    number = 0
    while True:
        method, path, kind, body = put_request(api, f"{directory}/e", str(number))
        yield (
            f"{method} {path} HTTP/1.1\r\nHost: {netloc}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode("ascii")
        number += 1


def main(url: str, api: str, directory: str) -> None:
    """Write as much as is asked for, until nobody can ask any more."""
    place = urlsplit(url)
    requests = _requests(place.netloc, api, directory)
    idle = [Connection(place.hostname or "", place.port or 80) for _ in range(CONNECTIONS)]
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ, None)
    for each in idle:
        selector.register(each.socket, selectors.EVENT_READ, each)
    os.write(sys.stdout.fileno(), b"!")
    wanted = 0
    while True:
        for key, _ in selector.select():
            connection = key.data
            if connection is None:
                orders = os.read(sys.stdin.fileno(), 1 << 10)
                if not orders:
                    return
                wanted += STEP * len(orders)
            elif connection.finished():
                idle.append(connection)
        while wanted and idle:
            idle.pop().socket.sendall(next(requests))
            wanted -= 1


if __name__ == "__main__":
    main(*sys.argv[1:])
