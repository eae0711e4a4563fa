"""How long requests have taken of late."""

from __future__ import annotations

from math import ceil, exp, inf, log

from txetcd.clock import Clock

__all__ = ["Latencies"]

#: No time is told from a shorter one, in seconds; and how far apart the bounds of a bucket are.
SHORTEST = 1e-5
#: No time is told from a longer one, in seconds.
LONGEST = 1e3
#: The bounds of a bucket have this ratio, so its middle is within 5 % of all in it.
RATIO = 1.05 / 0.95

_SCALE = 1 / log(RATIO)
_BUCKETS = ceil(log(LONGEST / SHORTEST) * _SCALE)


class Latencies:
    """A quantile of the times that were recorded within a sliding window.

    `quantile` is within 5 % of the exact one (by nearest rank), for times between 10
    microseconds and 1000 seconds; shorter and longer ones count as these.  The memory
    it takes is fixed: two histograms whose buckets grow by a constant ratio, as in
    Masson et al., "DDSketch", VLDB 2019.  One holds the times of the current half of the
    window, and one those of the half before it too, so what is counted reaches back
    for between half a window and a whole one.  Nothing in it is random.

    Recording takes constant time, and so does reading after it: the bucket of the quantile
    is remembered, and moves by few places at a time.

    Args:
        clock: Tells the time.
        quantile: Which one; more than 0 and less than 1.  0.95 is what 19 of 20 stay
            within.
        window: How far back times count, in seconds; more than 0.

    Raises:
        ValueError: An argument is out of its range.

    .. versionadded:: 0.1
    """

    __slots__ = (
        "_at",
        "_below",
        "_clock",
        "_count",
        "_half",
        "_quantile",
        "_recent",
        "_seen",
        "_since",
    )

    def __init__(self, clock: Clock, quantile: float = 0.95, window: float = 30.0) -> None:
        if not 0 < quantile < 1:
            raise ValueError(f"quantile must be more than 0 and less than 1, not {quantile!r}")
        if not 0 < window < inf:
            raise ValueError(f"window must be a finite time of more than 0 s, not {window!r}")
        self._clock = clock
        self._quantile = quantile
        self._half = window / 2
        self._since = clock.seconds()
        # All in the window, and those of them that are in its current half.
        self._seen = [0] * _BUCKETS
        self._recent = [0] * _BUCKETS
        self._count = 0
        # The bucket where the quantile was last, and how many times are in those below it.
        self._at = self._below = 0

    def record(self, seconds: float) -> None:
        """Count one time; less than 0, which a clock that is set back measures, counts as 0."""
        self._expire()
        n = 0
        if seconds > SHORTEST:
            n = int(log(min(seconds, LONGEST) / SHORTEST) * _SCALE)
        self._seen[n] += 1
        self._count += 1
        self._recent[n] += 1
        if n < self._at:
            self._below += 1

    @property
    def quantile(self) -> float | None:
        """The quantile of what was recorded within the window, in seconds; None of nothing."""
        self._expire()
        if not self._count:
            return None
        self._seek(ceil(self._quantile * self._count))
        return SHORTEST * exp(self._at / _SCALE) * 2 * RATIO / (RATIO + 1)

    def _seek(self, rank: int) -> None:
        """Move to the bucket that has the time of this rank, counted from 1."""
        at, below = self._at, self._below
        while below >= rank:
            at -= 1
            below -= self._seen[at]
        while below + self._seen[at] < rank:
            below += self._seen[at]
            at += 1
        self._at, self._below = at, below

    def _expire(self) -> None:
        """Forget what is older than the window, half a window at a time."""
        age = self._clock.seconds() - self._since
        if 0 <= age < self._half:
            return
        if self._half <= age < 2 * self._half:
            self._since += self._half
            self._go_on_with(self._recent)
        else:
            # All is older; or the clock was set back.
            self._since += age
            self._go_on_with([0] * _BUCKETS)

    def _go_on_with(self, times: list[int]) -> None:
        """Begin another half of the window, after one with these times."""
        self._seen, self._count = times, sum(times)
        self._recent = [0] * _BUCKETS
        self._at = self._below = 0

    def __len__(self) -> int:
        self._expire()
        return self._count

    def __repr__(self) -> str:
        quantile = self.quantile
        shown = "unknown" if quantile is None else f"{quantile:.3g} s"
        return f"<Latencies quantile {self._quantile:g} of {self._count}: {shown}>"
