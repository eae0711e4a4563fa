"""Long-polls apart from all other requests."""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredList

from txetcd.http.message import Request, Response
from txetcd.service import Service, Status

__all__ = ["LongPollsApart"]


class LongPollsApart(Service[Request, Response]):
    """Sends long-polls one way, and all other requests another.

    A long-poll keeps its connection for as long as nothing happens.  With a pool of their
    own, with limits of its own, any number of them leaves all connections to the
    requests that are answered at once.

    Where it belongs: at the bottom of a stack, just above two transports to one server.

    Args:
        requests: For requests that are answered at once.
        long_polls: For those whose `Request.long_poll` is set.

    .. versionadded:: 0.1
    """

    def __init__(
        self, requests: Service[Request, Response], long_polls: Service[Request, Response]
    ) -> None:
        self._requests = requests
        self._long_polls = long_polls

    def apply(self, request: Request) -> Deferred[Response]:
        return (self._long_polls if request.long_poll else self._requests)(request)

    def close(self) -> Deferred[None]:
        """Close both."""
        closing = [self._requests.close(), self._long_polls.close()]
        return DeferredList(closing, fireOnOneErrback=True, consumeErrors=True).addCallback(
            lambda _: None
        )

    @property
    def status(self) -> Status:
        return Status.worst(self._requests.status, self._long_polls.status)

    def __repr__(self) -> str:
        # The other goes to the same server.
        return f"LongPollsApart({self._requests!r})"
