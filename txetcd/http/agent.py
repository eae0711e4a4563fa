"""The pool as Twisted's ``IAgent``, for treq and for all else that takes one."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived
from twisted.web.error import SchemeNotSupported
from twisted.web.http_headers import Headers as WebHeaders
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent
from zope.interface import implementer

from txetcd.errors import NetworkError, NotSent, ServiceClosed, UnexpectedResponse
from txetcd.http.agent_response import AgentRequest, AgentResponse
from txetcd.http.endpoint import endpoint_for
from txetcd.http.h1 import DEFAULT_LIMITS, Limits
from txetcd.http.pool import DEFAULT_CONNECT_TIMEOUT, Pool
from txetcd.http.pool_policy import DEFAULT_POOL_LIMITS, PoolLimits
from txetcd.http.produced import ProducedExchange
from txetcd.http.stream import StreamedExchange
from txetcd.http.tls import TLS
from txetcd.http.url import Server

__all__ = ["Agent"]

#: RFC 9110, section 5.6.2; RFC 9112, section 3.2.
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_URI = re.compile(rb"[\x21-\x7e]+")
_FORBIDDEN = re.compile(rb"[\x00\r\n]")

#: What has a body as a rule (RFC 9110, section 8.6).
_WITH_BODY = frozenset({b"PUT", b"POST", b"PATCH"})

#: Servers that are remembered before those without a connection are forgotten.
SERVERS_KEPT = 256


@implementer(IAgent)
class Agent:
    """An agent with a pool of connections for each server.

    It does what ``twisted.web.client.Agent`` does, and fails with the errors of that:
    what connecting failed with (a ``ConnectError``, a ``DNSLookupError``),
    ``ResponseNeverReceived``, ``RequestGenerationFailed``, ``SchemeNotSupported``; and a
    body ends with ``ResponseDone``, ``PotentialDataLoss`` or ``ResponseFailed``.  Their
    ``reasons`` hold the error of ours, which says more.  Cancelling fails with
    `RequestCancelled`, a ``CancelledError``, and closes the connection.

    It is stricter: what is no HTTP/1.1, is compressed unasked, or passes a limit, is
    refused.  And it repeats no request.  Bodies have no limit, since they are streamed:
    a body that is not read must be given up, by ``abortConnection`` on its transport.

    For treq::

        client = treq.client.HTTPClient(Agent(reactor))

    Args:
        reactor: Makes the connections and tells the time.
        tls: What servers are verified by, and what they are shown; None for the
            platform's authorities.
        connect_timeout: How long connecting may take, in seconds.
        limits: The limits of each server's pool.
        response_limits: The limits on the heads of responses.
        endpoint_for: Makes an endpoint of a `Server`, in place of TCP and TLS: for
            sockets in the file system, or proxies.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        reactor: Any,
        *,
        tls: TLS | None = None,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        limits: PoolLimits = DEFAULT_POOL_LIMITS,
        response_limits: Limits = DEFAULT_LIMITS,
        endpoint_for: Any = None,
    ) -> None:
        self._reactor = reactor
        self._tls = tls
        self._connect_timeout = connect_timeout
        self._limits = limits
        self._response_limits = response_limits
        self._endpoint_for = endpoint_for or self._endpoint
        self._pools: dict[bytes, Pool] = {}
        self._kept = SERVERS_KEPT
        self._is_closed = False

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: WebHeaders | None = None,
        bodyProducer: Any = None,
    ) -> Deferred[Any]:
        """Send a request.

        Args:
            method: Its method.
            uri: Its absolute URI, encoded.
            headers: Its header fields.  ``Content-Length`` and ``Transfer-Encoding`` are
                told from the body, and dropped here.
            bodyProducer: An ``IBodyProducer``, or None.

        Returns:
            A Deferred that fires with an ``IResponse`` when its head has come.

        Raises:
            ValueError: The method or the URI cannot be sent.
        """
        if not _TOKEN.fullmatch(method) or method == b"CONNECT":
            raise ValueError(f"Invalid method {method!r}")
        if not _URI.fullmatch(uri):
            raise ValueError(f"Invalid URI {uri!r}")
        if self._is_closed:
            return fail(ServiceClosed())
        origin, target = _split(uri)
        try:
            pool = self._pools.get(origin) or self._open(origin)
        except (SchemeNotSupported, ValueError):
            return fail()
        given = WebHeaders() if headers is None else headers
        wire, said = _head(method, target, pool.server, given, bodyProducer)
        accept_encoded = b"accept-encoding" in said
        exchange = _exchange(wire, method, pool.server.url, accept_encoded, bodyProducer)
        exchange.is_last = b"close" in said.get(b"connection", b"").lower()
        pool.submit(exchange)
        asked = AgentRequest(method, uri, given)
        return exchange.response.addCallbacks(AgentResponse, _in_twisted_words, (asked,))

    def close(self) -> Deferred[None]:
        """Close all connections; what is under way or comes later fails.

        Returns:
            A Deferred that fires with None when nothing is left in the reactor.
        """
        self._is_closed = True
        closing = [pool.close() for pool in self._pools.values()]
        return DeferredList(closing).addCallback(lambda _: None)

    def _open(self, origin: bytes) -> Pool:
        scheme = origin.partition(b":")[0].lower()
        if scheme not in (b"http", b"https"):
            raise SchemeNotSupported(f"Unsupported scheme: {scheme!r}")
        server = Server.of(origin.decode("ascii"))
        self._forget()
        pool = self._pools[origin] = Pool(
            self._endpoint_for(server),
            server,
            self._reactor,
            limits=self._limits,
            connect_timeout=self._connect_timeout,
            response_limits=self._response_limits,
        )
        return pool

    def _forget(self) -> None:
        """Forget pools that have nothing, now and then: a crawler meets many servers."""
        if len(self._pools) >= self._kept:
            kept: dict[bytes, Pool] = {}
            for origin, pool in self._pools.items():
                if pool.is_empty:
                    # It may have a delayed call.
                    pool.close()
                else:
                    kept[origin] = pool
            self._pools = kept
            self._kept = max(SERVERS_KEPT, 2 * len(self._pools))

    def _endpoint(self, server: Server) -> Any:
        tls = self._tls if server.tls else None
        return endpoint_for(self._reactor, server, tls, self._connect_timeout)

    def __repr__(self) -> str:
        return f"<Agent with {len(self._pools)} servers>"


def _split(uri: bytes) -> tuple[bytes, bytes]:
    """The origin of a URI, and the request target there (RFC 9112, section 3.2.1)."""
    uri = uri.partition(b"#")[0]
    host = uri.find(b"//") + 2
    path = uri.find(b"/", host)
    end = path if path >= 0 else len(uri)
    query = uri.find(b"?", host, end)
    end = query if query >= 0 else end
    target = uri[end:]
    return uri[:end], target if target.startswith(b"/") else b"/" + target


def _head(
    method: bytes, target: bytes, server: Server, headers: WebHeaders, producer: Any
) -> tuple[bytes, dict[bytes, bytes]]:
    """The bytes of a request's head, and the values in it by their names in lower case."""
    lines = [b"%b %b HTTP/1.1" % (method, target)]
    if not headers.hasHeader(b"host"):
        lines.append(b"Host: " + server.authority.encode("ascii"))
    said: dict[bytes, bytes] = {}
    for name, values in headers.getAllRawHeaders():
        lower = name.lower()
        if lower in (b"content-length", b"transfer-encoding"):
            continue
        said[lower] = b",".join(values)
        lines += [b"%b: %b" % (name, value) for value in values]
    if producer is not None and producer.length is UNKNOWN_LENGTH:
        lines.append(b"Transfer-Encoding: chunked")
    elif producer is not None or method in _WITH_BODY:
        lines.append(b"Content-Length: %d" % (producer.length if producer is not None else 0))
    if _FORBIDDEN.search(b"".join(lines)):
        raise ValueError("a header field holds NUL or a line end")
    return b"\r\n".join([*lines, b"", b""]), said


def _exchange(
    wire: bytes, method: bytes, url: str, accept_encoded: bool, producer: Any
) -> StreamedExchange:
    name = method.decode("ascii")
    if producer is None:
        return StreamedExchange(wire, name, url, accept_encoded)
    return ProducedExchange(wire, name, url, accept_encoded, producer)


def _in_twisted_words(failure: Failure) -> Failure:
    """What Twisted's own agent would fail with."""
    error = failure.value
    if isinstance(error, NotSent):
        if isinstance(error.cause, (ConnectError, DNSLookupError)):
            return Failure(error.cause)
        if error.cause is None:
            return Failure(ConnectTimeout(str(error)))
    if isinstance(error, (NetworkError, UnexpectedResponse)):
        return Failure(ResponseNeverReceived([failure]))
    return failure
