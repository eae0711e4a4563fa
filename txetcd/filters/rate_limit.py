"""An upper bound on the number of requests in a time."""

from __future__ import annotations

from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail

from txetcd.clock import Clock, DelayedCall
from txetcd.errors import RateLimited
from txetcd.queue import Queue
from txetcd.service import Filter, Service, Status

__all__ = ["RateLimit"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

#: Part of a token that is forgiven: sums of fractions are not exact.
FORGIVEN = 0.001


class RateLimit(Filter[Req, Rep, Req, Rep]):
    """Lets so many requests begin in a time; others wait, the first to come the first to go.

    It is a token bucket.  It holds ``burst`` tokens at the most, is full to begin with,
    and gains ``per_second`` tokens a second, steadily; a request takes one to begin.  So
    in any ``t`` seconds no more than ``burst + per_second * t`` requests begin (to a
    thousandth of one, forgiven to the rounding of times), and none waits while there is a
    token.  That is the committed bucket of RFC 2697 with requests in the place of bytes,
    or, told from its other side, the leaky bucket as a meter (ITU-T I.371, the generic
    cell rate algorithm in its form as a continuous-state leaky bucket).

    Where there is no token, as many wait as ``max_waiting`` says; one more fails at once
    with `RateLimited`, which is retryable, for nothing was sent, and says when there would
    be a token for it.  A request that waits is begun in the context of its caller
    (`contextvars`).  Cancelling one that waits takes it from the queue at once, and it
    fails with `RequestCancelled`, not sent; a token is not lost by that.  Closing fails
    those that wait with `ServiceClosed`.  While some wait there is one delayed call for
    all of them, and none otherwise.

    A long poll takes a token as any request does, and holds nothing while it lasts.

    Its status is `Status.BUSY` while one more request would be refused.

    A clock that is set back brings no tokens, and takes none: what waits is put right as
    soon as the next request comes.

    Where it belongs: below `Retry`, so that each attempt counts, since attempts are what
    a server sees.  Above the balancer it bounds what the client asks of the cluster, below
    it what it asks of each endpoint.  The time in the queue counts for a `Timeout` above it.

    Args:
        per_second: The tokens a second; more than 0, and finite.
        clock: Tells the time, and delays.
        burst: The tokens that the bucket can hold, 1 or more; by default those of a
            second, but at least one.  With 1, requests begin evenly spaced.
        max_waiting: How many may wait; 0 for none.

    Raises:
        ValueError: An argument is out of its range.
        TypeError: ``burst`` or ``max_waiting`` is not a whole number.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        per_second: float,
        clock: Clock,
        *,
        burst: int | None = None,
        max_waiting: int = 1000,
    ) -> None:
        if not 0 < per_second < inf:
            raise ValueError(f"per_second must be more than 0, and finite, not {per_second!r}")
        burst = max(1, int(per_second)) if burst is None else burst
        for name, value, least in (("burst", burst, 1), ("max_waiting", max_waiting, 0)):
            if not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, not {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value!r}")
        self._per_second = per_second
        self._clock = clock
        self._burst = burst
        self._max_waiting = max_waiting
        # The tokens that the bucket lacks, at a time.
        self._missing = 0.0
        self._seen = -inf
        self._queue = Queue(self._left)
        self._call: DelayedCall | None = None

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        self._refill()
        if not self._queue and self._lacking() <= FORGIVEN:
            self._missing += 1
            return service(request)
        if service.status is Status.CLOSED:
            # It says so at once; waiting would leave a delayed call behind.
            return service(request)
        if len(self._queue) >= self._max_waiting:
            return fail(RateLimited(self._refusal()))
        waiting = self._queue.add(request, service, _begin)
        if self._call is None:
            self._arm()
        return waiting

    def status_of(self, service: Service[Req, Rep]) -> Status:
        self._refill()
        full = len(self._queue) >= self._max_waiting
        refuses = full and (bool(self._queue) or self._lacking() > FORGIVEN)
        return Status.worst(service.status, Status.BUSY if refuses else Status.OPEN)

    def close_with(self, service: Service[Req, Rep]) -> Deferred[None]:
        self._queue.end(service)
        return service.close()

    def _refill(self) -> None:
        now = self._clock.seconds()
        if now >= self._seen:
            self._missing = max(0.0, self._missing - (now - self._seen) * self._per_second)
            self._seen = now
        else:
            # The clock was set back, and the delayed call is as much further off.
            self._seen = now
            if self._call is not None:
                self._arm()

    def _lacking(self) -> float:
        """What is missing of one token; 0 or less if there is one."""
        return self._missing - (self._burst - 1)

    def _arm(self) -> None:
        """Make the delayed call for the first that waits, in the place of any other."""
        self._rest()
        delay = max(0.0, self._lacking() / self._per_second)
        self._call = self._clock.callLater(delay, self._turn)

    def _rest(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _left(self) -> None:
        if not self._queue:
            self._rest()

    def _turn(self) -> None:
        """Begin all for whom there is a token, in a loop, since any may end at once."""
        self._call = None
        self._refill()
        # There is one for the first, even if by rounding it is a little early.
        self._begin_first()
        while self._queue and self._lacking() <= FORGIVEN:
            self._begin_first()
        # Requests that came meanwhile may have made another, which is not right any more.
        self._rest()
        if self._queue:
            self._refill()
            self._arm()

    def _begin_first(self) -> None:
        self._missing += 1
        self._queue.begin_first()

    def _refusal(self) -> str:
        wait = (self._lacking() + len(self._queue)) / self._per_second
        return (
            f"{self._per_second:g} requests a second may begin, and {len(self._queue)} wait; "
            f"there would be a token for one more in {wait:.3g} s"
        )

    def __repr__(self) -> str:
        waiting = len(self._queue)
        return f"RateLimit({self._per_second:g} a second, burst {self._burst}, {waiting} waiting)"


def _begin(request: Any, service: Service[Any, Any]) -> Deferred[Any]:
    return service(request)
