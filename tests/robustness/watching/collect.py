"""A process that reads every change from one member, and shares no code with the library.

``python -m tests.robustness.watching.collect PORT FILE`` writes a line for each change: the number
of the history that it is of, its index, and the event as the member tells it.  It scans the history
that the member keeps, and believes only what comes from there.  Orders on its standard input:
``anew``: the store is wiped now, and another history begins; ``until INDEX``: end when the changes
up to an index are read.
"""

from __future__ import annotations

import re
import sys
import time
from typing import BinaryIO

from tests.robustness.watching.orders import Orders
from tests.robustness.watching.wire import Reply, Wire, get

__all__ = ["Collector"]

#: How many scans are asked for at once.
WINDOW = 64

#: How long to wait before the member is asked whether anything has happened, in seconds.
REST = 0.02

#: How long a member may say nothing, in seconds.
PATIENCE = 1.0

#: How long to look for the last changes, in seconds.
AT_LAST = 20.0

#: What cannot be had from this member.
GAP = b"gap"

#: What cannot be, if a store keeps what it has told.
BROKEN = b"broken"

OK = 200

_INDEX = re.compile(rb'"modifiedIndex":(\d+)')
_CLEARED = re.compile(rb"cleared \[(\d+)/\d+\]")


class Collector:
    """Reads from a member until it is told to end."""

    def __init__(self, port: int, out: BinaryIO, orders: Orders) -> None:
        self._port = port
        self._out = out
        self._orders = orders
        self._history = 0
        self._next = 1
        self._last: tuple[int, bytes] | None = None
        self._until: int | None = None
        self._end = float("inf")

    def run(self) -> None:
        """Read on, from one connection after another."""
        while not self._finished():
            try:
                wire = Wire(self._port, PATIENCE)
            except OSError:
                time.sleep(REST)
                continue
            try:
                self._read(wire)
            except (OSError, ValueError):
                time.sleep(REST)
            finally:
                wire.close()

    def _finished(self) -> bool:
        for word, *rest in self._orders.take():
            if word == "until":
                self._until, self._end = int(rest[0]), time.monotonic() + AT_LAST
            elif word == "anew":
                self._history, self._next, self._last = self._history + 1, 1, None
        if self._until is None:
            return self._orders.over
        return self._next > self._until or time.monotonic() > self._end

    def _read(self, wire: Wire) -> None:
        """Read from one connection, until it ends or another history begins."""
        history, checked = self._history, self._last is None
        while not self._finished() and history == self._history:
            wire.send(get("/v2/keys/-"))
            index = wire.reply().index
            if index < self._next - 1 or not (checked or self._is_the_same(wire)):
                # The member is behind, or must catch up.
                time.sleep(REST)
                continue
            checked = True
            self._scan(wire, index)
            if index < self._next + WINDOW:
                self._out.flush()
                time.sleep(REST)

    def _is_the_same(self, wire: Wire) -> bool:
        """Whether the last change is still where it was; if not, it is said."""
        assert self._last is not None
        index, identity = self._last
        wire.send(_scan(index))
        reply = wire.reply()
        if reply.status == OK and reply.body and identity != _identity(reply.body):
            self._write(index, BROKEN, reply.body)
            self._last = (index, _identity(reply.body))
        return True

    def _scan(self, wire: Wire, index: int) -> None:
        """Ask for all that there is up to an index, or as much as goes at once."""
        places = range(self._next, min(self._next + WINDOW, index + 1))
        wire.send(b"".join(map(_scan, places)))
        for place in places:
            reply = wire.reply()
            if place >= self._next or reply.status == OK:
                self._believe(reply)

    def _believe(self, reply: Reply) -> None:
        cleared = _CLEARED.search(reply.body)
        if reply.status != OK and cleared:
            oldest = max(int(cleared[1]), self._next + 1)
            self._write(self._next, GAP, b"%d" % (oldest - 1))
            self._next = oldest
            return
        found = _INDEX.search(reply.body)
        if reply.status != OK or not found:
            raise ValueError(f"this is no change: {reply}")
        place = int(found[1])
        if place > reply.index:
            # It was parked, so there was nothing before; whether this came next is not known.
            self._next = max(self._next, reply.index + 1)
        elif place >= self._next:
            self._write(place, reply.body)
            self._next, self._last = place + 1, (place, _identity(reply.body))

    def _write(self, index: int, *words: bytes) -> None:
        self._out.write(b"%d %d %s\n" % (self._history, index, b" ".join(words).strip()))


def _scan(index: int) -> bytes:
    return get(f"/v2/keys/?recursive=true&wait=true&waitIndex={index}")


def _identity(body: bytes) -> bytes:
    """What stays the same of a change however often it is asked for: all before its lease."""
    return body[: body.find(b'"expiration"')]


def main(port: str, path: str) -> None:
    """Collect what a member tells into a file."""
    with open(path, "wb") as out:
        Collector(int(port), out, Orders()).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
