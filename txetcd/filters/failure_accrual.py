"""Leaving a service alone that fails, until it is seen to work again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from txetcd.backoff import Backoff
from txetcd.clock import Clock
from txetcd.errors import EndpointDown, NotSent, Rejected, RequestTimedOut
from txetcd.filters.accrual_policy import AccrualPolicy, ConsecutiveFailures
from txetcd.filters.parked import Parked, detached
from txetcd.filters.probe import Probe, Probing
from txetcd.response_class import ResponseClass, ResponseClassifier, classify
from txetcd.service import Filter, Service, Status

__all__ = ["DEFAULT_REVIVAL", "FailureAccrual", "unreachable"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

#: How long a service is left alone, each time that it has not come back.
DEFAULT_REVIVAL = Backoff.exponential_jittered(0.1, 10.0)


def unreachable(request: object, outcome: object) -> Status | None:
    """What an outcome shows of a service that perhaps cannot be reached, or is stuck.

    The connection could not be made (`NotSent`), or nothing came in time
    (`RequestTimedOut`): the next request would most likely cost as much.  But a request
    that needs a vote of several servers (``needs_quorum``) waits for the others as well: one
    that timed out shows less.

    Returns:
        `Status.DOWN`; `Status.BUSY` if the others may be at fault; None for any other
        outcome.
    """
    error = outcome.value if isinstance(outcome, Failure) else None
    if isinstance(error, RequestTimedOut) and getattr(request, "needs_quorum", False):
        return Status.BUSY
    return Status.DOWN if isinstance(error, (NotSent, RequestTimedOut)) else None


class FailureAccrual(Filter[Req, Rep, Req, Rep]):
    """Notes when a service fails too much, and makes its status a worse one for a while.

    That is `Status.BUSY`, or `Status.DOWN` if it cannot even be reached.  A balancer above
    then picks another: one that is open or, failing that, one that is busy.  What is sent
    all the same, since nothing else is left, does pass, unless ``refuse`` is true.  The
    time it is left alone grows with each attempt to bring it back, by a schedule.  It
    comes back

    - with a ``probe``: when that has been answered, which is asked after each delay.  No
      request of a user's is put at risk.
    - without: when the first request after the delay succeeds.  The status is `OPEN
      <Status.OPEN>` until that one comes, and `BUSY <Status.BUSY>` while it is under
      way.

    Requests that wait for something (``long_poll``) would wait in vain: they fail with
    `EndpointDown` as soon as the service is given up.  As no answer is due to them, it
    takes a ``heartbeat`` to notice that a service on which they alone are parked has
    died.

    It has the state of one service, and stands in front of that alone.  Where it
    belongs: right below a balancer, and above the timeout of an attempt, whose
    `RequestTimedOut` it is to see.  Finagle's is ``FailureAccrualFactory``.

    Args:
        clock: Tells the time.
        policy: Counts failures, and says which is one too many; five in a row by
            default.
        at_once: Sees a request and its failure, and returns the status of the service that
            this one shows by itself; None if it shows none.  `unreachable` is made for it.
        backoff: How long the service is left alone, first and after each attempt; its
            last delay is repeated.
        classifier: Says which outcomes are failures.  A request that another policy
            below did not let begin (`Rejected`) is not counted.
        probe: A function of the service, that asks it something; the Deferred that it
            returns is classified as a response is, with None for the request.  It is to
            end: a timeout below, or one of its own, sees to that.
        heartbeat: How long after the last such question another is asked, in seconds,
            while requests are parked; None for never.
        refuse: Whether a request fails with `EndpointDown` while the service is left
            alone: for a service that has no balancer above it (a "circuit breaker").

    Raises:
        ValueError: ``backoff`` has no delays, or ``heartbeat`` is not more than 0, or is
            given without a ``probe``.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        *,
        policy: AccrualPolicy | None = None,
        at_once: Callable[[Any, Any], Status | None] | None = None,
        backoff: Backoff = DEFAULT_REVIVAL,
        classifier: ResponseClassifier = classify,
        probe: Probe | None = None,
        heartbeat: float | None = None,
        refuse: bool = False,
    ) -> None:
        if next(iter(backoff), None) is None:
            raise ValueError(f"backoff must have at least one delay: {backoff!r}")
        if heartbeat is not None and (probe is None or not heartbeat > 0):
            raise ValueError(f"heartbeat={heartbeat!r}: it needs a probe, and more than 0 seconds")
        self._clock = clock
        self._policy = ConsecutiveFailures(5) if policy is None else policy
        self._at_once = at_once
        self._backoff = backoff
        self._classifier = classifier
        self._probing: Probing | None = None
        if probe is not None:
            self._probing = Probing(clock, probe, self._is_to_ask, self._answered)
        self._heartbeat = heartbeat
        self._refuse = refuse
        self._dead = False
        # How bad it is while it is left alone.
        self._status = Status.BUSY
        # How often it has been given up: a request that began before the last time tells
        # nothing of the time after.
        self._deaths = 0
        # Since when it is left alone, when it may be tried again without a probe, and
        # whether a request is trying it.
        self._since = 0.0
        self._revival = 0.0
        self._trying = False
        self._delays: Iterator[float] = iter(())
        self._delay = 0.0
        self._parked = Parked()

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        waits, trial, deaths = getattr(request, "long_poll", False), False, self._deaths
        if self._dead:
            may_try = self._may_try()
            if self._refuse and not may_try:
                return fail(EndpointDown(f"{service!r} has failed, and is left alone"))
            # One that waits would try it for hours.
            trial = may_try and not waits
            self._trying = self._trying or trial
        outcome = service(request)
        if waits or trial:
            # Neither is kept by a service that does not answer to being cancelled.
            outcome = detached(outcome)
        if waits:
            self._parked.add(outcome)
            self._listen(service)
        return outcome.addBoth(self._ended, request, service, deaths, trial)

    def status_of(self, service: Service[Req, Rep]) -> Status:
        if not self._dead or self._may_try():
            return service.status
        return Status.worst(service.status, self._status)

    def close_with(self, service: Service[Req, Rep]) -> Deferred[None]:
        if self._probing is not None:
            self._probing.close()
        return service.close()

    def _may_try(self) -> bool:
        """Whether the next request is to try whether the service has come back."""
        if self._probing is not None or self._trying:
            return False
        return self._left == 0

    @property
    def _left(self) -> float:
        """How long it is still to be left alone, in seconds."""
        now = self._clock.seconds()
        # Nobody knows how long, if the clock was set back.
        return max(0.0, self._revival - now) if now >= self._since else 0.0

    # --- what outcomes tell ----------------------------------------------------------

    def _ended(
        self,
        outcome: Any,
        request: Any,
        service: Service[Any, Any],
        deaths: int,
        trial: bool,
    ) -> Any:
        if deaths == self._deaths:
            self._trying = self._trying and not trial
            verdict = self._verdict(request, outcome)
            if verdict is ResponseClass.SUCCESS:
                self._succeeded(service)
            elif verdict.is_failure:
                self._failed(request, outcome, service, trial)
        return outcome

    def _verdict(self, request: Any, outcome: Any) -> ResponseClass:
        if isinstance(outcome, Failure) and isinstance(outcome.value, Rejected):
            # It was not begun, by the word of a policy on this side.
            return ResponseClass.IGNORABLE
        return self._classifier(request, outcome)

    def _succeeded(self, service: Service[Any, Any]) -> None:
        if self._dead:
            self._revive(service)
        else:
            self._policy.succeeded()

    def _revive(self, service: Service[Any, Any]) -> None:
        self._dead = False
        self._policy.forget()
        if self._probing is not None:
            self._probing.stop()
        self._listen(service)

    def _failed(
        self, request: Any, outcome: Any, service: Service[Any, Any], trial: bool
    ) -> None:
        shown = self._shown(request, outcome)
        if self._dead:
            self._status = Status.worst(self._status, shown)
            if trial:
                self._leave_alone(service)
        elif self._policy.failed() or shown is not Status.OPEN:
            self._give_up(service, shown)

    def _shown(self, request: Any, outcome: Any) -> Status:
        """What status a failure shows by itself; `Status.OPEN` if none."""
        shown = None if self._at_once is None else self._at_once(request, outcome)
        return Status(shown or Status.OPEN)

    def _give_up(self, service: Service[Any, Any], shown: Status) -> None:
        self._dead = True
        self._status = Status.worst(Status.BUSY, shown)
        self._deaths += 1
        self._trying = False
        self._delays = iter(self._backoff)
        self._leave_alone(service)

    def _leave_alone(self, service: Service[Any, Any]) -> None:
        self._delay = next(self._delays, self._delay)
        self._since = self._clock.seconds()
        self._revival = self._since + self._delay
        if self._probing is not None:
            self._probing.ask_in(self._delay, service)
        self._parked.end()

    def _answered(self, outcome: Any, service: Service[Any, Any]) -> None:
        verdict = self._verdict(None, outcome)
        if verdict.is_failure:
            self._failed_probe(outcome, service)
        elif self._dead:
            back = verdict is ResponseClass.SUCCESS
            (self._revive if back else self._leave_alone)(service)
        # A success of one that is alive is none of its requests', and not counted.
        self._listen(service)

    def _failed_probe(self, outcome: Any, service: Service[Any, Any]) -> None:
        shown = self._shown(None, outcome)
        if not self._dead:
            self._give_up(service, shown)
            return
        # One that was down may answer by now, if only that it is not well.
        self._status = Status.worst(Status.BUSY, shown)
        self._leave_alone(service)

    def _listen(self, service: Service[Any, Any]) -> None:
        """Ask whether it is alive, after a time, as long as requests are parked on it."""
        beat, probing = self._heartbeat, self._probing
        if beat is not None and probing is not None and probing.idle and self._is_to_ask():
            probing.ask_in(beat, service)

    def _is_to_ask(self) -> bool:
        return self._dead or len(self._parked) > 0

    def __repr__(self) -> str:
        state = "alive"
        if self._dead:
            left = f"left alone for {self._left:.3g} s" if self._left else "to be tried"
            state = f"{self._status.name.lower()}, {left}"
        return f"FailureAccrual({self._policy!r}, {state})"
