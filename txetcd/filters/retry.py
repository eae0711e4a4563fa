"""Sending a request again."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.backoff import Backoff
from txetcd.clock import Clock, sleep
from txetcd.errors import RequestCancelled
from txetcd.filters._past import Past, explained
from txetcd.filters.deadline import remaining
from txetcd.filters.retry_budget import RetryBudget
from txetcd.filters.retry_policy import Policy, RetryPolicy, when_safe
from txetcd.service import Filter, Service

__all__ = ["DEFAULT_BACKOFF", "REASONS_KEPT", "Policy", "Retry", "when_safe"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

#: How many errors of attempts an error carries in ``reasons``: a schedule may be endless.
REASONS_KEPT = 100
#: Five attempts in all, about two seconds at the most between first and last.
DEFAULT_BACKOFF = Backoff.exponential_jittered(0.010, 1.0).take(4)


class Retry(Filter[Req, Rep, Req, Rep]):
    """Sends a request again, after a delay, where a policy says so.

    It fires with the outcome of the last attempt, whether that is a response or an
    error: a filter that was put in changes no error's type.  The error's
    ``reasons`` holds those of the attempts before (the last `REASONS_KEPT`), and
    its ``possibly_applied`` speaks for all attempts: where a policy sends a write
    again, the last may never have been sent and an earlier one have been carried
    out.  Of a read nothing can have been, so there the last speaks for itself.  An
    error that is none of ours has no room for that and is left as it is; those before
    it go to the log, as debugging information.

    It stops when the policy says no, when the schedule has ended, when the budget is
    spent, or when the next attempt could not begin before the caller's deadline
    (`deadline`), which is not waited for.  Cancelling ends the attempt under way, or
    the delay, and begins no other.  Every attempt runs in the caller's context
    (:pep:`567`).

    Where it belongs: below whatever bounds or counts an operation as a whole, above
    whatever is to act on each attempt by itself (a per-attempt timeout, a
    balancer that picks another endpoint).  Two of them, one above the other,
    multiply attempts.

    Args:
        clock: Delays; a reactor, or `twisted.internet.task.Clock`.
        policy: Sees the request and the outcome of an attempt, and decides: a
            `RetryPolicy` or a function.  By default `when_safe`, which never repeats a
            write that may have been carried out.
        backoff: The delays between attempts, so also how many there are.
        budget: Bounds the retries of all requests together; a `RetryBudget` of
            its own by default.
        retry_after: Says how long the server wishes to be left alone, in seconds, by
            the outcome of an attempt; None if it does not say.  The delay of the
            schedule begins then, so that clients that were told the same do not come
            back as one (RFC 9110, section 10.2.3).
        longest_wish: How long a wish is granted, in seconds.  A server that asks for
            more is not asked again.

    Raises:
        TypeError: ``policy`` or ``retry_after`` cannot be called.
        ValueError: ``longest_wish`` is negative, or no number.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        *,
        policy: Policy = when_safe,
        backoff: Backoff = DEFAULT_BACKOFF,
        budget: RetryBudget | None = None,
        retry_after: Callable[[Any], float | None] | None = None,
        longest_wish: float = 60.0,
    ) -> None:
        if retry_after is not None and not callable(retry_after):
            raise TypeError(f"retry_after is a function of an outcome, not {retry_after!r}")
        if not longest_wish >= 0:
            raise ValueError(f"longest_wish must be 0 or more seconds, not {longest_wish!r}")
        self._clock = clock
        self._policy = RetryPolicy.of(policy)
        self._backoff = backoff
        self._budget = RetryBudget(clock) if budget is None else budget
        self._retry_after = retry_after
        self._longest_wish = longest_wish

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        self._budget.deposit()
        return _Attempts(self, request, service).begin()

    def _wish(self, outcome: Any) -> float | None:
        """How long the server is to be left alone; None if that is too long."""
        wish = None if self._retry_after is None else self._retry_after(outcome)
        if wish is None or not wish > 0:
            return 0.0
        return wish if wish <= self._longest_wish else None

    def __repr__(self) -> str:
        return f"Retry({self._backoff!r}, {self._policy!r})"


class _Attempts:
    """The attempts of one request, one after the other.

    What the caller holds is a Deferred apart, which none of theirs is chained to: a
    chain would grow with each attempt, and cancelling it recurses to its end.
    """

    __slots__ = (
        "_context",
        "_current",
        "_done",
        "_past",
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
        self._context = copy_context()
        # Made at the first attempt that was not the last; most requests see none.
        self._past: Past | None = None
        self._stopped = False
        self._done: Deferred[Any] = Deferred(self._stop)
        # The attempt or the delay that is under way.
        self._current: Deferred[Any]

    def begin(self) -> Deferred[Any]:
        self._attempt(self._service(self._request))
        return self._done

    def _again(self, _: None) -> None:
        self._attempt(self._context.run(self._service, self._request))

    def _attempt(self, attempt: Deferred[Any]) -> None:
        self._current = attempt
        attempt.addBoth(self._judge)
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
        if delay is None or self._past is None:
            self._end(outcome)
            return
        self._past.note(outcome)
        self._current = sleep(self._retry._clock, delay)
        self._current.addCallbacks(self._again, self._interrupted)

    def _delay(self, outcome: Any) -> float | None:
        """How long to wait before the next attempt; None if there is to be none."""
        retry, past = self._retry, self._past
        retries = 0 if past is None else past.retries
        if self._stopped or not retry._policy.decide(self._request, outcome, retries):
            return None
        if past is None:
            is_write = getattr(self._request, "is_write", True)
            past = self._past = Past(retry._backoff, REASONS_KEPT, is_write)
        delay, wish = next(past.delays, None), retry._wish(outcome)
        if delay is None or wish is None or self._too_late(wish + delay):
            return None
        return wish + delay if retry._budget.try_withdraw() else None

    def _too_late(self, delay: float) -> bool:
        left = self._context.run(remaining)
        return left is not None and delay >= left

    def _stop(self, _: Deferred[Any]) -> None:
        self._stopped = True
        self._current.cancel()
        if not self._done.called:
            self._end(Failure(RequestCancelled()))

    def _interrupted(self, failure: Failure) -> None:
        self._end(Failure(RequestCancelled(sent=False)))

    def _end(self, outcome: Any) -> None:
        past = self._past
        if past is not None and isinstance(outcome, Failure):
            outcome = explained(outcome, past.errors, past.possibly_applied)
        self._done.callback(outcome)
