"""A request, and the second copy of it that may be sent."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.clock import DelayedCall
from txetcd.errors import RequestCancelled
from txetcd.filters._past import explained
from txetcd.service import Service

if TYPE_CHECKING:
    from txetcd.filters.hedge import Hedge

__all__ = ["Race"]


#: The outcome of a copy that has not ended.
_NONE = object()


class Race:
    """One request, and its one copy or two.

    What the caller holds is a Deferred apart, which fires with the outcome of either.
    """

    __slots__ = (
        "_began",
        "_call",
        "_context",
        "_copies",
        "_done",
        "_failed",
        "_hedge",
        "_over",
        "_request",
        "_service",
        "_slow",
        "_stopped",
        "_under_way",
    )

    def __init__(
        self, hedge: Hedge[Any, Any], request: Any, service: Service[Any, Any]
    ) -> None:
        self._hedge = hedge
        self._request = request
        self._service = service
        self._context = copy_context()
        self._began = hedge._clock.seconds()
        self._done: Deferred[Any] = Deferred(self._stop)
        self._copies: list[Deferred[Any]] = []
        # How many of them have not ended; and the outcome of one that failed meanwhile.
        self._under_way = 1
        self._failed: Any = _NONE
        self._call: DelayedCall | None = None
        # Whether the first has taken longer than the delay.
        self._slow = False
        # Whether there is an outcome; and whether the caller has cancelled.
        self._over = False
        self._stopped = False

    def begin(self) -> Deferred[Any]:
        self._add(self._service(self._request), True)
        if not self._over:
            delay = self._hedge.delay
            if delay is not None:
                self._call = self._hedge._clock.callLater(delay, self._copy)
        return self._done

    def _copy(self) -> None:
        """The first copy is slow: send the second, if the budget allows it."""
        self._call = None
        self._slow = True
        if not self._hedge._budget.try_withdraw():
            return
        self._hedge.sent += 1
        self._under_way += 1
        self._add(self._context.run(self._service, self._request), False)
        if self._over:
            # By something that the service called, or by the copy itself, which does not mind.
            self._cancel()

    def _add(self, copy: Deferred[Any], is_first: bool) -> None:
        self._copies.append(copy)
        copy.addBoth(self._ended, is_first)

    def _ended(self, outcome: Any, is_first: bool) -> None:
        """One copy has ended: an answer wins, and a failure waits for the other copy."""
        try:
            answers = self._hedge._answers(self._request, outcome)
        except Exception:
            # The classifier is at fault.
            outcome, answers = Failure(), False
        if is_first and (answers or self._slow):
            self._hedge._latencies.record(self._hedge._clock.seconds() - self._began)
        if self._over:
            return
        self._under_way -= 1
        if answers:
            self._win(outcome, is_first)
        elif self._under_way:
            self._failed = outcome
        else:
            self._end(outcome if self._failed is _NONE else self._of_both(outcome, is_first))

    def _win(self, answer: Any, is_first: bool) -> None:
        self._hedge.won += not is_first
        self._over = True
        self._cancel()
        self._end(answer)

    def _of_both(self, outcome: Any, is_first: bool) -> Any:
        """The outcome, where both copies have failed."""
        other = self._failed
        if not (is_first or self._stopped):
            outcome, other = other, outcome
        if not isinstance(outcome, Failure):
            return outcome
        error = other.value if isinstance(other, Failure) else None
        errors = [] if error is None else [*getattr(error, "reasons", ()), error]
        return explained(outcome, errors, getattr(error, "possibly_applied", True))

    def _stop(self, _: Deferred[Any]) -> None:
        self._stopped = True
        self._cancel()
        if not self._over:
            self._end(Failure(RequestCancelled()))

    def _cancel(self) -> None:
        """Stop all that is under way."""
        # Each is cancelled once, whatever its canceller calls.
        copies, self._copies = self._copies, []
        for copy in copies:
            copy.cancel()

    def _end(self, outcome: Any) -> None:
        self._over = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if not self._done.called:
            self._done.callback(outcome)
