"""The making of one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from txetcd.clock import Clock, DelayedCall
from txetcd.errors import NotSent
from txetcd.http.connection import Connection
from txetcd.http.tls import explain

if TYPE_CHECKING:
    from txetcd.http.pool import Pool

__all__ = ["Attempt"]


class Attempt:
    """The making of one connection, in so much time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._timer: DelayedCall | None = None
        self._under_way: Deferred[Any] = succeed(None)
        self._is_over = False

    def begin(self, endpoint: Any, make: Any, clock: Clock, timeout: float) -> None:
        self._timeout = timeout
        self._timer = clock.callLater(timeout, self._expire)
        connections = _Connections(lambda: self._superfluous() if self._is_over else make())
        # An endpoint of a user's own may well raise.
        self._under_way = maybeDeferred(endpoint.connect, connections)
        self._under_way.addCallback(_ready).addCallbacks(self._made, self._failed)
        if self._is_over:
            # By what the endpoint has called.
            self._under_way.cancel()

    def _superfluous(self) -> Connection:
        """What an endpoint is given that goes on though it was told to stop."""
        connection = Connection(self._pool.server)
        connection.ready.addErrback(lambda _: connection)
        connection.abort()
        return connection

    def cancel(self) -> None:
        """Make it no more."""
        self._is_over = True
        self._stop_timer()
        self._under_way.cancel()

    def _made(self, connection: Connection) -> None:
        self._stop_timer()
        self._pool.made(self, connection)

    def _failed(self, failure: Failure) -> None:
        self._stop_timer()
        error: Any = failure.value
        if not isinstance(error, NotSent):
            error = NotSent(f"the request was not sent: {explain(error)}", error)
        self._pool.not_made(self, error)

    def _expire(self) -> None:
        self._pool.not_made(self, NotSent(f"no connection within {self._timeout:g} s"))

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


def _ready(connection: Connection) -> Deferred[Connection]:
    return connection.ready


class _Connections(Factory):
    """Makes protocols of a function, and says nothing in the log."""

    noisy = False

    def __init__(self, make: Any) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> Any:
        return self._make()
