"""Some connections, over which requests go out as soon as one is free."""

from __future__ import annotations

import itertools
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Union

from tests.robustness.watching.wire import HOST, PIECE, split

__all__ = ["Job", "Lines"]

#: How many connections there are.
COUNT = 24

#: How long an answer may take, and how long a member that gave none is left alone, in seconds.
PATIENCE = 1.0
PENALTY = 2.0

Job = Union[bytes, Callable[[], object]]


class _Line:
    """A connection, and the request under way on it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.data = bytearray()
        self.since: float | None = None
        self.socket = socket.create_connection((HOST, port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Lines:
    """Sends each request once, and drops it if it fails; nobody asks what became of it.

    Args:
        ports: The members.
    """

    def __init__(self, ports: list[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._count = len(ports)
        self._jobs: deque[Job] = deque()
        self._selector = selectors.DefaultSelector()
        self._lines: set[_Line] = set()
        self._idle: list[_Line] = []
        self._shunned: dict[int, float] = {}

    def put(self, job: Job) -> None:
        """Send a request, or call a function, when it is its turn."""
        self._jobs.append(job)

    def turn(self, seconds: float) -> None:
        """Send what can be sent, and wait for answers for a while."""
        self._send()
        for key, _ in self._selector.select(seconds):
            self._hear(key.data)
        now = time.monotonic()
        for line in [each for each in self._lines if now - (each.since or now) > PATIENCE]:
            self._drop(line)

    def _send(self) -> None:
        while self._jobs:
            line = self._free()
            if line is None:
                return
            job = self._jobs.popleft()
            if callable(job):
                self._idle.append(line)
                job()
                continue
            try:
                line.since = time.monotonic()
                line.socket.sendall(job)
            except OSError:
                self._drop(line)

    def _free(self) -> _Line | None:
        if self._idle:
            return self._idle.pop()
        return self._open() if len(self._lines) < COUNT else None

    def _open(self) -> _Line | None:
        """A new connection, to a member that is not known to be ill."""
        now = time.monotonic()
        for port in itertools.islice(self._ports, self._count):
            if self._shunned.get(port, 0.0) > now:
                continue
            try:
                line = _Line(port)
            except OSError:
                self._shunned[port] = now + PENALTY / 10
                continue
            self._lines.add(line)
            self._selector.register(line.socket, selectors.EVENT_READ, line)
            return line
        return None

    def _hear(self, line: _Line) -> None:
        try:
            piece = line.socket.recv(PIECE)
        except OSError:
            piece = b""
        if not piece:
            if line in self._lines:
                self._drop(line, PENALTY / 10)
            return
        line.data += piece
        if split(line.data) is not None:
            line.since = None
            self._idle.append(line)

    def _drop(self, line: _Line, penalty: float = PENALTY) -> None:
        self._shunned[line.port] = time.monotonic() + penalty
        self._lines.discard(line)
        if line in self._idle:
            self._idle.remove(line)
        self._selector.unregister(line.socket)
        line.socket.close()
