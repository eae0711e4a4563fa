"""An upper bound on the time that a request takes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.clock import Clock, DelayedCall
from txetcd.errors import RequestTimedOut
from txetcd.service import Filter, Service

__all__ = ["Timeout"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")


def _long_poll(request: object) -> bool:
    return bool(getattr(request, "long_poll", False))


class Timeout(Filter[Req, Rep, Req, Rep]):
    """Gives a request so much time, then cancels it and fails with `RequestTimedOut`.

    The error says, in ``possibly_applied``, whether the request may have been
    carried out: it may unless whatever is below reports that it was never sent.
    The Deferred fires as soon as the time is up, even where what is below does not
    answer to being cancelled; a result that comes later is dropped.  Cancelling
    cancels the request below.

    Where it belongs: above `Retry`, it bounds an operation with all its attempts;
    below, each attempt.  The default stack has one in either place, so that one
    stuck connection does not use up the time of the whole.

    Args:
        seconds: The time allowed; more than 0.
        clock: Tells the time; a reactor, or `twisted.internet.task.Clock`.
        unless: A request for which this is true has all the time it wants; by
            default one that waits for something to happen (``long_poll``).

    Raises:
        ValueError: ``seconds`` is not more than 0.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        seconds: float,
        clock: Clock,
        *,
        unless: Callable[[Req], bool] = _long_poll,
    ) -> None:
        if not seconds > 0:
            raise ValueError(f"a timeout must be more than 0 seconds, not {seconds!r}")
        self._seconds = seconds
        self._clock = clock
        self._unless = unless
        self._deadlines = _Deadlines(seconds, clock)

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        if self._unless(request):
            return service(request)
        inner = service(request)
        now = self._clock.seconds()
        if now < self._deadlines.latest:
            # The clock was set back, and the delayed call is as much further off.
            self._deadlines = _Deadlines(self._seconds, self._clock)
        return self._deadlines.bound(inner, now)

    def __repr__(self) -> str:
        return f"Timeout({self._seconds:g})"


class _Deadlines:
    """Requests under way, each with its deadline, and one delayed call for all of them.

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

    __slots__ = ("_call", "_clock", "_expiring", "_seconds", "_under_way", "latest")

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self.latest = -inf
        # What the user holds, with its deadline and with what is below; in order.
        self._under_way: dict[Deferred[Any], tuple[float, Deferred[Any]]] = {}
        self._call: DelayedCall | None = None
        # What the user holds, while what is below is cancelled because the time is up.
        self._expiring: Deferred[Any] | None = None

    def bound(self, inner: Deferred[Rep], now: float) -> Deferred[Rep]:
        """A Deferred that fires when ``inner`` does, or as soon as the time is up."""
        outer: Deferred[Rep] = Deferred(self._cancel)
        inner.addBoth(self._ended, outer)
        if not outer.called:
            if not self._under_way:
                self._call = self._clock.callLater(self._seconds, self._expire)
            self._under_way[outer] = (now + self._seconds, inner)
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
        _, inner = self._under_way.pop(outer, (0, None))
        if not self._under_way:
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
                if outer in self._under_way:
                    self._give_up(outer)
        finally:
            if self._under_way and self._call is None:
                self._go_on()

    def _due(self) -> list[Deferred[Any]]:
        now = self._clock.seconds()
        due = takewhile(lambda each: each[1][0] <= now, self._under_way.items())
        return [outer for outer, _ in due]

    def _give_up(self, outer: Deferred[Any]) -> None:
        _, inner = self._under_way.pop(outer)
        self._expiring = outer
        try:
            inner.cancel()
        finally:
            self._expiring = None
            if not outer.called:
                outer.errback(self._timed_out(None))

    def _go_on(self) -> None:
        """Make the delayed call for the first that is left."""
        deadline, _ = next(iter(self._under_way.values()))
        delay = max(0.0, deadline - self._clock.seconds())
        self._call = self._clock.callLater(delay, self._expire)

    def _timed_out(self, cause: BaseException | None) -> Failure:
        error = RequestTimedOut(self._seconds, cause, getattr(cause, "possibly_applied", True))
        error.locate(getattr(cause, "op", None), getattr(cause, "endpoint", ""))
        error.reasons = getattr(cause, "reasons", ())
        return Failure(error)
