"""The processes beside the tests."""

from __future__ import annotations

import subprocess
import sys

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

__all__ = ["Side"]


class Side:
    """One of them: a module of this package, run with some arguments.

    Args:
        name: The module.
        arguments: What it is to do.
    """

    def __init__(self, name: str, *arguments: object) -> None:
        self._name = name
        command = [sys.executable, "-m", f"{__package__}.{name}", *map(str, arguments)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def tell(self, order: str) -> None:
        """Give it an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())

    def carry_out(self, order: str) -> Deferred[bytes]:
        """Give it an order, and wait until it says that it is done."""
        self.tell(order)
        assert self._process.stdout is not None
        done: Deferred[bytes] = deferToThread(self._process.stdout.readline)
        return done

    def ended(self) -> Deferred[int]:
        """Wait until it ends by itself."""
        waiting: Deferred[int] = deferToThread(self._process.wait)
        return waiting

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def __repr__(self) -> str:
        return f"<Side {self._name}, pid {self._process.pid}, status {self._process.poll()}>"
