"""One endpoint at a time, and the next when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.python.failure import Failure

from txetcd.errors import NetworkError
from txetcd.service import Service, Status

__all__ = ["Failover"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")


class Failover(Service[Req, Rep]):
    """Sends all requests to one service, until one fails on the network.

    The requests that follow go to the next service, and after the last to the
    first again.  It repeats nothing itself: the failed request fails, and whether
    it may be sent again is for a `Retry` above to decide.  A request that was
    cancelled counts as failed, since a timeout above cancels.

    Where it belongs: at the bottom of a stack, just above the transports.

    Args:
        services: One for each endpoint; at least one.

    Raises:
        ValueError: There is none.

    .. versionadded:: 0.1
    """

    def __init__(self, services: Sequence[Service[Req, Rep]]) -> None:
        if not services:
            raise ValueError("a Failover needs at least one service")
        self._services = tuple(services)
        self._current = 0

    def apply(self, request: Req) -> Deferred[Rep]:
        chosen = self._current
        return self._services[chosen](request).addErrback(self._failed, chosen)

    def _failed(self, failure: Failure, chosen: int) -> Failure:
        # Requests that failed together move on once.
        if failure.check(NetworkError, CancelledError) and chosen == self._current:
            self._current = (chosen + 1) % len(self._services)
        return failure

    def close(self) -> Deferred[None]:
        """Close all services; fails, once all have ended, with the first failure there was."""
        closing = [maybeDeferred(service.close) for service in self._services]
        return DeferredList(closing, consumeErrors=True).addCallback(_first_failure)

    @property
    def status(self) -> Status:
        return Status.best(*(service.status for service in self._services))

    def __repr__(self) -> str:
        others = len(self._services) - 1
        return f"Failover({self._services[self._current]!r}, {others} more)"


def _first_failure(results: list[tuple[bool, Any]]) -> Any:
    return next((result for succeeded, result in results if not succeeded), None)
