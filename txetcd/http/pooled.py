"""The treq client that `txetcd.connect` uses: kept connections, nothing repeated."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any

from treq.client import HTTPClient
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from txetcd.clock import sleep
from txetcd.http.treq import DEFAULT_MAX_BODY, TreqService

__all__ = ["pooled_service"]

#: Connections that are kept when idle.  More may be open at a time.
KEPT = 32


def pooled_service(
    reactor: Any,
    url: str,
    *,
    connect_timeout: float,
    max_body: int = DEFAULT_MAX_BODY,
) -> TreqService:
    """A `TreqService` with a connection pool of its own, which its ``close`` empties.

    Args:
        reactor: Makes the connections.
        url: The server.
        connect_timeout: How long connecting may take, in seconds.
        max_body: The longest body that is read, in bytes.
    """
    pool = HTTPConnectionPool(reactor)
    # It would repeat a DELETE whose connection broke, among others.
    pool.retryAutomatically = False
    pool.maxPersistentPerHost = KEPT
    endpoint = _endpoint(reactor, url, connect_timeout)
    # Any: interfaces of zope.interface are not known to type checkers.
    agent: Any = Agent.usingEndpointFactory(reactor, _OneEndpoint(endpoint), pool)
    cookies: Any = _NoCookies()
    producer: Any = _BytesProducer
    client = HTTPClient(agent, cookies, producer)

    def free() -> Deferred[None]:
        # A connection that was given up goes within the next turns of the reactor.
        closed: Deferred[Any] = pool.closeCachedConnections()
        for _ in range(2):
            closed.addCallback(lambda _: sleep(reactor, 0))
        return closed

    return TreqService(client, url, max_body=max_body, on_close=free)


def _endpoint(reactor: Any, url: str, timeout: float) -> Any:
    """Where a URL says to connect to; with TLS and a verified name for ``https``."""
    uri = URI.fromBytes(url.encode("ascii"))
    endpoint = _address(reactor, uri.host.decode("ascii"), uri.port, timeout)
    if uri.scheme == b"http":
        return endpoint
    if not _has_tls():
        raise ValueError(f"{url!r} needs TLS: install txetcd[tls]")
    policy: Any = BrowserLikePolicyForHTTPS()
    return wrapClientTLS(policy.creatorForNetloc(uri.host, uri.port), endpoint)


def _address(reactor: Any, host: str, port: int, timeout: float) -> Any:
    # HostnameEndpoint would look an address up as well, in a thread, at each connection.
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, timeout)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, timeout)
    return HostnameEndpoint(reactor, host, port, timeout=timeout)


def _has_tls() -> bool:
    try:
        import twisted.internet.ssl  # noqa: F401  # it is there if pyOpenSSL is
    except ImportError:
        return False
    return True


@implementer(IAgentEndpointFactory)
class _OneEndpoint:
    """The endpoint of the one server there is.

    An `Agent` by itself makes another for each request, and encodes the host's name
    once more, although most requests use a connection that is kept.
    """

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: Any) -> Any:
        return self._endpoint


class _NoCookies(CookieJar):
    """A cookie jar that keeps nothing."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass


@implementer(IBodyProducer)
class _BytesProducer:
    """A body that is written at once.

    The producer that treq makes of bytes hands them to a cooperator, and they
    leave some turns of the reactor later.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass
