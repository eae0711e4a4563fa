"""What a process beside the tests is told, line by line, on its standard input."""

from __future__ import annotations

import os
import select
import sys

__all__ = ["Orders"]


class Orders:
    """Words, as they come; the first of them says what to do.

    Who has told it everything hangs up, or is gone: either way it is over.
    """

    def __init__(self) -> None:
        self._number = sys.stdin.fileno()
        self._data = b""
        self.over = False

    def take(self, seconds: float = 0.0) -> list[list[str]]:
        """The orders that have come, waiting some time for the first."""
        if self.over or not select.select([self._number], [], [], seconds)[0]:
            return []
        piece = os.read(self._number, 1 << 16)
        self.over = not piece
        *lines, self._data = (self._data + piece).split(b"\n")
        return [line.decode().split() for line in lines]
