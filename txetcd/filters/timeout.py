"""An upper bound on the time that an attempt takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred

from txetcd.clock import Clock
from txetcd.filters.deadline import is_long_poll, share_of_remaining
from txetcd.filters.time_limit import TimeLimit
from txetcd.service import Filter, Service

__all__ = ["Timeout"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

#: A bound that is shorter by less than this share is not worth a delayed call of its own.
WORTH_A_CALL = 0.9


class Timeout(Filter[Req, Rep, Req, Rep]):
    """Gives a request so much time, then cancels it and fails with `RequestTimedOut`.

    The error says, in ``possibly_applied``, whether the request may have been
    carried out: it may unless whatever is below reports that it was never sent.
    The Deferred fires as soon as the time is up, even where what is below does not
    answer to being cancelled; a result that comes later is dropped.  Cancelling
    cancels the request below.

    Where it belongs: below `Retry`, where it bounds each attempt, so that one stuck
    connection does not use up the time of the whole; and below `FailureAccrual`,
    which is to count what it ends.  What bounds an operation with all its attempts
    is a `Deadline`, above.

    Args:
        seconds: The time allowed; more than 0.
        clock: Tells the time; a reactor, or `twisted.internet.task.Clock`.
        unless: A request for which this is true has all the time it wants; by
            default one that waits for something to happen (``long_poll``).
        share: The part of what is left of the caller's deadline that a request may
            take at the most, give or take a tenth, so that time is left for another;
            more than 0, at most 1.  It is never less than the square of the share, of the
            whole: of 10 seconds, by halves, attempts may take 5, 2.5 and 2.5.  None
            pays no heed to a deadline.

    Raises:
        ValueError: ``seconds`` or ``share`` is out of its range.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        seconds: float,
        clock: Clock,
        *,
        unless: Callable[[Req], bool] = is_long_poll,
        share: float | None = None,
    ) -> None:
        if not seconds > 0:
            raise ValueError(f"a timeout must be more than 0 seconds, not {seconds!r}")
        if share is not None and not 0 < share <= 1:
            raise ValueError(f"share must be more than 0 and at most 1, not {share!r}")
        self._seconds = seconds
        self._clock = clock
        self._unless = unless
        self._share = share
        self._limit = TimeLimit(seconds, clock)

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        if self._unless(request):
            return service(request)
        limit = self._limit if self._share is None else self._shared(self._share)
        return limit.bound(service(request))

    def _shared(self, share: float) -> TimeLimit:
        """What bounds a request now, by what is left of the caller's deadline."""
        limit = share_of_remaining(share)
        if limit is None or limit >= self._seconds * WORTH_A_CALL:
            return self._limit
        return TimeLimit(max(0.0, limit), self._clock)

    def __repr__(self) -> str:
        share = "" if self._share is None else f", share={self._share:g}"
        return f"Timeout({self._seconds:g}{share})"
