"""How many requests of the last seconds a service accepted."""

from __future__ import annotations

from collections import deque

from txetcd.clock import Clock

__all__ = ["Accepts"]

#: In how many slices the window moves on.
SLICES = 10


class _Slice:
    """What was counted in a tenth of the window."""

    __slots__ = ("accepts", "probed", "requests", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.probed = False
        self.requests = 0
        self.accepts = 0


class Accepts:
    """Counts of the last seconds; `move` it before it is read or counted in.

    Attributes:
        requests: How many have ended or were shed.
        accepts: How many of them the service took.
    """

    __slots__ = ("_clock", "_seconds", "_slices", "accepts", "requests")

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._slices: deque[_Slice] = deque()
        self.requests = 0
        self.accepts = 0

    def move(self) -> None:
        """Forget what is too old, and begin a slice if it is time."""
        now = self._clock.seconds()
        slices = self._slices
        if slices and 0 <= now - slices[-1].since < self._seconds / SLICES:
            return
        # What is yet to come was counted before the clock was set back.
        while slices and (slices[0].since <= now - self._seconds or slices[-1].since > now):
            old = slices.popleft()
            self.requests -= old.requests
            self.accepts -= old.accepts
        slices.append(_Slice(now))

    def probe(self) -> bool:
        """Note that a request begins; whether it is the first of its slice."""
        current = self._slices[-1]
        first, current.probed = not current.probed, True
        return first

    def count(self, *, accepted: bool) -> None:
        """Count a request that has ended or was shed."""
        current = self._slices[-1]
        current.requests += 1
        current.accepts += accepted
        self.requests += 1
        self.accepts += accepted

    def __str__(self) -> str:
        return f"{self.accepts} of {self.requests} requests accepted in {self._seconds:g} s"
