"""A number of requests at a time that follows what the service can bear."""

from __future__ import annotations

from math import inf
from typing import Any, Protocol, runtime_checkable

from txetcd.clock import Clock
from txetcd.response_class import ResponseClass, ResponseClassifier, classify

__all__ = ["AdaptiveLimit", "Limit"]


@runtime_checkable
class Limit(Protocol):
    """How many requests may run at a time, where that is not a fixed number.

    One object serves one `ConcurrencyLimit`, whose requests it is told of.

    .. versionadded:: 0.1
    """

    @property
    def current(self) -> int:
        """How many may run now; never less than 1."""

    def seconds(self) -> float:
        """The time, in seconds from whenever: when a request begins, say."""

    def ended(self, request: Any, outcome: Any, began: float, in_flight: int) -> None:
        """Learn from a request that has ended.

        Args:
            request: The request.
            outcome: A response or a `Failure`.
            began: What `seconds` said when it began.
            in_flight: How many were under way as it ended, itself included.
        """


class AdaptiveLimit:
    """A limit that grows slowly while all goes well, and shrinks fast when it does not.

    Hand it to a `ConcurrencyLimit`, in the place of a number.

    It is *additive increase, multiplicative decrease*, the rule of TCP.  As many
    successes as the limit is high raise it by one; only those count that come while at
    least half of it is in use, since a limit that nobody reaches is not tested by
    success.  A failure that is a sign of overload, or an answer that took too long,
    multiplies it by ``ratio``, at most once in a round: what began before a decrease
    causes no other, and of as many outcomes as the limit is high one causes a decrease at
    most.  So a burst of failures counts once, even if each of them came at once.

    Chiu and Jain ("Analysis of the Increase and Decrease Algorithms for Congestion
    Avoidance in Computer Networks", Computer Networks and ISDN Systems 17, 1989) show
    that this rule alone, of the linear ones, brings clients that do not know of each
    other to fair shares of what they have in common.  Limits that follow the gradient of
    the latency (Netflix's ``Gradient2Limit``, TCP Vegas) need no failure to learn from,
    but they need a latency to compare with, and operations as unlike as a read of one
    key and of a whole tree have none in common.

    A request that was cancelled tells it nothing: put a `Timeout` that is to count *below*
    the `ConcurrencyLimit`.

    Attributes:
        current: How many may run now.

    Args:
        clock: Tells the time.
        initial: Where the limit begins.
        minimum: It is never lower; 1 or more.
        maximum: It is never higher; ``initial`` lies between the two.
        latency: How long an answer may take and still be a good sign, in seconds, more
            than 0; any time if None.  Choose it for the slowest of the operations that
            pass here.
        ratio: What a decrease multiplies the limit by; between 0 and 1.
        classifier: Sees a request and its outcome.  A `ResponseClass.RETRYABLE` one is a
            sign of overload; a `ResponseClass.IGNORABLE` one changes nothing.

    Raises:
        ValueError: An argument is out of its range.
        TypeError: ``initial``, ``minimum`` or ``maximum`` is not a whole number.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        *,
        initial: int = 20,
        minimum: int = 1,
        maximum: int = 1000,
        latency: float | None = None,
        ratio: float = 0.9,
        classifier: ResponseClassifier = classify,
    ) -> None:
        for name, value in (("initial", initial), ("minimum", minimum), ("maximum", maximum)):
            if not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, not {value!r}")
        if minimum < 1:
            raise ValueError(f"minimum must be at least 1, not {minimum!r}")
        if maximum < minimum:
            raise ValueError(f"maximum must be at least {minimum!r}, not {maximum!r}")
        if not minimum <= initial <= maximum:
            raise ValueError(f"initial must be {minimum!r} to {maximum!r}, not {initial!r}")
        if latency is not None and not latency > 0:
            raise ValueError(f"latency must be more than 0 seconds, or None, not {latency!r}")
        if not 0 < ratio < 1:
            raise ValueError(f"ratio must be more than 0 and less than 1, not {ratio!r}")
        self.current = initial
        self._clock = clock
        self._minimum = minimum
        self._maximum = maximum
        self._latency = inf if latency is None else latency
        self._ratio = ratio
        self._classifier = classifier
        # Those since the limit last moved.
        self._successes = 0
        # The last decrease: when it was, and how many requests have ended since.
        self._decreased_at = -inf
        self._since_decrease = inf

    def seconds(self) -> float:
        """The time, by which it is told when a request began."""
        return self._clock.seconds()

    def ended(self, request: Any, outcome: Any, began: float, in_flight: int) -> None:
        """Learn from a request that has ended; see `Limit.ended`."""
        verdict = self._classifier(request, outcome)
        if verdict is ResponseClass.IGNORABLE:
            return
        self._since_decrease += 1
        now = self._clock.seconds()
        if verdict is ResponseClass.RETRYABLE or now - began > self._latency:
            self._failed(began, now)
        elif verdict is ResponseClass.SUCCESS and 2 * in_flight >= self.current:
            self._succeeded()

    def _succeeded(self) -> None:
        self._successes += 1
        if self._successes >= self.current:
            self._move(self.current + 1)

    def _failed(self, began: float, now: float) -> None:
        clock_set_back = now < self._decreased_at
        begun_since = began >= self._decreased_at or clock_set_back
        if begun_since and self._since_decrease >= self.current:
            self._decreased_at = now
            self._since_decrease = 0
            self._move(int(self.current * self._ratio))

    def _move(self, limit: int) -> None:
        self.current = min(self._maximum, max(self._minimum, limit))
        self._successes = 0

    def __repr__(self) -> str:
        return f"AdaptiveLimit({self.current} of {self._minimum} to {self._maximum})"
