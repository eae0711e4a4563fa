"""How much an endpoint has to do: what a balancer compares endpoints by."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf
from typing import Any, Protocol

from txetcd.clock import Clock
from txetcd.response_class import ResponseClass, ResponseClassifier, classify

__all__ = ["LeastLoaded", "Load", "NewLoad", "PeakEwma"]

#: The load of an endpoint that was asked and has never answered: above any that is known.
UNKNOWN = 1e9


class Load(Protocol):
    """The load of one endpoint, told of each request that begins and ends there.

    .. versionadded:: 0.1
    """

    @property
    def value(self) -> float:
        """The load now; of two endpoints the one with less is to be preferred."""

    def begin(self) -> Any:
        """Count a request that begins; what this returns is given to `end`."""

    def end(self, began: Any, request: Any, outcome: Any) -> None:
        """Count a request that has ended, with a response or a `Failure`."""


#: Makes the load of a new endpoint.
NewLoad = Callable[[], Load]


class LeastLoaded:
    """The load of an endpoint is how many requests it has not answered.

    The plainest there is, and a good one where all requests are alike: an endpoint that
    slows down keeps its requests longer, and so is sent fewer.  What it does not see is
    one that fails at once, which always has nothing to do: put something below that
    leaves such an endpoint alone for a while, or use `PeakEwma`.  Finagle's
    ``LeastLoaded``.

    Give the class itself to a `Balancer`, which makes one for each endpoint.

    .. versionadded:: 0.1
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def begin(self) -> None:
        self.value += 1

    def end(self, began: object, request: object, outcome: object) -> None:
        self.value -= 1

    def __repr__(self) -> str:
        return f"<LeastLoaded {self.value}>"


class PeakEwma:
    """The load of an endpoint is its latency, times the requests it has to answer.

    The latency is an average that forgets exponentially, and that a slower answer than
    the average sets to itself at once: so it is cautious, quick to leave an endpoint that
    slows down and slow to come back.  While nothing is measured it decays.  Where the
    oldest request under way has waited for longer than the average, its age is taken
    instead, so that an endpoint which has stopped to answer is noticed before it does.
    An endpoint that was asked and has never answered is asked again only where no other
    is left.

    A failure that is retryable counts as a slow answer, lest an endpoint be preferred
    which is quick to fail.  A request that was cancelled tells only that an answer would
    have taken longer.

    It is worth its cost (some microseconds a request) where endpoints differ: in another
    data centre, on slower disks.  Finagle's ``P2CPeakEwma``
    (``com.twitter.finagle.loadbalancer.PeakEwma``).

    Give an instance to a `Balancer`, which calls it for the load of each endpoint.

    Args:
        clock: Tells the time.
        decay: In so many seconds a latency loses two thirds of its weight (1 - 1/e); more
            than 0.
        penalty: A retryable failure counts as an answer after so many seconds, or after
            its own time if that was longer; 0 or more.
        classifier: Says which failures those are.

    Raises:
        ValueError: An argument is out of its range.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        decay: float = 10.0,
        *,
        penalty: float = 1.0,
        classifier: ResponseClassifier = classify,
    ) -> None:
        if not 0 < decay < inf:
            raise ValueError(f"decay must be a finite time of more than 0 seconds, not {decay!r}")
        if not 0 <= penalty < inf:
            raise ValueError(f"penalty must be a finite time, 0 seconds or more, not {penalty!r}")
        self.clock = clock
        self.decay = decay
        self.penalty = penalty
        self.classifier = classifier

    def __call__(self) -> Load:
        """The load of one endpoint, of which nothing is known."""
        return _PeakEwma(self)

    def __repr__(self) -> str:
        return f"PeakEwma({self.decay:g}, penalty={self.penalty:g})"


class _PeakEwma:
    """The load of one endpoint."""

    __slots__ = ("_as_of", "_count", "_latency", "_pending", "_settings")

    def __init__(self, settings: PeakEwma) -> None:
        self._settings = settings
        #: The average, as it was at a time; 0 while nothing was measured.
        self._latency = 0.0
        self._as_of = settings.clock.seconds()
        #: When each request under way began; the oldest first.
        self._pending: dict[int, float] = {}
        self._count = 0

    @property
    def value(self) -> float:
        pending = self._pending
        if not self._latency:
            return UNKNOWN + len(pending) if pending else 0.0
        now = self._settings.clock.seconds()
        latency = self._latency * self._kept(now)
        if pending:
            latency = max(latency, now - next(iter(pending.values())))
        return latency * (len(pending) + 1)

    def begin(self) -> int:
        self._count += 1
        self._pending[self._count] = self._settings.clock.seconds()
        return self._count

    def end(self, began: int, request: object, outcome: object) -> None:
        now = self._settings.clock.seconds()
        # The clock may have been set back.
        seconds = max(0.0, now - self._pending.pop(began))
        judged = self._settings.classifier(request, outcome)
        if judged is ResponseClass.RETRYABLE:
            seconds = max(seconds, self._settings.penalty)
        kept = self._kept(now)
        latency = self._latency * kept
        if seconds > latency:
            latency = seconds
        elif judged is not ResponseClass.IGNORABLE:
            latency += seconds * (1 - kept)
        self._latency, self._as_of = latency, now

    def _kept(self, now: float) -> float:
        """How much of the average is left of what it was."""
        return exp(min(0.0, self._as_of - now) / self._settings.decay)

    def __repr__(self) -> str:
        return f"<PeakEwma {self.value:.3g}, {len(self._pending)} under way>"
