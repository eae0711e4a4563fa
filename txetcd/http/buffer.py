"""Whole responses of those that stream."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.errors import RequestCancelled, ResponseTooLarge, TxetcdError
from txetcd.http.exchange import beginning, tell_head
from txetcd.http.h1.limits import DEFAULT_MAX_BODY
from txetcd.http.message import Request, Response
from txetcd.http.stream import StreamedResponse
from txetcd.service import Filter, Service

__all__ = ["Buffer", "Reading"]


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
            tell_head(self._request.on_head, streamed.without_body())
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
