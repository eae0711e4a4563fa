"""An upper bound on the time that a request takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.clock import Clock
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

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        if self._unless(request):
            return service(request)
        inner = service(request)
        expired = False

        # Deferred.addTimeout would wait for the request below to end, and would
        # turn into a timeout only what ends as a CancelledError.
        def expire() -> None:
            nonlocal expired
            expired = True
            try:
                inner.cancel()
            finally:
                if not outer.called:
                    outer.errback(self._timed_out(None))

        def stop() -> None:
            if call.active():
                call.cancel()

        def ended(result: Any) -> None:
            stop()
            if outer.called:
                return
            if expired and isinstance(result, Failure):
                result = self._timed_out(result.value)
            outer.callback(result)

        def cancel(_: Deferred[Rep]) -> None:
            stop()
            inner.cancel()

        outer: Deferred[Rep] = Deferred(cancel)
        call = self._clock.callLater(self._seconds, expire)
        inner.addBoth(ended)
        return outer

    def _timed_out(self, cause: BaseException | None) -> Failure:
        error = RequestTimedOut(self._seconds, cause, getattr(cause, "possibly_applied", True))
        error.locate(getattr(cause, "op", None), getattr(cause, "endpoint", ""))
        error.reasons = getattr(cause, "reasons", ())
        return Failure(error)

    def __repr__(self) -> str:
        return f"Timeout({self._seconds:g})"
