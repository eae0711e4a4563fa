"""HTTP over a pool, with nothing in between."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txetcd.http.exchange import WholeExchange
from txetcd.http.h1 import encode
from txetcd.http.message import Request, Response
from txetcd.http.pool import Pool
from txetcd.service import Service, Status

__all__ = ["DirectService"]


class DirectService(Service[Request, Response]):
    """A service that sends each request on a connection of a pool.

    Its Deferred fires with the whole `Response`, of whatever status.  It fails with
    `NotSent` where no byte was written, `ReplyLost` where the request was written and no
    whole reply came back, `MalformedResponse` and `ResponseTooLarge` where the reply is
    not to be trusted, `QueueFull` where too many wait for a connection, and
    `ServiceClosed` once the service was closed.  Cancelling closes the connection of a
    request under way; the Deferred then fails with `RequestCancelled` (a
    `CancelledError`), which tells whether the request had been written.

    Args:
        pool: The connections; closing this closes it.

    .. versionadded:: 0.1
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._server = pool.server

    def apply(self, request: Request) -> Deferred[Response]:
        server = self._server
        exchange = WholeExchange(
            request, encode(request, server.authority, server.base), server.url
        )
        self._pool.submit(exchange)
        return exchange.response

    def close(self) -> Deferred[None]:
        """End the requests under way (`ServiceClosed`), and close the connections."""
        return self._pool.close()

    @property
    def status(self) -> Status:
        return Status.CLOSED if self._pool.status is Status.CLOSED else Status.OPEN

    def __repr__(self) -> str:
        return f"DirectService({self._server.url!r})"
