"""Requests under way, each with an end to its time."""

from __future__ import annotations

from itertools import takewhile
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.clock import Clock, DelayedCall
from txetcd.errors import RequestTimedOut

__all__ = ["TimeLimit"]

Rep = TypeVar("Rep")


class TimeLimit:
    """Bounds Deferreds to the same time each: what `Timeout` and `Deadline` share.

    The Deferred of `bound` fires as soon as the time is up, even where what is below
    does not answer to being cancelled; a result that comes later is dropped.

    Args:
        seconds: The time allowed; more than 0.
        clock: Tells the time.
    """

    __slots__ = ("_clock", "_seconds", "_under_way")

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._under_way = _UnderWay(seconds, clock)

    def bound(self, inner: Deferred[Rep]) -> Deferred[Rep]:
        """A Deferred that fires when ``inner`` does, or fails with `RequestTimedOut`.

        Cancelling it cancels ``inner``.
        """
        now = self._clock.seconds()
        if now < self._under_way.latest:
            # The clock was set back, and the delayed call is as much further off.
            self._under_way = _UnderWay(self._seconds, self._clock)
        return self._under_way.bound(inner, now)


class _UnderWay:
    """Requests, each with its deadline, and one delayed call for all of them.

    All have the same time, so the first to begin is the first whose time is up.  The
    delayed call is made for the first; when it comes, it is made anew for the first
    that is left.  There is one while something is under way, and none otherwise.
    With many requests at a time, one costs no delayed call (2 µs in a reactor).

    What the user holds is a Deferred apart from the one below, which may not end when
    it is cancelled.  `Deferred.addTimeout` would wait for that, and would turn into a
    timeout only what ends as a `CancelledError`.

    Attributes:
        latest: When the last request began.
    """

    __slots__ = ("_call", "_clock", "_expiring", "_requests", "_seconds", "latest")

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self.latest = -inf
        # What the user holds, with its deadline and with what is below; in order.
        self._requests: dict[Deferred[Any], tuple[float, Deferred[Any]]] = {}
        self._call: DelayedCall | None = None
        # What the user holds, while what is below is cancelled because the time is up.
        self._expiring: Deferred[Any] | None = None

    def bound(self, inner: Deferred[Rep], now: float) -> Deferred[Rep]:
        """A Deferred that fires when ``inner`` does, or as soon as the time is up."""
        outer: Deferred[Rep] = Deferred(self._cancel)
        inner.addBoth(self._ended, outer)
        if not outer.called:
            if not self._requests:
                self._call = self._clock.callLater(self._seconds, self._expire)
            self._requests[outer] = (now + self._seconds, inner)
            self.latest = now
        return outer

    def _ended(self, result: Any, outer: Deferred[Any]) -> None:
        self._forget(outer)
        if outer.called:
            return
        if outer is self._expiring and isinstance(result, Failure):
            result = self._timed_out(result.value)
        outer.callback(result)

    def _cancel(self, outer: Deferred[Any]) -> None:
        inner = self._forget(outer)
        if inner is not None:
            inner.cancel()

    def _forget(self, outer: Deferred[Any]) -> Deferred[Any] | None:
        """Bound it no more; what is below, if it was bounded."""
        _, inner = self._requests.pop(outer, (0, None))
        if not self._requests:
            self._rest()
        return inner

    def _rest(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _expire(self) -> None:
        """Give up all whose time is up."""
        self._call = None
        try:
            for outer in self._due():
                # One may have ended with another.
                if outer in self._requests:
                    self._give_up(outer)
        finally:
            if self._requests and self._call is None:
                self._go_on()

    def _due(self) -> list[Deferred[Any]]:
        now = self._clock.seconds()
        due = takewhile(lambda each: each[1][0] <= now, self._requests.items())
        return [outer for outer, _ in due]

    def _give_up(self, outer: Deferred[Any]) -> None:
        _, inner = self._requests.pop(outer)
        self._expiring = outer
        try:
            inner.cancel()
        finally:
            self._expiring = None
            if not outer.called:
                outer.errback(self._timed_out(None))

    def _go_on(self) -> None:
        """Make the delayed call for the first that is left."""
        deadline, _ = next(iter(self._requests.values()))
        delay = max(0.0, deadline - self._clock.seconds())
        self._call = self._clock.callLater(delay, self._expire)

    def _timed_out(self, cause: BaseException | None) -> Failure:
        error = RequestTimedOut(self._seconds, cause, getattr(cause, "possibly_applied", True))
        error.locate(getattr(cause, "op", None), getattr(cause, "endpoint", ""))
        error.reasons = getattr(cause, "reasons", ())
        return Failure(error)
