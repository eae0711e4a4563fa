"""An upper bound on the number of requests at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from txetcd.errors import QueueFull
from txetcd.filters.adaptive_limit import Limit
from txetcd.filters.deadline import is_long_poll
from txetcd.queue import Queue
from txetcd.service import Filter, Service, Status

__all__ = ["ConcurrencyLimit"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

_log = Logger()


class ConcurrencyLimit(Filter[Req, Rep, Req, Rep]):
    """Lets so many requests run at a time; others wait, the first to come the first to go.

    As many may wait as ``max_waiting`` says; one more fails at once with `QueueFull`,
    which is retryable, for nothing was sent.  A request that waits is begun in the
    context of its caller (`contextvars`).  Cancelling one that waits takes it from the
    queue at once, and it fails with `RequestCancelled`, not sent.  Cancelling one that
    runs cancels it below and gives its place to the next, even where what is below does
    not answer to being cancelled; a result that comes later is dropped.  Closing fails
    those that wait with `ServiceClosed`.

    Long polls pass by, neither bounded nor counted: one parked watch would hold a place
    for hours, and a few of them all places.  What bounds those is the pool of connections.

    Its status is `Status.BUSY` while one more request would be refused.

    Where it belongs: in the stack of each endpoint, below the balancer, which then sends
    requests elsewhere when one is busy.  The time in the queue counts for a `Timeout` above
    it and not for one below: have one above for the operation, so that nothing waits for
    ever, and put that of an attempt below.  Above `Retry`, a request keeps its place
    between attempts.

    Args:
        limit: How many may run at a time, 1 or more; or an object that says so from
            moment to moment, as `AdaptiveLimit` does.
        max_waiting: How many may wait; 0 for none.
        unless: A request for which this is true passes by; by default one that waits
            for something to happen (``long_poll``).

    Raises:
        ValueError: A number is out of its range.
        TypeError: ``limit`` is neither a whole number nor a `Limit`, or ``max_waiting`` is
            no whole number.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        limit: int | Limit,
        *,
        max_waiting: int = 1000,
        unless: Callable[[Req], bool] = is_long_poll,
    ) -> None:
        if not isinstance(max_waiting, int):
            raise TypeError(f"max_waiting must be a whole number, not {max_waiting!r}")
        if max_waiting < 0:
            raise ValueError(f"max_waiting must be at least 0, not {max_waiting!r}")
        if isinstance(limit, int):
            if limit < 1:
                raise ValueError(f"limit must be at least 1, not {limit!r}")
        elif not isinstance(limit, Limit):
            raise TypeError(f"limit must be a whole number or a Limit, not {limit!r}")
        # What is told of the requests that end; a number learns nothing.
        self._told = None if isinstance(limit, int) else limit
        self._limit = _Fixed(limit) if isinstance(limit, int) else limit
        self._max_waiting = max_waiting
        self._unless = unless
        # What runs: the Deferred that was returned, with the one below once there is one.
        self._running: dict[Deferred[Any], Deferred[Any] | None] = {}
        self._queue = Queue()
        self._pumping = False

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        if self._unless(request):
            return service(request)
        # What waits already goes first, even where a place has just become free.
        if len(self._running) < self._limit.current and not self._queue:
            return self._begin(request, service)
        if len(self._queue) >= self._max_waiting:
            return fail(QueueFull(self._refusal()))
        return self._queue.add(request, service, self._begin)

    def status_of(self, service: Service[Req, Rep]) -> Status:
        full = len(self._queue) >= self._max_waiting
        refuses = full and (bool(self._queue) or len(self._running) >= self._limit.current)
        return Status.worst(service.status, Status.BUSY if refuses else Status.OPEN)

    def close_with(self, service: Service[Req, Rep]) -> Deferred[None]:
        self._queue.end(service)
        return service.close()

    def _begin(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        outer: Deferred[Rep] = Deferred(self._cancel)
        # Counted before it is begun, since the service may call back at once.
        self._running[outer] = None
        if self._told is None:
            inner = service(request)
            inner.addBoth(self._ended, outer)
        else:
            began = self._told.seconds()
            inner = service(request)
            inner.addBoth(self._learn, outer, self._told, request, began)
        if outer in self._running:
            self._running[outer] = inner
        return outer

    def _learn(
        self, outcome: Any, outer: Deferred[Any], limit: Limit, request: Any, began: float
    ) -> None:
        try:
            if outer in self._running:
                limit.ended(request, outcome, began, len(self._running))
        except Exception:
            _log.failure("{limit} failed to learn from a request", limit=limit)
        self._ended(outcome, outer)

    def _ended(self, outcome: Any, outer: Deferred[Any]) -> None:
        self._free(outer)
        if not outer.called:
            outer.callback(outcome)

    def _cancel(self, outer: Deferred[Any]) -> None:
        inner = self._running.get(outer)
        if inner is not None:
            # Only once, for cancelling it may lead back here.
            self._running[outer] = None
            try:
                inner.cancel()
            finally:
                self._free(outer)

    def _free(self, outer: Deferred[Any]) -> None:
        """Give the place of a request to the next, before anybody is told how it ended."""
        if outer in self._running:
            del self._running[outer]
            if self._queue:
                self._pump()

    def _pump(self) -> None:
        """Begin those whose turn it is: in a loop, since any of them may end at once."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._queue and len(self._running) < self._limit.current:
                self._queue.begin_first()
        finally:
            self._pumping = False

    def _refusal(self) -> str:
        return (
            f"{len(self._running)} requests run, where {self._limit.current} may, "
            f"and {len(self._queue)} wait, where {self._max_waiting} may"
        )

    def __repr__(self) -> str:
        limit = self._limit.current if self._told is None else self._told
        running, waiting = len(self._running), len(self._queue)
        return f"ConcurrencyLimit({limit}, {running} running, {waiting} waiting)"


@attrs.frozen
class _Fixed:
    """A limit that does not move."""

    current: int
