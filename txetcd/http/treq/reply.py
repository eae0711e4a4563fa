"""What is read of the reply of an agent."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import GzipDecoder, ResponseDone

from txetcd.errors import ResponseTooLarge
from txetcd.http.agent_response import AgentResponse
from txetcd.http.headers import Headers
from txetcd.http.message import Response
from txetcd.http.stream import StreamedResponse

__all__ = ["BodyReader", "abandon", "fields_of", "streamed_of", "too_large", "wrong_head"]


def streamed_of(reply: Any) -> StreamedResponse | None:
    """The response that treq has wrapped, if it is one of our own agent's."""
    original = getattr(reply, "original", None)
    return original.streamed if type(original) is AgentResponse else None


def fields_of(reply: Any) -> Headers:
    """The header fields of a reply."""
    return Headers._received(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in reply.headers.getAllRawHeaders()
        for value in values
        if value or name.lower() != b"content-encoding"  # Twisted's decoder adds an empty one
    )


def abandon(reply: Any) -> None:
    """Close the connection of a reply, and read no more of it."""
    # Below any decoder, which would inflate what has come of the body already.
    while getattr(reply, "original", None) is not None:
        reply = reply.original
    body = BodyReader(0, Response(0))
    body.finished.addErrback(lambda _: None)
    reply.deliverBody(body)
    body.stop()


def wrong_head(head: Response, reply: Any) -> str:
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


def too_large(head: Response, limit: int, shown: bytes = b"") -> ResponseTooLarge:
    """The error of a body beyond a limit."""
    return ResponseTooLarge(head.status, shown, f"the body is longer than {limit} bytes")


_DONE = Failure(ResponseDone())


class BodyReader(Protocol):
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
            self.finished.errback(too_large(self._head, self._limit, shown))
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
