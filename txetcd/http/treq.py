"""HTTP over treq: the transport at the bottom of the default stack.

`TreqService` asks of treq only what a protocol client needs: one request, one
reply.  It follows no redirects, sends no cookies, never asks for compression and
refuses a compressed reply, reads no more of a body than it was allowed, and tells
a request that never left from one whose reply was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperlink import EncodedURL
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    DNSLookupError,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import GzipDecoder, ResponseDone
from twisted.web.error import SchemeNotSupported
from twisted.web.http_headers import Headers as WebHeaders

from txetcd.errors import (
    NotSent,
    ReplyLost,
    RequestCancelled,
    ResponseTooLarge,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.http.agent_response import AgentResponse
from txetcd.http.exchange import tell_head
from txetcd.http.h1.limits import DEFAULT_MAX_BODY
from txetcd.http.headers import Headers
from txetcd.http.message import Request, Response
from txetcd.http.stream import Reading, StreamedResponse
from txetcd.http.url import parse_url
from txetcd.inflight import InFlight
from txetcd.service import Service, Status

__all__ = ["TreqService"]

#: What Twisted raises only when no byte was written.
_NOT_WRITTEN = (ConnectError, DNSLookupError, SchemeNotSupported)


class TreqService(Service[Request, Response]):
    """A service that sends each request to one server, with treq.

    Its Deferred fires with the whole `Response`, of whatever status.  It fails
    with `NotSent` where no byte was written, `ReplyLost` where the request was
    written and no whole reply came back, `ResponseTooLarge` and
    `UnexpectedResponse` where the reply is not to be trusted, and `ServiceClosed`
    once the service was closed.  Cancelling closes the connection of a request
    under way; the Deferred then fails with `RequestCancelled` (a
    `CancelledError`), which tells whether the request had been written.

    Args:
        client: A `treq.client.HTTPClient`, or anything with its ``request``
            method, such as `treq.testing.StubTreq`.
        url: The server: scheme, host, port, and a path where the server is not at
            the root.
        max_body: The longest body that is read, in bytes.
        on_close: Called by `close` when no request is left, to free the
            client's connections; may return a Deferred.

    Raises:
        ValueError: The URL has no scheme or host, or carries what it may not.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        client: HTTPClient,
        url: str,
        *,
        max_body: int = DEFAULT_MAX_BODY,
        on_close: Callable[[], Deferred[None] | None] | None = None,
    ) -> None:
        self._client = client
        self._url = parse_url(url)
        self._max_body = max_body
        self._on_close = on_close
        self._in_flight: InFlight[Response] = InFlight()

    def apply(self, request: Request) -> Deferred[Response]:
        return self._in_flight.add(lambda: self._exchange(request).begin(self._client))

    def _exchange(self, request: Request) -> _Exchange:
        return _Exchange(request, self._url, self._max_body)

    def close(self) -> Deferred[None]:
        """End the requests under way (`ServiceClosed`), then free the connections."""
        return self._in_flight.close().addCallback(lambda _: self._free())

    def _free(self) -> Deferred[None]:
        free, self._on_close = self._on_close, None
        done = free() if free is not None else None
        return done if done is not None else succeed(None)

    @property
    def status(self) -> Status:
        return Status.CLOSED if self._in_flight.closed else Status.OPEN

    def __repr__(self) -> str:
        return f"TreqService({self._url!r})"


_NO_HEAD = Response(0)


class _Exchange:
    """One request and its reply.

    It is no coroutine, since one cannot be cancelled while it runs, and whoever is
    told of the head may cancel the request, or close the service, right then.
    """

    __slots__ = (
        "_cancelled",
        "_head",
        "_max_body",
        "_request",
        "_response",
        "_under_way",
        "_url",
    )

    def __init__(self, request: Request, url: str, max_body: int) -> None:
        self._request = request
        self._url = url
        self._max_body = max_body
        self._response: Deferred[Response] = Deferred(self._cancel)
        self._under_way: Deferred[Any] = Deferred()
        self._head = _NO_HEAD
        self._cancelled = False

    def begin(self, client: HTTPClient) -> Deferred[Response]:
        """Send the request; the Deferred is that of the whole response."""
        try:
            self._under_way = self._send(client)
        except Exception as error:
            # Whatever treq and its agents raise at once, they raise before they write.
            self._fail(error, _not_sent(error))
        else:
            self._under_way.addCallbacks(self._received, self._failed)
        return self._response

    def _send(self, client: HTTPClient) -> Deferred[Any]:
        request = self._request
        return client.request(
            request.method,
            _Encoded(self._url + request.target),
            headers=_wire_headers(request.headers),
            data=_Payload(request.body) if request.body or request.is_write else None,
            allow_redirects=False,
            unbuffered=True,
        )

    def _received(self, reply: Any) -> None:
        streamed = _streamed(reply)
        if streamed is None:
            self._foreign(reply)
            return
        # Our own agent has checked its response, and has it whole as a rule: taking it as
        # it is saves 20 µs of the 60 that treq and this service cost.
        whole = None
        if self._request.on_head is None and not self._cancelled:
            whole = streamed.body.take()
        if whole is not None:
            self._take(streamed.with_body(whole))
            return
        reading = Reading(self._request, self._max_body)
        self._under_way = reading.response
        reading.response.addCallbacks(self._response.callback, self._failed)
        reading.read(streamed)

    def _take(self, response: Response) -> None:
        if len(response.body) <= self._max_body:
            self._response.callback(response)
        else:
            error = _too_large(response, self._max_body, response.body)
            self._fail(error, error)

    def _foreign(self, reply: Any) -> None:
        """Read the reply of an agent that is not ours."""
        try:
            reading = self._read(reply)
        except Exception:
            self._failed(Failure())
        else:
            self._under_way = reading.addCallbacks(self._succeed, self._failed)

    def _read(self, reply: Any) -> Deferred[bytes]:
        self._head = Response(reply.code, _headers(reply), endpoint=self._url)
        if self._request.on_head is not None:
            tell_head(self._request.on_head, self._head)
        if self._cancelled:
            _abandon(reply)
            raise CancelledError
        return self._read_body(reply, _wrong_head(self._head, reply))

    def _read_body(self, reply: Any, wrong: str) -> Deferred[bytes]:
        if wrong:
            _abandon(reply)
            raise UnexpectedResponse(self._head.status, reason=wrong)
        if isinstance(reply.length, int) and reply.length > self._max_body:
            _abandon(reply)
            raise _too_large(self._head, self._max_body)
        body = _Body(self._max_body, self._head)
        reply.deliverBody(body)
        if self._cancelled:
            body.stop()
        return body.finished

    def _succeed(self, body: bytes) -> None:
        head = self._head
        if self._response.called:
            return
        self._response.callback(Response(head.status, head.headers, body, self._url))

    def _failed(self, failure: Failure) -> None:
        error: Any = failure.value
        translated = _translate(error)
        if self._cancelled:
            # Twisted has other words for it: a cancelled look-up of a name "failed".
            translated = RequestCancelled(translated.possibly_applied)
        self._fail(error, translated)

    def _fail(self, error: Exception, translated: TxetcdError) -> None:
        if self._response.called:
            return
        translated.locate(endpoint=self._url)
        if translated is not error:
            translated.__cause__ = error
        self._response.errback(translated)

    def _cancel(self, response: Deferred[Response]) -> None:
        self._cancelled = True
        self._under_way.cancel()
        # That fires nothing while the head is being told; then _read sees to the rest.
        error = RequestCancelled(sent=True)
        self._fail(error, error)


def _translate(error: Any) -> TxetcdError:
    """The typed error for whatever came out of treq and Twisted."""
    if isinstance(error, TxetcdError):
        return error
    if isinstance(error, CancelledError):
        return RequestCancelled(sent=True)
    if isinstance(error, ConnectingCancelledError):
        return RequestCancelled(sent=False)
    # RequestNotSent has no public name in Twisted.
    if isinstance(error, _NOT_WRITTEN) or type(error).__name__ == "RequestNotSent":
        return _not_sent(error)
    return _from_reasons(error)


def _from_reasons(error: Any) -> TxetcdError:
    """The typed error for one that holds others."""
    failures = [each for each in getattr(error, "reasons", ()) if isinstance(each, Failure)]
    reasons = [each.value for each in failures if each.value is not None]
    for reason in reasons:
        if isinstance(reason, TxetcdError):
            # Our own agent knows better than the words that it has to use.
            return reason
    if any(isinstance(reason, CancelledError) for reason in reasons):
        return RequestCancelled(sent=True)
    words = "; ".join(map(_words, reasons)) or _words(error)
    return ReplyLost(f"the request was sent and its reply was lost: {words}", error)


def _not_sent(error: Exception) -> TxetcdError:
    if isinstance(error, TxetcdError):
        return error
    return NotSent(f"the request was not sent: {_words(error)}", error)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _streamed(reply: Any) -> StreamedResponse | None:
    """The response that treq has wrapped, if it is one of our own agent's."""
    original = getattr(reply, "original", None)
    return original.streamed if type(original) is AgentResponse else None


def _headers(reply: Any) -> Headers:
    return Headers._received(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in reply.headers.getAllRawHeaders()
        for value in values
        if value or name.lower() != b"content-encoding"  # Twisted's decoder adds an empty one
    )


def _abandon(reply: Any) -> None:
    """Close the connection of a reply, and read no more of it."""
    # Below any decoder, which would inflate what has come of the body already.
    while getattr(reply, "original", None) is not None:
        reply = reply.original
    body = _Body(0, Response(0))
    body.finished.addErrback(lambda _: None)
    reply.deliverBody(body)
    body.stop()


def _wrong_head(head: Response, reply: Any) -> str:
    """What Twisted lets pass and a client must not; empty if nothing."""
    if tuple(reply.version) not in ((b"HTTP", 1, 0), (b"HTTP", 1, 1)):
        return f"the version {reply.version!r} is not HTTP/1.0 or 1.1"
    if not 100 <= head.status <= 599:
        return "there is no such status"
    if any("\0" in name or "\0" in value for name, value in head.headers):
        return "a header field holds NUL"
    if "Content-Encoding" in head.headers or _decodes(reply):
        # Inflating is how 200 KB become 200 MB; etcd never compresses.
        return "the body is compressed, unasked"
    return ""


def _decodes(reply: Any) -> bool:
    """Whether treq has put a decoder around the reply, and hidden the header."""
    while reply is not None:
        if isinstance(reply, GzipDecoder):
            return True
        reply = getattr(reply, "original", None)
    return False


class _Encoded(EncodedURL):
    """A URL that is nothing but its text, which treq takes for encoded already.

    treq would take it apart and encode its host once more, for 150 µs; and it would
    stumble over an IPv6 address, which is not a name that can be encoded.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def to_uri(self) -> _Encoded:
        return self

    def to_text(self, with_password: bool = False) -> str:
        return self._text


class _Payload(bytes):
    """A body that is true even when it is empty.

    treq leaves an empty body out, and Twisted's pool repeats a DELETE without a
    body by itself when a kept connection breaks: a write repeated behind the
    caller's back.
    """

    def __bool__(self) -> bool:
        return True


class _WireHeaders(WebHeaders):
    """Header fields to which treq's own agents can add none.

    They would add ``Accept-Encoding``, and ``Cookie`` where there is none.
    """

    def addRawHeader(self, name: Any, value: Any) -> None:
        if name.lower() != b"accept-encoding":
            super().addRawHeader(name, value)

    def hasHeader(self, name: Any) -> bool:
        return name.lower() == b"cookie" or super().hasHeader(name)


def _wire_headers(headers: Headers) -> WebHeaders:
    if not headers:
        # treq changes none that it is given.
        return _NO_HEADERS
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name.lower().encode("ascii"), []).append(value.encode("latin-1"))
    return _WireHeaders(fields)


def _too_large(head: Response, limit: int, shown: bytes = b"") -> ResponseTooLarge:
    return ResponseTooLarge(head.status, shown, f"the body is longer than {limit} bytes")


_NO_HEADERS = _WireHeaders()
_DONE = Failure(ResponseDone())


class _Body(Protocol):
    """Reads a body, and no more of it than allowed."""

    def __init__(self, limit: int, head: Response) -> None:
        self.finished: Deferred[bytes] = Deferred(lambda _: self.stop())
        self._limit = limit
        self._head = head
        self._pieces: list[bytes] = []
        self._length = 0

    def dataReceived(self, data: bytes) -> None:
        self._length += len(data)
        if self._length <= self._limit:
            self._pieces.append(data)
            return
        if not self.finished.called:
            shown = b"".join(self._pieces) + data
            self.finished.errback(_too_large(self._head, self._limit, shown))
        self.stop()

    def connectionLost(self, reason: Failure = _DONE) -> None:
        if self.finished.called:
            return
        if reason.check(ResponseDone):
            self.finished.callback(b"".join(self._pieces))
        else:
            # PotentialDataLoss too: a body that ends with the connection may
            # have been cut short, and nothing tells.
            self.finished.errback(reason)

    def stop(self) -> None:
        """Close the connection, unless the body has ended."""
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()
