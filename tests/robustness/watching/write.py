"""A process that writes, as much as it is told to, and does not ask what became of it.

``python -m tests.robustness.watching.write SEED PORT...`` writes below `TOP` when it is given a
rate.  What became of a write is for those to say who read the history.  Each value is one of its
own, and tells when it was sent, by the clock that all processes have in common.  Orders on its
standard input: ``rate N``: that many changes a second, of all kinds; ``flood N``: so many writes
beside what is watched, as fast as may be; ``leases N``: so many keys that expire in a second;
``refresh N``: so many leases renewed, which are no events; ``remove N``: so many directories
removed, and made again.  After a flood and its like it says ``done`` on its standard output.
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Iterator

from tests.robustness.watching.jobs import Jobs
from tests.robustness.watching.lines import Job, Lines
from tests.robustness.watching.orders import Orders

__all__ = ["main"]

#: How often changes are begun, in seconds.
TICK = 0.002

#: How many of very many changes are made in a second: two or three times what is remembered.
BULK = 3000

#: How much is made up for after this process could not run, in seconds.
ARREARS = 0.2


class Writing:
    """Writes at a rate, and does what it is told on the way."""

    def __init__(self, jobs: Jobs, lines: Lines, orders: Orders) -> None:
        self._jobs = jobs
        self._lines = lines
        self._orders = orders
        self._rate = 0.0
        self._bulk: Iterator[Job] = iter(())

    def run(self) -> None:
        """Write until nobody gives orders any more."""
        due, last = 0.0, time.monotonic()
        while not self._orders.over:
            for word, number in self._orders.take():
                self._obey(word, int(number))
            now = time.monotonic()
            due, last = due + self._rate * min(now - last, ARREARS), now
            while due >= 1.0:
                due -= 1.0
                self._lines.put(self._jobs.change())
            for job in itertools.islice(self._bulk, int(BULK * TICK)):
                self._lines.put(job)
            self._lines.turn(TICK)

    def _obey(self, word: str, number: int) -> None:
        if word == "rate":
            self._rate = number
            return
        self._bulk = itertools.chain(self._bulk, getattr(self._jobs, word)(number), [_say_done])


def _say_done() -> None:
    sys.stdout.write("done\n")
    sys.stdout.flush()


def main(seed: str, *ports: str) -> None:
    """Write to some members."""
    lines = Lines([int(port) for port in ports])
    Writing(Jobs(random.Random(seed)), lines, Orders()).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
