"""Connections for each kind of request, so that none runs out of them by another."""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredList

from txetcd.http.message import Request, Response
from txetcd.service import Service, Status

__all__ = ["Bulkheads"]


class Bulkheads(Service[Request, Response]):
    """Sends each kind of request its own way to one server.

    A request keeps its connection for as long as the server takes: a long-poll until
    something happens, and one that needs a vote, of servers that are gone, until it times
    out.  With a pool for each kind, with limits of its own, any number of them leaves all
    connections to the requests that the server can answer at once.

    The name is that of the pattern (Michael Nygard, *Release It!*, 2007).

    Where it belongs: at the bottom of a stack, just above transports to one server.

    Args:
        requests: For requests that the server answers by itself, and at once.
        quorum: For those that need a vote of several servers (`Request.needs_quorum`).
        long_polls: For those whose `Request.long_poll` is set.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        requests: Service[Request, Response],
        quorum: Service[Request, Response],
        long_polls: Service[Request, Response],
    ) -> None:
        self._requests = requests
        self._quorum = quorum
        self._long_polls = long_polls
        self._all = (requests, quorum, long_polls)

    def apply(self, request: Request) -> Deferred[Response]:
        if request.long_poll:
            return self._long_polls(request)
        return (self._quorum if request.needs_quorum else self._requests)(request)

    def close(self) -> Deferred[None]:
        """Close all of them."""
        closing = [each.close() for each in self._all]
        return DeferredList(closing, fireOnOneErrback=True, consumeErrors=True).addCallback(
            lambda _: None
        )

    @property
    def status(self) -> Status:
        return Status.worst(*[each.status for each in self._all])

    def __repr__(self) -> str:
        # The others go to the same server.
        return f"Bulkheads({self._requests!r})"
