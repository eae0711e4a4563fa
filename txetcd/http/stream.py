"""Responses whose bodies are read piece by piece."""

from __future__ import annotations

import sys

from twisted.internet.defer import Deferred

from txetcd.errors import RequestCancelled, TxetcdError
from txetcd.http.body import Body
from txetcd.http.exchange import Exchange, headers_of, uncertain
from txetcd.http.h1 import End, Head, asks_to_close, encode
from txetcd.http.headers import Headers
from txetcd.http.message import Request, Response
from txetcd.http.pool import Pool
from txetcd.service import Service, Status

__all__ = ["StreamedExchange", "StreamedResponse", "StreamingService"]


class StreamedResponse:
    """A response whose head has come, and whose body comes.

    Attributes:
        head: The head, as it came.
        status: The status code.
        headers: The header fields.
        length: The length of the body in bytes, as the head tells it (after ``HEAD`` that of
            the body there would have been); None if it is not known beforehand.
        body: The `Body`.
        endpoint: The URL of the server that gave it, for messages.

    .. versionadded:: 0.1
    """

    __slots__ = ("_headers", "body", "endpoint", "head")

    def __init__(self, head: Head, body: Body, endpoint: str) -> None:
        self.head = head
        self.body = body
        self.endpoint = endpoint
        self._headers: Headers | None = None

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def length(self) -> int | None:
        return self.head.length

    @property
    def headers(self) -> Headers:
        if self._headers is None:
            self._headers = headers_of(self.head)
        return self._headers

    def with_body(self, body: bytes) -> Response:
        """The same as a whole response."""
        return Response(self.status, self.headers, body, self.endpoint)

    def without_body(self) -> Response:
        """Its head, as `Request.on_head` is told it."""
        return Response(self.status, self.headers, b"", self.endpoint, self.body.ender)

    def __repr__(self) -> str:
        return f"<StreamedResponse {self.status} {self.headers!r}, {self.body!r}>"


class StreamedExchange(Exchange):
    """One whose response is given when its head has come.

    Args:
        wire: The bytes of the request.
        method: Its method.
        url: The server, for messages.
        accept_encoded: Whether it asks for a ``Content-Encoding``.

    Attributes:
        response: The Deferred of the `StreamedResponse`.
    """

    __slots__ = ("_body", "_url", "response")

    def __init__(self, wire: bytes, method: str, url: str, accept_encoded: bool = False) -> None:
        super().__init__(wire, method, accept_encoded, max_body=sys.maxsize)
        self._url = url
        self._body = Body(self)
        self.response: Deferred[StreamedResponse] = Deferred(self._cancelled)

    def whole_received(self, head: Head, body: bytes, end: End) -> None:
        if body:
            self._body.receive(body)
        self._body.end()
        self.head_received(head)

    def head_received(self, head: Head) -> None:
        # Whoever was given the connection may have cancelled this.
        if not self.response.called:
            self.response.callback(StreamedResponse(head, self._body, self._url))

    def body_received(self, data: bytes) -> None:
        self._body.receive(data)

    def finished(self, end: End) -> None:
        if end.certain:
            self._body.end()
        else:
            self.failed(uncertain())

    def failed(self, error: TxetcdError) -> None:
        error.locate(endpoint=self._url)
        if self.response.called:
            self._body.fail(error)
        else:
            self.response.errback(error)

    def pause(self) -> None:
        """Read no more of the socket."""
        if self.connection is not None:
            self.connection.pause()

    def resume(self) -> None:
        """Read it again."""
        if self.connection is not None:
            self.connection.resume()

    def _cancelled(self, _: Deferred[StreamedResponse]) -> None:
        self.failed(RequestCancelled(sent=self.give_up()))


class StreamingService(Service[Request, StreamedResponse]):
    """A service that sends each request on a connection of a pool, and streams the reply.

    Its Deferred fires with a `StreamedResponse` when the head has come, and fails as that
    of `DirectService` does.  There is no limit on the body.

    Args:
        pool: The connections; closing this closes it.

    .. versionadded:: 0.1
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._server = pool.server

    def apply(self, request: Request) -> Deferred[StreamedResponse]:
        server = self._server
        wire = encode(request, server.authority, server.base)
        accept_encoded = "Accept-Encoding" in request.headers
        exchange = StreamedExchange(wire, request.method, server.url, accept_encoded)
        exchange.is_last = asks_to_close(request.headers)
        # Who wants to know of the head may cancel the request then.
        exchange.takes_whole = request.on_head is None
        self._pool.submit(exchange)
        return exchange.response

    def close(self) -> Deferred[None]:
        """End what is under way (`ServiceClosed`), and close the connections."""
        return self._pool.close()

    @property
    def status(self) -> Status:
        return self._pool.status

    def __repr__(self) -> str:
        return f"StreamingService({self._server.url!r})"
