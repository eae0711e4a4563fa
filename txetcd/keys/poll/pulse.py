"""What a watch knows of the server's life, and how long it may rest on that."""

from __future__ import annotations

import random as _random
from collections.abc import Callable

from twisted.logger import Logger

from txetcd.backoff import Random
from txetcd.clock import Clock
from txetcd.model.node import State

__all__ = ["FLOOR", "HEAD_TIME", "REARM", "Pulse"]

_log = Logger()

#: The longest that a wait is parked before it is made anew, in seconds.  With `HEAD_TIME` it is
#: the bound within which a dead connection or a wiped store is noticed.
REARM = 30.0

#: How long a server may take for what it does at once, in seconds: to send the head of a wait,
#: and to end one that was hung up.  Both take it a millisecond; a packet that is lost twice,
#: or a pause of a busy machine, takes less than five seconds.
HEAD_TIME = 5.0

#: How long a wait is parked at least, in seconds.  A store that fills its history faster is not
#: to be kept up with by a parked wait: four requests a second are enough for a key at which
#: nothing happens.  And a server that has had this long since the head has surely come to wait.
FLOOR = 0.25

#: How many changes etcd keeps, of all keys together (``store/store.go``).
HISTORY = 1000

#: What part of the history may pass while a wait is parked.  Two thirds are left for a rate that
#: doubles, and for an end that is late.
SHARE = 1 / 3

#: After so many ends in a row that proved nothing, no more are expected to: a proxy in between
#: does not pass them on, say.
TRIED = 2

#: The shortest time that a rate is measured over, in seconds.
MEASURED = 0.1


class Pulse:
    """Keeps the times and indexes of what the server says; decides, and does no I/O.

    A parked wait is ended, which proves that nothing matched so far, before a third of the
    history has passed since it began: so the cursor of a quiet key stays within it.  How
    long that takes is told from the index in one head and the next.  A wait is parked at most
    twice as long as the last, since the rate may have grown meanwhile.  Where the
    end of a wait proves nothing, it is made anew now and then to see whether the server lives.

    Args:
        clock: Tells the time.
        random: Spreads the times of many watches, as `Backoff` does it; the `random`
            module if None.
        on_alive: Called with the `State` whenever the server has answered.  If it
            raises, that is logged.

    Attributes:
        heard: When the server last answered a wait, if only with its head; None if it has
            not, or if that is not to count any more.
        tells_heads: Whether the transport has ever told the head of a wait.
        unproved: How many waits in a row were hung up, and did not end as they should.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random | None = None,
        on_alive: Callable[[State], object] | None = None,
    ) -> None:
        self.heard: float | None = None
        self.tells_heads = False
        self.unproved = 0
        self._clock = clock
        self._draw = (random or _random).random
        self._on_alive = on_alive
        self.unproved = 0
        # The first rest is drawn from one floor to two: many watches may begin together.
        self._rest = FLOOR
        self._rate = 0.0
        self._since: tuple[float, int] | None = None

    def head(self, state: State) -> None:
        """The head of a wait has come."""
        self.tells_heads = True
        self.answered(state)

    def answered(self, state: State) -> None:
        """A wait has been answered, if only with its head."""
        self.heard = self._clock.seconds()
        self.seen(state)

    def seen(self, state: State) -> None:
        """The server has said something, at an index (0 if it did not tell)."""
        if state.index:
            self._measure(self._clock.seconds(), state.index)
        if self._on_alive is not None:
            try:
                self._on_alive(state)
            except Exception:
                _log.failure("on_alive raised; the watch goes on")

    def _measure(self, now: float, index: int) -> None:
        if self._since is None or index < self._since[1]:
            self._since = (now, index)
            return
        passed = now - self._since[0]
        if passed >= MEASURED:
            # A rate that falls is believed by and by, one that rises at once.
            self._rate = max((index - self._since[1]) / passed, self._rate / 2)
            self._since = (now, index)

    def ended(self, proved: bool) -> None:
        """A wait was hung up, and ended as it should (which proves something), or did not."""
        self.unproved = 0 if proved else self.unproved + 1

    def rest(self, endable: bool) -> float:
        """How long the next wait may be parked, in seconds.

        Args:
            endable: Whether it can be hung up.
        """
        # One that is not ended in time must have been given up by `REARM`.
        longest = REARM - HEAD_TIME
        if not endable or self.unproved >= TRIED:
            return longest * self._spread()
        self._rest = min(longest, 2 * self._rest)
        if self._rate:
            self._rest = min(self._rest, SHARE * HISTORY / self._rate)
        self._rest = max(self._rest, FLOOR)
        return max(FLOOR, self._rest * self._spread())

    def _spread(self) -> float:
        return 0.5 + 0.5 * self._draw()

    def __repr__(self) -> str:
        heads = "tells heads" if self.tells_heads else "no heads yet"
        return f"<Pulse: {self._rate:.0f} changes/s, {heads}, heard at {self.heard}>"
