"""Sending less to a service that refuses most of what it is sent."""

from __future__ import annotations

import random as _random
from collections.abc import Callable
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.backoff import Random
from txetcd.clock import Clock
from txetcd.errors import LoadShed, Rejected
from txetcd.filters.deadline import is_long_poll
from txetcd.filters.window import Window
from txetcd.response_class import ResponseClass, ResponseClassifier, classify
from txetcd.service import Filter, Service, Status

__all__ = ["LoadShedding", "classify_refusals"]

#: What is counted: requests that have ended or were shed, those of them that the service took, and
#: whether one has begun.
REQUESTS, ACCEPTS, BEGUN = range(3)

Req = TypeVar("Req")
Rep = TypeVar("Rep")

def classify_refusals(request: object, outcome: object) -> ResponseClass:
    """The default classifier: retryable is what the service left undone.

    That is a failure which `classify` finds retryable, of a read, or of a write that is
    known not to have been carried out.  A write that may have been says neither that
    the service took it nor that it did not, so it is ignorable; and so is what a filter
    below refused (`Rejected`), which the service never saw.
    """
    error = outcome.value if isinstance(outcome, Failure) else None
    if isinstance(error, Rejected):
        return ResponseClass.IGNORABLE
    found = classify(request, outcome)
    if found is ResponseClass.RETRYABLE and getattr(request, "is_write", True):
        return ResponseClass.IGNORABLE if getattr(error, "possibly_applied", True) else found
    return found


class LoadShedding(Filter[Req, Rep, Req, Rep]):
    """Fails some requests with `LoadShed` at once, while the service refuses most of them.

    Refusing costs a server as well, and one that gets many more requests than it
    can serve comes to spend its time on that alone.  So the client keeps count, over a
    window of time, of its *requests*, these here refused included, and of the *accepts* among
    them, which the service did not refuse.  A request is shed with the probability::

        max(0, (requests - ratio * accepts) / (requests + 1))

    With a ratio of 2, nothing is shed while at least half is accepted; and the service is
    sent about twice what it accepts, however much more is asked of the client.  The
    definition is that of *adaptive throttling* (Beyer et al., "Site Reliability Engineering",
    2016, chapter 21, "Handling Overload", whose window is two minutes); Finagle's
    ``NackAdmissionFilter`` is its kin.

    It departs from it in three things.  A request counts when its outcome is known, so that a
    slow service is not taken for one that refuses.  Nothing is shed while the window has
    fewer than ``floor`` requests: a few prove nothing.  And of each tenth of the window the
    first request is sent, so that recovery is seen; from there the accepts grow by a
    factor of *e* in every ``window / ratio`` seconds.

    Requests that wait for something to happen pass, and do not count: they are no load.
    Cancelling cancels the request below, which then does not count.  Its status is
    `Status.BUSY` while something may be shed, so that a balancer sends it elsewhere.

    It is for services that refuse.  One that is silent is better met with a limit
    (`ConcurrencyLimit`): this filter would make the recovery from that longer.

    Where it belongs: below `Retry`, because each attempt is a load; above what limits or
    leaves alone (`Rejected`), whose refusals are none of the service's.  One for each
    service that can be overloaded by itself: for a cluster, above the balancer; for each
    member, one in the stack of each endpoint.

    Args:
        clock: Tells the time.
        ratio: How many requests are sent for each that is accepted; 1 or more.  A smaller one
            sheds earlier, and leaves less to see the recovery by.
        window: How long a request counts, in seconds, to within a tenth; more than 0.
        floor: How many requests a window has at the least before one is shed; 0 or more.
        classifier: What an outcome says: ``RETRYABLE`` is a refusal, ``IGNORABLE`` does not
            count, and all else is an accept.  `classify_refusals` by default.
        random: Where chance comes from; the `random` module if None.
        unless: A request for which this is true passes; by default one that waits for
            something to happen (``long_poll``).

    Raises:
        ValueError: An argument is out of its range.
        LoadShed: In the Deferred: the request was shed, and nothing was sent.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ratio: float = 2.0,
        window: float = 30.0,
        floor: int = 10,
        classifier: ResponseClassifier = classify_refusals,
        random: Random | None = None,
        unless: Callable[[Req], bool] = is_long_poll,
    ) -> None:
        if not 1 <= ratio < inf:
            raise ValueError(f"ratio must be finite, 1 or more, not {ratio!r}")
        if not 0 < window < inf:
            raise ValueError(f"window must be a finite time of more than 0 seconds, not {window!r}")
        if not 0 <= floor < inf:
            raise ValueError(f"floor must be a finite number, 0 or more, not {floor!r}")
        self._ratio = ratio
        self._floor = floor
        self._classifier = classifier
        self._draw = (random or _random).random
        self._unless = unless
        self._seconds = window
        self._seen = Window(window, clock, 3)

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        if self._unless(request):
            return service(request)
        begun = self._seen.present
        first, begun[BEGUN] = not begun[BEGUN], 1
        probability = self._probability()
        if probability > 0 and not first and self._draw() < probability:
            self._seen.add(REQUESTS)
            raise LoadShed(f"not sent: {self._shown()}; {probability:.0%} of requests are shed")
        return service(request).addBoth(self._ended, request)

    @property
    def probability(self) -> float:
        """The probability that a request is shed now, but for the first of each tenth."""
        self._seen.move()
        return self._probability()

    def status_of(self, service: Service[Req, Rep]) -> Status:
        """`Status.BUSY` or worse while requests may be shed, and that of the service otherwise."""
        own = Status.BUSY if self.probability > 0 else Status.OPEN
        return Status.worst(own, service.status)

    def _probability(self) -> float:
        requests, accepts, _ = self._seen.totals
        if requests < self._floor:
            return 0.0
        return max(0.0, (requests - self._ratio * accepts) / (requests + 1))

    def _ended(self, outcome: Any, request: Req) -> Any:
        found = self._classifier(request, outcome)
        if found is not ResponseClass.IGNORABLE:
            self._seen.add(REQUESTS)
            self._seen.add(ACCEPTS, found is not ResponseClass.RETRYABLE)
        return outcome

    def __repr__(self) -> str:
        probability = self.probability
        return f"<LoadShedding {self._shown()}; sheds {probability:.0%}>"

    def _shown(self) -> str:
        requests, accepts, _ = self._seen.totals
        return f"{accepts:.0f} of {requests:.0f} requests accepted in {self._seconds:g} s"
