"""What has been counted in the last seconds."""

from __future__ import annotations

from collections import deque

from txetcd.clock import Clock

__all__ = ["Window"]

#: How finely time is divided: an amount counts for the window, give or take this part of it.
SLICES = 10


class Window:
    """Sums of amounts, of which those that are too old are forgotten.

    `move` it before its sums are read.  What was counted in a future, before the clock
    was set back, is forgotten too.

    Args:
        seconds: How long an amount counts.
        clock: Tells the time.
        sums: How many sums there are.

    Attributes:
        totals: The sums.
    """

    __slots__ = ("_clock", "_seconds", "_slices", "totals")

    def __init__(self, seconds: float, clock: Clock, sums: int) -> None:
        self._seconds = seconds
        self._clock = clock
        # When each slice began, and its part of the sums; the oldest first.
        self._slices: deque[tuple[float, list[float]]] = deque()
        self.totals = [0.0] * sums

    def move(self) -> None:
        """Forget what is too old."""
        now = self._clock.seconds()
        slices = self._slices
        while slices and slices[-1][0] > now:
            self._subtract(slices.pop())
        while slices and slices[0][0] <= now - self._seconds:
            self._subtract(slices.popleft())

    def _subtract(self, old: tuple[float, list[float]]) -> None:
        for n, amount in enumerate(old[1]):
            # Sums of fractions are not exact: with nothing left, they are nothing again.
            self.totals[n] = self.totals[n] - amount if self._slices else 0.0

    @property
    def present(self) -> list[float]:
        """The part of the sums that was counted in this tenth of the window."""
        now = self._clock.seconds()
        slices = self._slices
        if not (slices and 0 <= now - slices[-1][0] < self._seconds / SLICES):
            self.move()
            slices.append((now, [0.0] * len(self.totals)))
        return slices[-1][1]

    def add(self, which: int, amount: float = 1.0) -> None:
        """Add to one of the sums."""
        self.present[which] += amount
        self.totals[which] += amount

    def clear(self) -> None:
        """Forget all."""
        self._slices.clear()
        self.totals = [0.0] * len(self.totals)

    def __len__(self) -> int:
        return len(self._slices)
