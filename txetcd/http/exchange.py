"""One request and its response, whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.http import PotentialDataLoss

from txetcd.errors import (
    BODY_SHOWN,
    ReplyLost,
    RequestCancelled,
    ResponseTooLarge,
    TxetcdError,
)
from txetcd.http.h1 import End, Head, asks_to_close
from txetcd.http.headers import Headers
from txetcd.http.message import READS, Request, Response

if TYPE_CHECKING:
    from txetcd.http.connection import Connection
    from txetcd.http.pool import Pool

__all__ = [
    "Exchange",
    "Waiter",
    "WholeExchange",
    "beginning",
    "headers_of",
    "tell_head",
    "uncertain",
]

_log = Logger()


class Waiter:
    """Who wants a connection of a pool.

    Attributes:
        pool: Where it waits for one; None if it does not.
        is_write: Whether what it will send may not be sent again.
    """

    __slots__ = ("is_write", "pool")

    def __init__(self, is_write: bool = True) -> None:
        self.pool: Pool | None = None
        self.is_write = is_write

    def connected(self, connection: Connection) -> None:
        """Have a connection."""
        raise NotImplementedError

    def failed(self, error: TxetcdError) -> None:
        """Have none, now or ever."""
        raise NotImplementedError


class Exchange(Waiter):
    """One request on its way, and whatever is told of its response.

    It may have to wait in a pool for a connection; then it is on that connection until
    it has ended.  It ends once, by `finished` or by `Waiter.failed`, or because who
    wants it gives it up with `give_up`.

    Args:
        wire: The bytes of the request.
        method: Its method.
        accept_encoded: Whether it asks for a ``Content-Encoding``.
        max_body: The longest body that is read, in bytes; as the connection's limits say
            if None.

    Attributes:
        connection: What carries it; None before and after that.
        is_last: Whether the request says that it is the last on its connection.
        is_sent: Whether all of the request has been written.
        takes_whole: Whether it may be told of a response at once, by `whole_received`.
    """

    __slots__ = (
        "accept_encoded",
        "connection",
        "is_last",
        "is_sent",
        "max_body",
        "method",
        "takes_whole",
        "wire",
    )

    def __init__(
        self,
        wire: bytes,
        method: str,
        accept_encoded: bool = False,
        max_body: int | None = None,
    ) -> None:
        self.wire = wire
        self.method = method
        self.accept_encoded = accept_encoded
        self.max_body = max_body
        self.is_last = False
        self.is_sent = self.takes_whole = True
        self.pool = None
        self.is_write = method not in READS
        self.connection: Connection | None = None

    def connected(self, connection: Connection) -> None:
        connection.begin(self)

    def give_up(self) -> bool:
        """Wait no longer, or close the connection.

        Returns:
            Whether the request may have been sent.
        """
        pool, self.pool = self.pool, None
        connection, self.connection = self.connection, None
        if pool is not None:
            pool.abandon(self)
            return False
        if connection is None:
            # Its response has come, and is about to be told.
            return True
        connection.abort()
        return connection.has_sent

    @property
    def ender(self) -> Callable[[], None] | None:
        """What ends our side of the connection; None if that cannot be."""
        connection = self.connection
        if connection is None or not self.is_sent or not connection.can_end_sending:
            return None
        return self.end_sending

    def end_sending(self) -> None:
        """Close the connection for what we send; the response is read on, and is the last."""
        if self.connection is not None:
            self.is_last = True
            self.connection.end_sending()

    def whole_received(self, head: Head, body: bytes, end: End) -> None:
        """All of the response has come at once; the connection is free already."""
        raise NotImplementedError

    def head_received(self, head: Head) -> None:
        """The head has come."""
        raise NotImplementedError

    def body_received(self, data: bytes) -> None:
        """A piece of the body has come."""
        raise NotImplementedError

    def finished(self, end: End) -> None:
        """The response has ended; the connection is free already."""
        raise NotImplementedError


class WholeExchange(Exchange):
    """One whose response is kept until it is whole.

    Args:
        request: The request.
        wire: Its bytes.
        url: The server, for messages.

    Attributes:
        response: The Deferred of the `Response`.
    """

    __slots__ = ("_head", "_pieces", "_request", "_url", "response")

    def __init__(self, request: Request, wire: bytes, url: str) -> None:
        super().__init__(wire, request.method)
        self.is_last = bool(request.headers) and asks_to_close(request.headers)
        # Who wants to know of the head may cancel the request then.
        self.takes_whole = request.on_head is None
        self._request = request
        self._url = url
        self._head: Head | None = None
        self._pieces: list[bytes] = []
        self.response: Deferred[Response] = Deferred(self._cancelled)

    def whole_received(self, head: Head, body: bytes, end: End) -> None:
        # Whoever was given the connection may have cancelled this.
        if not self.response.called:
            self.response.callback(self._response(head, body))

    def head_received(self, head: Head) -> None:
        self._head = head
        told = self._request.on_head
        if told is not None:
            fields = headers_of(head)
            tell_head(told, Response(head.status, fields, b"", self._url, self.ender))

    def body_received(self, data: bytes) -> None:
        self._pieces.append(data)

    def finished(self, end: End) -> None:
        head = self._head
        assert head is not None
        if self.response.called:
            return
        if not end.certain:
            self.failed(uncertain())
            return
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.response.callback(self._response(head, body))

    def failed(self, error: TxetcdError) -> None:
        if self.response.called:
            return
        if self._pieces and isinstance(error, ResponseTooLarge):
            # The parser has the last piece alone, and the beginning tells more.
            shown = beginning([*self._pieces, error.body])
            error = ResponseTooLarge(error.status, shown, error.reason)
        error.locate(endpoint=self._url)
        self.response.errback(error)

    def _response(self, head: Head, body: bytes) -> Response:
        return Response(head.status, headers_of(head), body, self._url)

    def _cancelled(self, _: Deferred[Response]) -> None:
        self.failed(RequestCancelled(sent=self.give_up()))


def beginning(pieces: list[bytes]) -> bytes:
    """As much of the first pieces as an error shows."""
    shown = b""
    for piece in pieces:
        shown += piece[:BODY_SHOWN]
        if len(shown) >= BODY_SHOWN:
            break
    return shown


def uncertain() -> ReplyLost:
    """The error of a body that ended with the connection, and may have been cut short."""
    return ReplyLost("nothing tells whether the body of the reply was whole", PotentialDataLoss())


def tell_head(told: Callable[[Response], None], head: Response) -> None:
    """Tell of a head; what is told is free to raise."""
    try:
        told(head)
    except Exception:
        _log.failure("on_head raised; the response is read on")


def headers_of(head: Head) -> Headers:
    """The header fields of a head, as text."""
    return Headers._from_wire(head.fields, head.names)
