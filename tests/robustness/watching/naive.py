"""Two plain clients of the server, as they are often written: what they miss shows that it bites.

``python -m tests.robustness.watching.naive poll|stream PORT PATH FILE`` writes a line for each
event that it is told: its index, and the event.  It goes on until it is killed.

``poll`` waits, and goes on from the index in the head of the answer, plus one, as the client did
that txetcd began from.  ``stream`` leaves one answer open for all events, and asks anew, for what
comes from then on, when it ends or has been silent for some seconds.
"""

from __future__ import annotations

import re
import sys
import time
from typing import BinaryIO

from tests.robustness.watching.wire import Wire, get

__all__ = ["NAIVE", "main"]

#: How long a server may say nothing before it is asked again, in seconds.
PATIENCE = 5.0

#: How long to wait after a failure, in seconds.
REST = 0.01

OK = 200

_INDEX = re.compile(rb'"modifiedIndex":(\d+)')
_AT = re.compile(rb'"index":(\d+)')


class Poll:
    """A long-poll after another, by the index in the head."""

    def __init__(self, path: str, out: BinaryIO) -> None:
        self._path = f"/v2/keys{path}?recursive=true&wait=true"
        self._out = out
        self._next: int | None = None

    def follow(self, wire: Wire) -> None:
        """Go on until the connection fails."""
        while True:
            index = "" if self._next is None else f"&waitIndex={self._next}"
            wire.send(get(self._path + index))
            reply = wire.reply()
            found = _INDEX.search(reply.body)
            if reply.status == OK and found:
                _write(self._out, found, reply.body)
                self._next = reply.index + 1
            elif at := _AT.search(reply.body):
                self._next = int(at[1]) + 1


class Stream:
    """One answer that does not end."""

    def __init__(self, path: str, out: BinaryIO) -> None:
        self._path = f"/v2/keys{path}?recursive=true&wait=true&stream=true"
        self._out = out

    def follow(self, wire: Wire) -> None:
        """Go on until the connection fails."""
        wire.send(get(self._path))
        while True:
            line = wire.line()
            if line == b"0\r\n":
                raise ConnectionError("the answer has ended")
            found = _INDEX.search(line)
            if found:
                _write(self._out, found, line)


NAIVE = {"poll": Poll, "stream": Stream}


def _write(out: BinaryIO, found: re.Match[bytes], event: bytes) -> None:
    out.write(b"%s %s\n" % (found[1], event.strip()))


def main(kind: str, port: str, path: str, file: str) -> None:
    """Watch until killed."""
    with open(file, "wb", buffering=0) as out:
        client = NAIVE[kind](path, out)
        while True:
            wire = None
            try:
                wire = Wire(int(port), PATIENCE)
                client.follow(wire)
            except (OSError, ValueError):
                time.sleep(REST)
            finally:
                if wire is not None:
                    wire.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
