"""Sending a request again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txetcd.backoff import Backoff
from txetcd.clock import Clock, sleep
from txetcd.errors import RequestCancelled, TxetcdError
from txetcd.filters.retry_budget import RetryBudget
from txetcd.service import Filter, Service

__all__ = ["DEFAULT_BACKOFF", "Policy", "Retry", "when_safe"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

#: Sees a request and its outcome, a response or a `Failure`; says whether to send
#: the request again.
Policy = Callable[[Any, Any], bool]

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
    ``reasons`` holds those of the attempts before.  It stops when the policy says
    no, when the schedule has ended, or when the budget is spent.  Cancelling ends
    the attempt under way, or the delay.

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
        return _Attempts(self, request, service, iter(self._backoff)).begin()

    def __repr__(self) -> str:
        return f"Retry({self._backoff!r}, {self._policy.__name__})"

    def _delay(self, request: Req, outcome: object, delays: Iterator[float]) -> float | None:
        """How long to wait before the next attempt; None if there is to be none."""
        if isinstance(outcome, Failure) and outcome.check(CancelledError):
            return None
        if not self._policy(request, outcome):
            return None
        delay = next(delays, None)
        return delay if delay is not None and self._budget.try_withdraw() else None


class _Attempts:
    """The attempts of one request."""

    def __init__(
        self,
        retry: Retry[Any, Any],
        request: Any,
        service: Service[Any, Any],
        delays: Iterator[float],
    ) -> None:
        self._retry = retry
        self._request = request
        self._service = service
        self._delays = delays
        self._errors: list[BaseException] = []

    def begin(self) -> Deferred[Any]:
        return self._service(self._request).addBoth(self._judge)

    def _judge(self, outcome: Any) -> Any:
        delay = self._retry._delay(self._request, outcome, self._delays)
        if delay is None:
            return self._with_reasons(outcome)
        if isinstance(outcome, Failure) and outcome.value is not None:
            self._errors.append(outcome.value)
        pause = sleep(self._retry._clock, delay).addErrback(self._given_up)
        return pause.addCallback(lambda _: self.begin())

    def _given_up(self, failure: Failure) -> Any:
        failure.trap(CancelledError)
        return self._with_reasons(Failure(RequestCancelled(sent=False)))

    def _with_reasons(self, outcome: Any) -> Any:
        error = outcome.value if isinstance(outcome, Failure) else None
        if self._errors and isinstance(error, TxetcdError):
            error.reasons = (*self._errors, *error.reasons)
        return outcome
