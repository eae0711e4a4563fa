"""When a service has failed so much that it is to be left alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import inf

from txetcd.clock import Clock
from txetcd.filters.window import Window

__all__ = ["AccrualPolicy", "ConsecutiveFailures", "SuccessRate"]


class AccrualPolicy(ABC):
    """Counts the outcomes of one service's requests, and says when it is to be left alone.

    It has the state of one service: make one for each.  Two combine: ``one | other``
    says so when either does.  The definitions are Finagle's
    (``com.twitter.finagle.liveness.FailureAccrualPolicy``).

    .. versionadded:: 0.1
    """

    @abstractmethod
    def succeeded(self) -> None:
        """Count a success."""

    @abstractmethod
    def failed(self) -> bool:
        """Count a failure; whether it is one too many."""

    @abstractmethod
    def forget(self) -> None:
        """Begin afresh: the service has come back."""

    def __or__(self, other: AccrualPolicy) -> AccrualPolicy:
        return _Either(self, other)


class ConsecutiveFailures(AccrualPolicy):
    """So many failures, with no success in between.

    Args:
        count: How many; 1 or more.

    Raises:
        ValueError: ``count`` is less than 1.

    .. versionadded:: 0.1
    """

    def __init__(self, count: int) -> None:
        if not count >= 1:
            raise ValueError(f"count must be 1 or more, not {count!r}")
        self._count = count
        self._failures = 0

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> bool:
        self._failures += 1
        return self._failures >= self._count

    def forget(self) -> None:
        self._failures = 0

    def __repr__(self) -> str:
        return f"ConsecutiveFailures({self._count})"


class SuccessRate(AccrualPolicy):
    """Too small a share of the requests of late succeeds.

    It finds the service that fails now and then, between successes, which
    `ConsecutiveFailures` does not.

    Args:
        required: The share that must succeed; more than 0, at most 1.
        clock: Tells the time.
        window: How long a request counts, in seconds; more than 0.
        minimum: With fewer requests in the window than this, nothing is said; 1 or
            more.

    Raises:
        ValueError: An argument is out of its range.

    .. versionadded:: 0.1
    """

    def __init__(
        self, required: float, clock: Clock, window: float = 30.0, minimum: int = 20
    ) -> None:
        if not 0 < required <= 1:
            raise ValueError(f"required must be more than 0 and at most 1, not {required!r}")
        if not 0 < window < inf:
            raise ValueError(f"window must be a finite time of more than 0 s, not {window!r}")
        if not minimum >= 1:
            raise ValueError(f"minimum must be 1 or more, not {minimum!r}")
        self._required = required
        self._seconds = window
        self._minimum = minimum
        # How many succeeded, and how many there were.
        self._counts = Window(window, clock, 2)

    def succeeded(self) -> None:
        self._counts.add(0)
        self._counts.add(1)

    def failed(self) -> bool:
        self._counts.add(1)
        succeeded, total = self._counts.totals
        # The quotient is rounded as a literal is; a product is not: 0.55 * 20 > 11.
        return total >= self._minimum and succeeded / total < self._required

    def forget(self) -> None:
        self._counts.clear()

    def __repr__(self) -> str:
        return f"SuccessRate({self._required:g}, window={self._seconds:g})"


class _Either(AccrualPolicy):
    def __init__(self, one: AccrualPolicy, other: AccrualPolicy) -> None:
        self._one = one
        self._other = other

    def succeeded(self) -> None:
        self._one.succeeded()
        self._other.succeeded()

    def failed(self) -> bool:
        # Both are to count it.
        one, other = self._one.failed(), self._other.failed()
        return one or other

    def forget(self) -> None:
        self._one.forget()
        self._other.forget()

    def __repr__(self) -> str:
        return f"({self._one!r} | {self._other!r})"
