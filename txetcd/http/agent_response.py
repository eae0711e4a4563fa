"""A streamed response as Twisted's ``IResponse``."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IPushProducer, ITransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers as WebHeaders
from twisted.web.iweb import UNKNOWN_LENGTH, IClientRequest, IResponse
from zope.interface import implementer

from txetcd.errors import RequestCancelled, TxetcdError
from txetcd.http.body import Body
from txetcd.http.received_headers import ReceivedHeaders
from txetcd.http.stream import StreamedResponse

__all__ = ["AgentRequest", "AgentResponse"]

#: What is said of the connection, and not of the response: Twisted shows it to nobody, and
#: who passes a response on must not pass it on.
_OF_CONNECTION = frozenset(
    {
        b"content-length",
        b"connection",
        b"keep-alive",
        b"te",
        b"trailers",
        b"transfer-encoding",
        b"upgrade",
        b"proxy-connection",
    }
)
#: After HEAD, the length is that of another response (RFC 9110, section 8.6).
_AFTER_HEAD = _OF_CONNECTION - {b"content-length"}


@implementer(IClientRequest)
@attrs.frozen(repr=False)
class AgentRequest:
    """The request that a response answers.

    Attributes:
        method: Its method.
        absoluteURI: Its URI.
        headers: The header fields that were asked for.
    """

    method: bytes
    absoluteURI: bytes
    headers: WebHeaders

    def __repr__(self) -> str:
        return f"<AgentRequest {self.method!r} {self.absoluteURI!r}>"


@implementer(IResponse)
class AgentResponse:
    """A response of `Agent`: Twisted's ``IResponse`` in all it promises.

    Args:
        streamed: The response.
        request: What it answers.

    Attributes:
        streamed: The response.
    """

    __slots__ = (
        "code",
        "headers",
        "length",
        "phrase",
        "previousResponse",
        "request",
        "streamed",
        "version",
    )

    def __init__(self, streamed: StreamedResponse, request: AgentRequest) -> None:
        head = streamed.head
        self.streamed = streamed
        self.version = (b"HTTP", 1, head.minor_version)
        self.code = head.status
        self.phrase = head.reason
        without = _AFTER_HEAD if request.method == b"HEAD" else _OF_CONNECTION
        self.headers = ReceivedHeaders(head.fields, without, head.names)
        self.length: Any = _length(head.length, request.method)
        self.request = request
        self.previousResponse: Any = None

    def deliverBody(self, protocol: Any) -> None:
        """Have a protocol receive the body; it is told of the end by ``connectionLost``.

        Raises:
            RuntimeError: The body has a reader already.
        """
        body = self.streamed.body
        sink = _ProtocolSink(protocol)
        body.claim(sink)
        protocol.makeConnection(_BodyTransport(body))
        body.resume()

    def setPreviousResponse(self, previousResponse: Any) -> None:
        """Note the response before a redirect."""
        self.previousResponse = previousResponse

    def __repr__(self) -> str:
        return f"<AgentResponse {self.code}>"


def _length(length: int | None, method: bytes) -> Any:
    if method == b"HEAD":
        return 0
    return UNKNOWN_LENGTH if length is None else length


class _ProtocolSink:
    """Tells a protocol of a body, in Twisted's words."""

    __slots__ = ("_protocol", "received")

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.received = protocol.dataReceived

    def ended(self, error: TxetcdError | None) -> None:
        self._protocol.connectionLost(Failure(_reason(error)))


class _Aborted(ResponseFailed, CancelledError):
    """Its reader wanted no more of a body."""


def _reason(error: TxetcdError | None) -> Exception:
    if error is None:
        return ResponseDone("Response body fully received")
    cause = getattr(error, "cause", None)
    if isinstance(cause, PotentialDataLoss):
        return cause
    if isinstance(error, RequestCancelled):
        return _Aborted([Failure(error)])  # type: ignore[no-untyped-call]  # Twisted's
    return ResponseFailed([Failure(error)])


@implementer(IPushProducer, ITransport)
class _BodyTransport:
    """What a protocol that receives a body has for a transport."""

    __slots__ = ("_body",)
    disconnecting = False

    def __init__(self, body: Body) -> None:
        self._body = body

    def pauseProducing(self) -> None:
        self._body.pause()

    def resumeProducing(self) -> None:
        self._body.resume()

    def stopProducing(self) -> None:
        self._body.hang_up()

    loseConnection = stopProducing

    def abortConnection(self) -> None:
        # Twisted's ``readBody`` calls it when its Deferred is cancelled, and then is told of
        # the end either now or once too often.
        self._body.close()

    def write(self, data: bytes) -> None:
        raise TypeError("the body of a response cannot be written to")

    def writeSequence(self, data: Any) -> None:
        raise TypeError("the body of a response cannot be written to")

    def getPeer(self) -> Any:
        return None

    def getHost(self) -> Any:
        return None
