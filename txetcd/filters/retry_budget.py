"""How many retries a client may make of all its requests."""

from __future__ import annotations

from math import inf

from txetcd.clock import Clock
from txetcd.filters.window import Window

__all__ = ["RetryBudget"]


class RetryBudget:
    """A token bucket that requests fill and retries empty.

    Retries multiply the load on servers that fail because of load.  A budget
    bounds them to a share of the traffic, over all requests of a client together,
    and a floor lets a quiet client retry at all.  Finagle's definition
    (``com.twitter.finagle.service.RetryBudget``), with its defaults: a fifth of
    the requests of the last ten seconds, and ten retries a second besides.

    Args:
        clock: Tells the time.
        ttl: How long a request counts, in seconds; 1 or more.
        min_per_second: Retries a second that need no requests; 0 or more.
        ratio: Retries for each request; 0.2 allows one for five.

    Raises:
        ValueError: An argument is out of its range.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        ttl: float = 10.0,
        min_per_second: float = 10.0,
        ratio: float = 0.2,
    ) -> None:
        if not 1 <= ttl < inf:
            raise ValueError(f"ttl must be a finite time of at least 1 second, not {ttl!r}")
        if not 0 <= min_per_second < inf:
            raise ValueError(f"min_per_second must be finite, 0 or more, not {min_per_second!r}")
        if not 0 <= ratio < inf:
            raise ValueError(f"ratio must be finite, 0 or more, not {ratio!r}")
        self._reserve = min_per_second * ttl
        self._ratio = ratio
        self._balance = Window(ttl, clock, 1)

    def deposit(self) -> None:
        """Count one request."""
        self._balance.add(0, self._ratio)

    def try_withdraw(self) -> bool:
        """Take one retry, if the balance allows it."""
        # A thousandth of a retry is forgiven: sums of fractions are not exact.
        if self.balance < 0.999:
            return False
        self._balance.add(0, -1.0)
        return True

    @property
    def balance(self) -> float:
        """How many retries can be made now."""
        self._balance.move()
        return self._reserve + self._balance.totals[0]

    def __repr__(self) -> str:
        return f"<RetryBudget {self.balance:.1f} retries>"
