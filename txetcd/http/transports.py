"""The transports of `txetcd.connect`: to one server, over treq or directly."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from txetcd.http.agent import Agent
from txetcd.http.bulkheads import Bulkheads
from txetcd.http.direct import DirectService
from txetcd.http.endpoint import endpoint_for
from txetcd.http.h1 import DEFAULT_LIMITS, Limits
from txetcd.http.message import Request, Response
from txetcd.http.pool import DEFAULT_CONNECT_TIMEOUT, Pool
from txetcd.http.pool_policy import DEFAULT_POOL_LIMITS, LONG_POLL_LIMITS, PoolLimits
from txetcd.http.tls import TLS
from txetcd.http.treq import TreqService
from txetcd.http.url import Server
from txetcd.service import Service

__all__ = ["direct_service", "open_pool", "treq_service"]


def open_pool(
    reactor: Any,
    url: str,
    *,
    tls: TLS | None = None,
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
    limits: PoolLimits = DEFAULT_POOL_LIMITS,
    response_limits: Limits = DEFAULT_LIMITS,
) -> Pool:
    """A pool of connections to the server that a URL names.

    Nothing is connected before the first request.

    Args:
        reactor: Makes the connections and tells the time.
        url: The server.
        tls: What it is verified by, and what it is shown; None for the platform's
            authorities.
        connect_timeout: How long connecting may take, in seconds.
        limits: How many connections, and how long they are kept.
        response_limits: How much of a response is read.

    Raises:
        ValueError: The URL names no server, or ``https`` without TLS being installed, or
            ``tls`` is given for ``http``.

    .. versionadded:: 0.1
    """
    server = Server.of(url)
    return Pool(
        endpoint_for(reactor, server, tls, connect_timeout),
        server,
        reactor,
        limits=limits,
        connect_timeout=connect_timeout,
        response_limits=response_limits,
    )


def direct_service(
    reactor: Any,
    url: str,
    *,
    tls: TLS | None = None,
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
    limits: PoolLimits = DEFAULT_POOL_LIMITS,
    long_poll_limits: PoolLimits = LONG_POLL_LIMITS,
    response_limits: Limits = DEFAULT_LIMITS,
) -> Service[Request, Response]:
    """A service of one server's, on pools of its own, which its ``close`` empties.

    The arguments are those of `open_pool`; ``limits`` are those of each of two pools, for
    requests that need a vote of several servers and for those that do not, and
    ``long_poll_limits`` those of the pool for long-polls.  See `Bulkheads`.

    .. versionadded:: 0.1
    """

    def service(limits: PoolLimits) -> Service[Request, Response]:
        return DirectService(
            open_pool(
                reactor,
                url,
                tls=tls,
                connect_timeout=connect_timeout,
                limits=limits,
                response_limits=response_limits,
            )
        )

    return Bulkheads(service(limits), service(limits), service(long_poll_limits))


def treq_service(
    reactor: Any,
    url: str,
    *,
    tls: TLS | None = None,
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
    limits: PoolLimits = DEFAULT_POOL_LIMITS,
    long_poll_limits: PoolLimits = LONG_POLL_LIMITS,
    response_limits: Limits = DEFAULT_LIMITS,
) -> Service[Request, Response]:
    """The same as `direct_service`, with treq in between.

    .. versionadded:: 0.1
    """
    server = Server.of(url)
    if server.tls or tls is not None:
        # What is wrong with it is to be known now.
        endpoint_for(reactor, server, tls, connect_timeout)

    def service(limits: PoolLimits) -> Service[Request, Response]:
        agent = Agent(
            reactor,
            tls=tls,
            connect_timeout=connect_timeout,
            limits=limits,
            response_limits=response_limits,
        )
        client = HTTPClient(_any(agent), _any(_NoCookies()), _any(_BytesProducer))
        return TreqService(client, url, max_body=response_limits.body, on_close=agent.close)

    return Bulkheads(service(limits), service(limits), service(long_poll_limits))


def _any(value: object) -> Any:
    """For parameters whose types are interfaces of zope.interface, unknown to type checkers."""
    return value


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
