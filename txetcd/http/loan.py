"""A connection of a pool, for a user of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed

from txetcd.errors import RequestCancelled, ServiceClosed, TxetcdError
from txetcd.http.connection import Connection
from txetcd.http.exchange import Waiter
from txetcd.http.message import Request, Response
from txetcd.service import Service, Status

if TYPE_CHECKING:
    from txetcd.http.pool import Pool

__all__ = ["Loan", "Lent"]


class Loan(Waiter):
    """Waits for a connection that it keeps until it is closed."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._lender = pool
        self.service: Deferred[Service[Request, Response]] = Deferred(self._cancelled)

    def connected(self, connection: Connection) -> None:
        self._lender.lend(connection)
        self.service.callback(Lent(self._lender, connection))

    def failed(self, error: TxetcdError) -> None:
        error.locate(endpoint=self._lender.server.url)
        self.service.errback(error)

    def _cancelled(self, _: object) -> None:
        self._lender.abandon(self)
        self.failed(RequestCancelled(sent=False))


class Lent(Service[Request, Response]):
    """A connection of a pool, until it is closed."""

    def __init__(self, pool: Pool, connection: Connection) -> None:
        self._pool = pool
        self._connection: Connection | None = connection

    def apply(self, request: Request) -> Deferred[Response]:
        if self._connection is None:
            raise ServiceClosed
        return self._connection(request)

    def close(self) -> Deferred[None]:
        """Give the connection back; a request under way fails with `ServiceClosed`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection)
        return succeed(None)

    @property
    def status(self) -> Status:
        return Status.CLOSED if self._connection is None else self._connection.status

    def __repr__(self) -> str:
        return f"<Lent {self._connection!r}>"
