"""Many endpoints as one service: each request goes to one that is well and has little to do."""

from __future__ import annotations

import random as _random
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

from txetcd.backoff import Random
from txetcd.balance.endpoint import Endpoint
from txetcd.balance.endpoints import Endpoints, when_all_ended
from txetcd.balance.load import LeastLoaded, NewLoad
from txetcd.balance.pick import Policy, PowerOfTwoChoices, highest_random_weight, panics, usable
from txetcd.errors import NoEndpoints, QueueFull, ServiceClosed
from txetcd.queue import Queue
from txetcd.reactive import Activity, Closable, Failed, Ok, Pending
from txetcd.service import Service, Status

__all__ = ["Balancer"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

def _ask(request: Any, service: Service[Any, Any]) -> Deferred[Any]:
    return service(request)


def _path(request: object) -> Hashable:
    return getattr(request, "path", None)


class Balancer(Service[Req, Rep]):
    """Sends each request to one of a set of endpoints, which may change at any time.

    It makes a service for each address that appears.  A request goes to an endpoint whose
    service is `Status.OPEN`, the one that the policy chooses by load; to one that is not
    only where no other is, or in panic (see ``panic_threshold``).  It repeats nothing:
    whether a failed request may be sent again is for a `Retry` above to decide, and the
    attempt that follows is likely to go elsewhere.

    *Long polls* go where the last one for the same key went, while that endpoint is open
    (by rendezvous hashing): who follows a key reads the history of one member, and the
    keys are spread over all.  They are no load.

    *An address that disappears* is chosen no more.  Long polls under way there fail at once
    with `EndpointDown`, so a watch moves on; other requests are left to end, and then the
    service is closed.  Should that fail, it is logged.

    *While no endpoint is known*, requests wait, and are sent in the order and the context of
    their callers.  What was known once stays in use until other addresses are.

    The Deferred of a request fires as that of the service which serves it, and an error
    that names no endpoint is told this one.  Cancelling it cancels the request there, or its
    waiting (`RequestCancelled`).  It fails by itself with `NoEndpoints` where the set is
    empty or cannot be had, with `QueueFull`, and with `ServiceClosed` after `close`.

    Where it belongs: below all that is to act on a request whatever endpoint it goes to,
    above all that has a state for each endpoint.  ``connect`` makes the latter: the transport,
    under whatever counts failures or bounds requests at one endpoint, and says so in its
    ``status``.

    Args:
        endpoints: The addresses: an `Activity` of them (`Refreshed`, say), which is observed
            from now on; or those that never change, at least one.
        connect: Makes the service of an address.  What it raises is logged, and the address
            passed over until the set changes; of a fixed set, it is raised here.
        policy: How to choose; `PowerOfTwoChoices` if None.
        load: Makes the measure that endpoints are compared by, one for each: `LeastLoaded`,
            or a `PeakEwma`.
        panic_threshold: If fewer than this share of the endpoints are open, a request goes to
            any, from 0 (never) to 1; see `usable`.  Envoy's is a half; a quarter leaves
            alone the two of three that are down.  Long polls never panic, being no load.
        affinity: The key of a long poll, or None if it may go anywhere; by default its
            ``path``, if it has one.
        max_waiting: How many requests may wait while no endpoint is known; 0 or more.
        random: Where randomness comes from; the `random` module if None.

    Raises:
        ValueError: An argument is out of its range, or there is no address.
        TypeError: ``endpoints`` is one address instead of several.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        endpoints: Activity[Iterable[str]] | Iterable[str],
        connect: Callable[[str], Service[Req, Rep]],
        *,
        policy: Policy | None = None,
        load: NewLoad = LeastLoaded,
        panic_threshold: float = 0.25,
        affinity: Callable[[Req], Hashable] = _path,
        max_waiting: int = 1000,
        random: Random | None = None,
    ) -> None:
        if not 0 <= panic_threshold <= 1:
            raise ValueError(f"panic_threshold is a share, from 0 to 1, not {panic_threshold!r}")
        if not max_waiting >= 0:
            raise ValueError(f"max_waiting must be 0 or more requests, not {max_waiting!r}")
        self._connect = connect
        self._policy = PowerOfTwoChoices(random) if policy is None else policy
        self._load = load
        self._panic_threshold = panic_threshold
        self._usable = partial(usable, panic_threshold=panic_threshold)
        self._affinity = affinity
        self._salt = int((random or _random).random() * 2**53)
        self._max_waiting = max_waiting
        self._waiting = Queue()
        self._closed = False
        self._state: Pending | Ok[Iterable[str]] | Failed = Pending()
        self._endpoints: Endpoints[Req, Rep] = Endpoints(self._endpoint)
        self._observation: Closable | None = None
        if isinstance(endpoints, Activity):
            self._observation = endpoints.observe(self._become)
        else:
            self._endpoints.settle(endpoints)
            self._state = Ok(endpoints)

    def _endpoint(self, address: str) -> Endpoint[Req, Rep]:
        return Endpoint(address, self._connect(address), self._load())

    def _become(self, state: Pending | Ok[Iterable[str]] | Failed) -> None:
        if self._closed:
            return
        self._state = state
        try:
            if isinstance(state, Ok):
                self._endpoints.follow(state.value)
        finally:
            if not isinstance(state, Pending):
                self._let_in()

    def _let_in(self) -> None:
        # As many as wait now: one that fails may ask again, and have to wait again.
        for _ in range(len(self._waiting)):
            # One may have cancelled others, or have let them in.
            if self._waiting:
                self._waiting.begin_first()

    def apply(self, request: Req) -> Deferred[Rep]:
        endpoints = self._endpoints.current
        if not endpoints:
            return self._without_endpoints(request)
        if getattr(request, "long_poll", False):
            return self._for_long_poll(request, endpoints).park(request)
        return self._policy.pick(endpoints, self._usable).send(request)

    def _for_long_poll(
        self, request: Req, endpoints: Sequence[Endpoint[Req, Rep]]
    ) -> Endpoint[Req, Rep]:
        key = self._affinity(request)
        if key is None:
            return self._policy.pick(endpoints, usable)
        return highest_random_weight(usable(endpoints), key, self._salt)

    def _without_endpoints(self, request: Req) -> Deferred[Rep]:
        if self._closed:
            raise ServiceClosed
        if isinstance(self._state, Pending):
            return self._wait(request)
        if isinstance(self._state, Failed):
            cause = self._state.failure.value
            raise NoEndpoints(f"no endpoint is known: {cause}") from cause
        raise NoEndpoints("there is no endpoint now")

    def _wait(self, request: Req) -> Deferred[Rep]:
        if len(self._waiting) >= self._max_waiting:
            raise QueueFull(f"{len(self._waiting)} requests wait for an endpoint already")
        return self._waiting.add(request, self, _ask)

    def close(self) -> Deferred[None]:
        """Observe no more, and close all services, those of endpoints that have left as well.

        Requests that wait fail with `ServiceClosed`, and those under way as their services
        decide.  Fires when all are closed; fails, but not before, with the first failure.
        """
        self._closed = True
        closing = [self._endpoints.close()]
        if self._observation is not None:
            closing.append(maybeDeferred(self._observation.close))
        self._waiting.end(self)
        return when_all_ended(closing)

    @property
    def status(self) -> Status:
        """The best of the endpoints'; `Status.BUSY` while there is none."""
        endpoints = self._endpoints.current
        if not endpoints:
            return Status.CLOSED if self._closed else Status.BUSY
        return min(each.status for each in endpoints)

    def __repr__(self) -> str:
        endpoints = self._endpoints.current
        shown = [repr(self._policy), *map(repr, endpoints)]
        if self._closed:
            shown.append("closed")
        elif not endpoints:
            shown.append(f"no endpoint, {len(self._waiting)} waiting")
        elif panics(endpoints, self._panic_threshold):
            shown.append("panic")
        return f"<Balancer {', '.join(shown)}>"
