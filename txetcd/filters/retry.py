"""Sending a request again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txetcd.backoff import Backoff
from txetcd.clock import Clock, sleep
from txetcd.errors import RequestCancelled, TxetcdError
from txetcd.filters.retry_budget import RetryBudget
from txetcd.service import Filter, Service

__all__ = ["DEFAULT_BACKOFF", "REASONS_KEPT", "Policy", "Retry", "when_safe"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

#: Sees a request and its outcome, a response or a `Failure`; says whether to send
#: the request again.
Policy = Callable[[Any, Any], bool]

#: How many errors of attempts an error carries in ``reasons``: a schedule may be endless.
REASONS_KEPT = 100
#: Five attempts in all, about two seconds at the most between first and last.
DEFAULT_BACKOFF = Backoff.exponential_jittered(0.010, 1.0).take(4)


def when_safe(request: object, outcome: object) -> bool:
    """The default policy: again only what can do no harm.

    That is a failure that is ``retryable``, of a request that either was never
    sent or is a read, and does not wait for something to happen (a wait that is
    sent again later may miss what it waited for).
    """
    if not isinstance(outcome, Failure):
        return False
    error = outcome.value
    if not isinstance(error, TxetcdError) or not error.retryable:
        return False
    if getattr(request, "long_poll", False):
        return False
    return not (error.possibly_applied and getattr(request, "is_write", True))


class Retry(Filter[Req, Rep, Req, Rep]):
    """Sends a request again, after a delay, where a policy says so.

    It fires with the outcome of the last attempt, whether that is a response or an
    error: a filter that was put in changes no error's type.  The error's
    ``reasons`` holds those of the attempts before (the last `REASONS_KEPT`), and
    its ``possibly_applied`` speaks for all attempts: where a policy sends a write
    again, the last may never have been sent and an earlier one have been carried
    out.  It stops when the policy says no, when the schedule has ended, or when the
    budget is spent.  Cancelling ends the attempt under way, or the delay, and begins
    no other.

    Where it belongs: below whatever bounds or counts an operation as a whole, above
    whatever is to act on each attempt by itself (a per-attempt timeout, a
    balancer that picks another endpoint).  Two of them, one above the other,
    multiply attempts.

    Args:
        clock: Delays; a reactor, or `twisted.internet.task.Clock`.
        policy: Sees the request and the outcome of an attempt, and decides; by
            default `when_safe`, which never repeats a write that may have been
            carried out.
        backoff: The delays between attempts, so also how many there are.
        budget: Bounds the retries of all requests together; a `RetryBudget` of
            its own by default.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        *,
        policy: Policy = when_safe,
        backoff: Backoff = DEFAULT_BACKOFF,
        budget: RetryBudget | None = None,
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._backoff = backoff
        self._budget = RetryBudget(clock) if budget is None else budget

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        self._budget.deposit()
        return _Attempts(self, request, service).begin()

    def __repr__(self) -> str:
        policy = getattr(self._policy, "__name__", None) or repr(self._policy)
        return f"Retry({self._backoff!r}, {policy})"


class _Attempts:
    """The attempts of one request, one after the other.

    What the caller holds is a Deferred apart, which none of theirs is chained to: a
    chain would grow with each attempt, and cancelling it recurses to its end.
    """

    __slots__ = (
        "_current",
        "_delays",
        "_done",
        "_errors",
        "_possibly_applied",
        "_request",
        "_retry",
        "_service",
        "_stopped",
    )

    def __init__(
        self, retry: Retry[Any, Any], request: Any, service: Service[Any, Any]
    ) -> None:
        self._retry = retry
        self._request = request
        self._service = service
        # Both are made at the first failure; most requests see none.
        self._delays: Iterator[float] | None = None
        self._errors: deque[BaseException] | None = None
        self._possibly_applied = False
        self._stopped = False
        self._done: Deferred[Any] = Deferred(self._stop)
        # The attempt or the delay that is under way.
        self._current: Deferred[Any]

    def begin(self) -> Deferred[Any]:
        self._attempt(None)
        return self._done

    def _attempt(self, _: None) -> None:
        self._current = self._service(self._request)
        self._current.addBoth(self._judge)
        if self._stopped:
            # By something that the service called.
            self._current.cancel()

    def _judge(self, outcome: Any) -> None:
        if self._done.called:
            return
        try:
            delay = self._delay(outcome)
        except Exception:
            # The policy or the schedule is at fault.
            outcome, delay = Failure(), None
        if delay is None:
            self._end(outcome)
            return
        self._note(outcome)
        self._current = sleep(self._retry._clock, delay)
        self._current.addCallbacks(self._attempt, self._interrupted)

    def _delay(self, outcome: Any) -> float | None:
        """How long to wait before the next attempt; None if there is to be none."""
        retry = self._retry
        if self._stopped or (isinstance(outcome, Failure) and outcome.check(CancelledError)):
            return None
        if not retry._policy(self._request, outcome):
            return None
        if self._delays is None:
            self._delays = iter(retry._backoff)
        delay = next(self._delays, None)
        return delay if delay is not None and retry._budget.try_withdraw() else None

    def _note(self, outcome: Any) -> None:
        """Keep what is to be known of an attempt that was not the last."""
        error = outcome.value if isinstance(outcome, Failure) else None
        if error is not None:
            if self._errors is None:
                self._errors = deque(maxlen=REASONS_KEPT)
            self._errors.append(error)
        applied = getattr(error, "possibly_applied", True)
        self._possibly_applied = self._possibly_applied or applied

    def _stop(self, _: Deferred[Any]) -> None:
        self._stopped = True
        self._current.cancel()
        if not self._done.called:
            self._end(Failure(RequestCancelled()))

    def _interrupted(self, failure: Failure) -> None:
        self._end(Failure(RequestCancelled(sent=False)))

    def _end(self, outcome: Any) -> None:
        if isinstance(outcome, Failure):
            outcome = self._explained(outcome)
        self._done.callback(outcome)

    def _explained(self, failure: Failure) -> Failure:
        if self._errors and type(failure.value) is CancelledError:
            # It could carry no reasons.
            failure = Failure(RequestCancelled())
        error = failure.value
        if isinstance(error, TxetcdError):
            # A service may fail with one and the same error each time.
            before = [each for each in self._errors or () if each is not error]
            error.reasons = (*before, *error.reasons)
            error.possibly_applied = error.possibly_applied or self._possibly_applied
        return failure
