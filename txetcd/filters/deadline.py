"""By when the whole of an operation must have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
from typing import TypeVar

from twisted.internet.defer import Deferred

from txetcd.clock import Clock
from txetcd.errors import RequestTimedOut
from txetcd.filters.time_limit import TimeLimit
from txetcd.service import Filter, Service

__all__ = ["Deadline", "deadline", "is_long_poll", "remaining", "share_of_remaining"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")


class _Until:
    """A moment, by a clock.

    Attributes:
        total: How long there was until then, when it was set.
    """

    __slots__ = ("_end", "_now", "total")

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._end = now() + seconds
        self._now = now
        self.total = seconds

    @property
    def remaining(self) -> float:
        return self._end - self._now()


_around: ContextVar[_Until | None] = ContextVar("txetcd.deadline", default=None)


@contextmanager
def deadline(seconds: float | None, clock: Clock | None = None) -> Iterator[None]:
    """Bound all that is asked within the block, and all that this asks in turn.

    ::

        with deadline(2.0):
            node = await key.get()
            await other.set(node.node.value)

    The time is counted from the beginning of the block, so both operations together
    have two seconds.  One that is not done by then fails with `RequestTimedOut`; one
    that is begun later fails at once, and nothing is sent.  It is carried by a context
    variable (:pep:`567`), which Twisted carries through coroutines: into services that
    ask other services, and into the attempts that `Retry` makes later.  In a deadline
    there may be another; the earlier counts.

    It is `Deadline` that keeps it, which the default stack has.  A wait is bounded by
    it too, since it was asked to be; a watch (`Key.events`) is not, since it outlives
    the block that it was begun in.

    Args:
        seconds: The time from now; 0 or less has passed already.  None lifts the
            deadline for what is in the block.
        clock: Counts the time: the system's monotonic clock if None, whatever the
            reactor, or a `twisted.internet.task.Clock`.

    Raises:
        ValueError: ``seconds`` is not finite.

    .. versionadded:: 0.1
    """
    if seconds is not None and not isfinite(seconds):
        raise ValueError(f"a deadline must be a finite time in seconds, or None, not {seconds!r}")
    token = _around.set(None if seconds is None else _earlier(seconds, clock))
    try:
        yield
    finally:
        try:
            _around.reset(token)
        except ValueError:
            # A coroutine that was given up in here is ended by the collector, in another context.
            pass


def _earlier(seconds: float, clock: Clock | None) -> _Until:
    around = _around.get()
    if around is not None and around.remaining <= seconds:
        return around
    return _Until(seconds, time.monotonic if clock is None else clock.seconds)


def remaining() -> float | None:
    """How many seconds are left of the caller's deadline; None if there is none.

    Less than 0 if it has passed.

    .. versionadded:: 0.1
    """
    around = _around.get()
    return None if around is None else around.remaining


def share_of_remaining(share: float) -> float | None:
    """What one of several attempts may take of the caller's deadline; None if there is none.

    It is a share of what is left, but not of ever less: at the end, what is left is too
    little for another attempt anyway.
    """
    around = _around.get()
    return None if around is None else max(around.remaining * share, around.total * share**2)


def is_long_poll(request: object) -> bool:
    """Whether the reply may be kept back until something happens."""
    return bool(getattr(request, "long_poll", False))


class Deadline(Filter[Req, Rep, Req, Rep]):
    """Ends a request at the caller's deadline, or after a time of its own if that is earlier.

    The caller's is that of the `deadline` around the call; a request that comes when it
    has passed is not begun.  What the filter allows becomes the deadline of all that is
    below, retries and nested calls included.  Otherwise it is as `Timeout`: it cancels
    the request below, and fails with `RequestTimedOut` as soon as the time is up.

    Where it belongs: near the top, above `Retry`: it bounds an operation with all its
    attempts.  In a server, above whatever asks other services.

    Args:
        seconds: The time allowed to a request whose caller has no deadline, or a later
            one; more than 0.  None leaves it to the caller.
        clock: Tells the time; a reactor, or `twisted.internet.task.Clock`.
        unless: A request for which this is true is bounded by its caller's deadline
            alone; by default one that waits for something to happen (``long_poll``).

    Raises:
        ValueError: ``seconds`` is not more than 0.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        seconds: float | None,
        clock: Clock,
        *,
        unless: Callable[[Req], bool] = is_long_poll,
    ) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError(f"a deadline must be more than 0 seconds away, not {seconds!r}")
        self._seconds = seconds
        self._clock = clock
        self._unless = unless
        self._limit = None if seconds is None else TimeLimit(seconds, clock)

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        around = _around.get()
        own = None if self._limit is None or self._unless(request) else self._seconds
        if around is not None:
            left = around.remaining
            if own is None or left < own:
                return self._until(left, request, service)
        if own is None or self._limit is None:
            return service(request)
        token = _around.set(_Until(own, self._clock.seconds))
        try:
            inner = service(request)
        finally:
            _around.reset(token)
        return self._limit.bound(inner)

    def _until(self, left: float, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        if left <= 0:
            raise RequestTimedOut(0, possibly_applied=False)
        return TimeLimit(left, self._clock).bound(service(request))

    def __repr__(self) -> str:
        return f"Deadline({'' if self._seconds is None else format(self._seconds, 'g')})"
