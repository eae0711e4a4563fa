"""Sending a second copy of a request that is slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.clock import Clock
from txetcd.filters._race import Race
from txetcd.filters.latencies import Latencies
from txetcd.filters.retry_budget import RetryBudget
from txetcd.response_class import ResponseClass, ResponseClassifier, classify
from txetcd.service import Filter, Service

__all__ = ["Hedge"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")


def _is_read(request: object) -> bool:
    return not getattr(request, "is_write", True) and not getattr(request, "long_poll", False)


class Hedge(Filter[Req, Rep, Req, Rep]):
    """Sends a second copy of a request that takes longer than most; the first answer wins.

    Where a few requests are slow by bad luck (a pause, a full queue, a lost packet), a
    second copy, to another server if there is one, is often answered before the first.
    Dean & Barroso, "The Tail at Scale", Communications of the ACM, February 2013, tell of
    a service whose slowest answers in a thousand so came after 74 ms instead of 1800, for
    2 % more requests.  Finagle's filter is ``BackupRequestFilter``.

    The copy is sent when a request has taken longer than a quantile of the recent ones.
    The first answer is the outcome, and the other copy is cancelled; what that still
    says is dropped.  An answer is what the classifier calls a success: that a key does not
    exist is one.  A failure passes on at once while there is one copy; it is for
    `Retry` to act on.  Once there are two, it waits for the other.  If both fail, the
    outcome is that of the first copy, which would have come without this filter; the
    ``reasons`` of its error hold the other's, and its ``possibly_applied`` speaks for both.

    Cancelling cancels both copies and leaves no delayed call.  The second runs in the
    caller's context (:pep:`567`).

    Where it belongs: below `Retry`, since a copy is part of one attempt; above whatever
    is to act on each copy (a per-attempt timeout, a balancer that picks another
    endpoint).  It costs one delayed call a request: delays change with the quantile, so
    requests cannot share one as those of `Timeout` do.

    Recorded is the time of the first copies alone, and of these the ones that were
    answered; and those that were not, a copy that lost included, if they had taken longer
    than the delay.  What those would have taken is unknown, but not that they are among
    the slow ones; left out, they would make the quantile smaller with each copy sent.

    Args:
        clock: Delays, and tells the time; a reactor, or `twisted.internet.task.Clock`.
        quantile: What part of the requests is to be answered without a copy; more than 0
            and less than 1.
        budget: Bounds the copies of all requests together; by default a `RetryBudget` of
            its own that allows twice the share that the quantile leaves, which is one for
            ten requests, at least one for twenty, and one in ten seconds besides.  With
            no more than that share none is left in a bad moment, which is when copies
            are wanted.
        only: A request for which this is true may be sent twice; by default a read that
            does not wait for something to happen.  Two copies of a write may both be
            carried out.  Of a write, an error never wins while the other copy is under
            way: it may be due to that one.
        minimum: No copy is sent sooner, in seconds; 0 or more.
        maximum: No copy is sent later, in seconds; not less than ``minimum``.
        samples: How many times must have been recorded before the first copy; 1 or more.
        window: For how long a time is remembered, in seconds; see `Latencies`.
        classifier: Says what is an answer.

    Attributes:
        sent: How many second copies were sent.
        won: How many of them gave the answer.

    Raises:
        ValueError: An argument is out of its range.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        *,
        quantile: float = 0.95,
        budget: RetryBudget | None = None,
        only: Callable[[Req], bool] = _is_read,
        minimum: float = 0.001,
        maximum: float = 1.0,
        samples: int = 100,
        window: float = 30.0,
        classifier: ResponseClassifier = classify,
    ) -> None:
        if not 0 <= minimum <= maximum:
            raise ValueError(
                "minimum must be 0 or more seconds and not more than maximum, "
                f"not {minimum!r} and {maximum!r}"
            )
        if not samples >= 1:
            raise ValueError(f"samples must be at least 1, not {samples!r}")
        self._clock = clock
        self._quantile = quantile
        self._latencies = Latencies(clock, quantile, window)
        if budget is None:
            budget = RetryBudget(clock, min_per_second=0.1, ratio=max(0.05, 2 * (1 - quantile)))
        self._budget = budget
        self._only = only
        self._minimum = minimum
        self._maximum = maximum
        self._samples = samples
        self._classifier = classifier
        self.sent = 0
        self.won = 0

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        if not self._only(request):
            return service(request)
        self._budget.deposit()
        return Race(self, request, service).begin()

    @property
    def delay(self) -> float | None:
        """After how many seconds a copy is sent; None while too little is known."""
        if len(self._latencies) < self._samples:
            return None
        return min(max(self._latencies.quantile or 0.0, self._minimum), self._maximum)

    def _answers(self, request: Req, outcome: Any) -> bool:
        """Whether an outcome of one copy settles the matter, whatever the other's is."""
        if self._classifier(request, outcome) is not ResponseClass.SUCCESS:
            return False
        return not (isinstance(outcome, Failure) and getattr(request, "is_write", True))

    def __repr__(self) -> str:
        return f"Hedge(quantile={self._quantile:g})"
