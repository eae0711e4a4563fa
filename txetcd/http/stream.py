"""Responses whose bodies are read piece by piece."""

from __future__ import annotations

import sys
from collections import deque
from typing import Protocol as Interface

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.errors import RequestCancelled, ResponseTooLarge, TxetcdError
from txetcd.http.exchange import Exchange, beginning, headers_of, tell_head, uncertain
from txetcd.http.h1 import End, Head, encode
from txetcd.http.h1.limits import DEFAULT_MAX_BODY
from txetcd.http.headers import Headers
from txetcd.http.message import Request, Response
from txetcd.http.pool import Pool
from txetcd.service import Filter, Service, Status

__all__ = [
    "HIGH_WATER",
    "Body",
    "Buffer",
    "Reading",
    "Sink",
    "StreamedExchange",
    "StreamedResponse",
    "StreamingService",
]

_log = Logger()

#: How many bytes of a body may wait for their reader before the socket is read no more.
HIGH_WATER = 64 * 1024


#: The pieces of a body of which none waits; an empty deque of its own takes 0.7 KB.
_NONE: deque[bytes] = deque()


class Sink(Interface):
    """Who is told of a body as it comes."""

    def received(self, data: bytes) -> None:
        """The next piece."""

    def ended(self, error: TxetcdError | None) -> None:
        """It is whole, or something is wrong with it; told once."""


class Body:
    """The body of a response, piece by piece.

    It is read once, by one reader: with `read`, with ``async for``, or by a sink that
    `deliver` names.  No more than `HIGH_WATER` bytes, and what one read of the socket
    brings, are kept for a reader that is slow: then the socket is read no more.

    A body that is not wanted must be closed, or its connection stays taken.

    .. versionadded:: 0.1
    """

    __slots__ = (
        "_claimed",
        "_ended",
        "_error",
        "_exchange",
        "_flushing",
        "_pieces",
        "_reading",
        "_sink",
        "_size",
        "_stopped",
    )

    def __init__(self, exchange: StreamedExchange) -> None:
        self._exchange = exchange
        self._pieces = _NONE
        self._size = 0
        self._ended = False
        self._error: TxetcdError | None = None
        # By a sink, or by who has taken it whole.
        self._claimed = False
        self._sink: Sink | None = None
        self._reading: Deferred[bytes] | None = None
        self._stopped = False
        self._flushing = False

    # --- for its reader -----------------------------------------------------------

    def read(self) -> Deferred[bytes]:
        """The next piece.

        Returns:
            A Deferred that fires with some bytes, or with none at the end; it fails with
            `ReplyLost`, `MalformedResponse` or `ResponseTooLarge` where the body is not
            what was announced.  Cancelling it closes the connection.

        Raises:
            RuntimeError: The last piece that was asked for has not come yet, or the
                body has another reader.
        """
        if self._reading is not None or self._claimed:
            raise RuntimeError("the body is being read already")
        if self._pieces:
            return succeed(self._next())
        if self._error is not None:
            return fail(self._error)
        if self._ended:
            return succeed(b"")
        self._reading = Deferred(self._cancelled)
        return self._reading

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        piece = await self.read()
        if not piece:
            raise StopAsyncIteration
        return piece

    def deliver(self, sink: Sink) -> None:
        """Have a sink told of all that comes, from now on.

        Raises:
            RuntimeError: The body has a reader already.
        """
        self.claim(sink)
        self.resume()

    def claim(self, sink: Sink) -> None:
        """Have a sink told of all that comes, from the next `resume` on; as `deliver`."""
        if self._reading is not None or self._claimed:
            raise RuntimeError("the body is being read already")
        self._claimed = self._stopped = True
        self._sink = sink

    def take(self) -> bytes | None:
        """The whole body, if it has come and nobody reads it; else None."""
        if not self._ended or self._error is not None or self._claimed:
            return None
        self._claimed = True
        pieces, self._pieces, self._size = self._pieces, _NONE, 0
        return pieces.popleft() if len(pieces) == 1 else b"".join(pieces)

    def pause(self) -> None:
        """Tell the sink nothing more, and read no more of the socket, until `resume`."""
        self._stopped = True
        self._exchange.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._stopped = False
        if self._sink is not None:
            self._flush()
        elif self._size < HIGH_WATER:
            self._exchange.resume()

    def close(self) -> None:
        """Want no more: unless the body has ended, its connection is closed."""
        self._drop()
        if self._ended:
            self._flush()
        else:
            self._exchange.failed(RequestCancelled(self._exchange.give_up()))

    def hang_up(self) -> None:
        """Have the connection closed; its reader is told when that is done.

        What the reader has not been told by then it is not told any more.
        """
        self._drop()
        if self._ended:
            self._flush()
        elif self._exchange.connection is not None:
            self._exchange.connection.hang_up()

    def _drop(self) -> None:
        """Forget what has not been read; and tell even a sink that was paused of the end."""
        if self._ended and self._pieces and self._error is None:
            self._error = RequestCancelled()
        self._pieces.clear()
        self._size = 0
        self._stopped = False

    def __repr__(self) -> str:
        state = "ended" if self._ended else "under way"
        return f"<Body {state}, {self._size} bytes wait>"

    # --- for whoever receives it ------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take a piece that has come."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.callback(data)
            return
        if self._pieces is _NONE:
            self._pieces = deque()
        self._pieces.append(data)
        self._size += len(data)
        self._flush()
        if self._size >= HIGH_WATER:
            self._exchange.pause()

    def end(self) -> None:
        """It is whole."""
        self._ended = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.callback(b"")
        self._flush()

    def fail(self, error: TxetcdError) -> None:
        """It will not be whole."""
        self._error = error
        self._ended = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.errback(error)
        self._flush()

    def _next(self) -> bytes:
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._size < HIGH_WATER:
            self._exchange.resume()
        return piece

    def _flush(self) -> None:
        """Tell the sink what it has not been told, one thing after the other."""
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._sink is not None and not self._stopped:
                if self._pieces:
                    piece = self._pieces.popleft()
                    self._size -= len(piece)
                    self._sink.received(piece)
                elif self._ended:
                    self._tell_end(self._sink)
                else:
                    self._exchange.resume()
                    # Some transports bring more at once.
                    if not self._pieces and not self._ended:
                        return
        finally:
            self._flushing = False

    def _tell_end(self, sink: Sink) -> None:
        self._sink, self._stopped = None, True
        try:
            sink.ended(self._error)
        except Exception:
            # The connection may have gone to another request already.
            _log.failure("{sink!r} raised at the end of a body", sink=sink)

    def _cancelled(self, _: Deferred[bytes]) -> None:
        self.close()


class StreamedResponse:
    """A response whose head has come, and whose body comes.

    Attributes:
        head: The head, as it came.
        status: The status code.
        headers: The header fields.
        length: The length of the body in bytes; None if it is not known beforehand.
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


class Buffer(Filter[Request, Response, Request, StreamedResponse]):
    """Reads a response to its end: a service of whole responses over one of streams.

    Where it belongs: directly above the service that streams, so that a timeout above
    it counts the body too.

    Args:
        max_body: The longest body that is read, in bytes; one that is longer fails with
            `ResponseTooLarge`.

    .. versionadded:: 0.1
    """

    def __init__(self, max_body: int = DEFAULT_MAX_BODY) -> None:
        self._max_body = max_body

    def apply(
        self, request: Request, service: Service[Request, StreamedResponse]
    ) -> Deferred[Response]:
        reading = Reading(request, self._max_body)
        reading.begin(service(request))
        return reading.response

    def __repr__(self) -> str:
        return f"Buffer({self._max_body})"


class Reading:
    """The reading of one response to its end.

    Args:
        request: What it answers.
        max_body: The longest body that is read, in bytes.

    Attributes:
        response: The Deferred of the whole `Response`.

    It is no coroutine, since one cannot be cancelled while it runs, and whoever is told
    of the head may cancel the request, or close the service, right then.
    """

    __slots__ = (
        "_asked",
        "_max_body",
        "_over",
        "_pieces",
        "_request",
        "_size",
        "_streamed",
        "response",
    )

    def __init__(self, request: Request, max_body: int) -> None:
        self.response: Deferred[Response] = Deferred(self._cancelled)
        self._request = request
        self._max_body = max_body
        self._streamed: StreamedResponse | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._over = False
        self._asked: Deferred[StreamedResponse] | None = None

    def begin(self, asked: Deferred[StreamedResponse]) -> None:
        """Wait for the head."""
        self._asked = asked
        asked.addCallbacks(self.read, self._failed)

    def read(self, streamed: StreamedResponse) -> None:
        """Tell of the head, and read the body."""
        self._streamed = streamed
        if self._request.on_head is not None:
            tell_head(self._request.on_head, streamed.with_body(b""))
            if self._over:
                return
        length = 0 if self._request.method == "HEAD" else streamed.length or 0
        if length > self._max_body:
            self._refuse(streamed)
        else:
            streamed.body.deliver(self)

    def received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > self._max_body and self._streamed is not None:
            self._refuse(self._streamed)

    def ended(self, error: TxetcdError | None) -> None:
        if self._over:
            return
        self._over = True
        if error is not None:
            self.response.errback(error)
        elif self._streamed is not None:
            self.response.callback(self._streamed.with_body(b"".join(self._pieces)))

    def _refuse(self, streamed: StreamedResponse) -> None:
        reason = f"the body is longer than {self._max_body} bytes"
        error = ResponseTooLarge(streamed.status, beginning(self._pieces), reason)
        error.locate(endpoint=streamed.endpoint)
        self._end(streamed, error)

    def _end(self, streamed: StreamedResponse, error: TxetcdError) -> None:
        """Read no more."""
        self._over = True
        streamed.body.close()
        self.response.errback(error)

    def _failed(self, failure: Failure) -> None:
        self._over = True
        self.response.errback(failure)

    def _cancelled(self, _: Deferred[Response]) -> None:
        streamed = self._streamed
        if streamed is None:
            if self._asked is not None:
                self._asked.cancel()
            return
        error = RequestCancelled(sent=True)
        error.locate(endpoint=streamed.endpoint)
        self._end(streamed, error)
