"""The four clients, and both ends of their connections: in memory, or bytes on a real port."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from txetcd import ReplyLost, Service, TxetcdError, UnexpectedResponse
from txetcd.clock import sleep
from txetcd.errors import MalformedResponse
from txetcd.http import (
    Buffer,
    Limits,
    PoolLimits,
    Request,
    Response,
    StreamingService,
    TreqService,
    open_pool,
)
from txetcd.http.transports import direct_service, treq_service

URL = "http://127.0.0.1:2379"

#: How long connecting may take, in seconds.
CONNECT_TIMEOUT = 5

#: The longest body that is read unless a test says otherwise, in bytes.
MAX_BODY = 64 * 1024 * 1024

ClientService = Service[Request, Response]


# --- the four clients ----------------------------------------------------------------------


class StockTreq:
    """`TreqService` over treq and Twisted's own agent, as a user may have it already.

    The attributes say wherein the clients differ.

    Attributes:
        odd_head: The error of a head that can be read, and must not be taken.
        not_http: The error of what cannot be read.
        repeats_reads: Whether a read is sent again when a kept connection breaks.
        writes_at_once: Whether a body is written together with its head.
        waits_for_the_sockets: Whether closing waits until nothing is left of a connection.
    """

    # Twisted's parser lets it pass, and TreqService looks at it then.
    odd_head: type[TxetcdError] = UnexpectedResponse
    # Twisted's agent says nothing else than that the connection has ended.
    not_http: type[TxetcdError] = ReplyLost
    # Twisted's pool does that, to a DELETE without a body as well, unless it is told not to.
    repeats_reads = True
    # treq's producer of a body writes some turns of the reactor later.
    writes_at_once = False
    # Twisted's agent has no close.
    waits_for_the_sockets = False

    def make(self, reactor: Any, url: str = URL, *, max_body: int = MAX_BODY) -> ClientService:
        """The service, with what is only for tests left at its default."""
        client, close = pooled_client(reactor)
        return TreqService(client, url, max_body=max_body, on_close=close)


class Ours(StockTreq):
    """What is on our own connections, with or without treq."""

    # Our parser says what is wrong with it.
    odd_head = not_http = MalformedResponse
    repeats_reads = False
    writes_at_once = True
    waits_for_the_sockets = True

    def make(
        self,
        reactor: Any,
        url: str = URL,
        *,
        max_body: int = MAX_BODY,
        limits: PoolLimits | None = None,
    ) -> ClientService:
        return self.build(
            reactor,
            url,
            connect_timeout=CONNECT_TIMEOUT,
            limits=limits or PoolLimits(),
            response_limits=Limits(body=max_body),
        )

    #: Makes the service, of the arguments of `txetcd.http.open_pool`.
    build: Callable[..., ClientService]


class OurTreq(Ours):
    """The transport ``"treq"`` of `txetcd.connect`: `TreqService` over treq and our agent."""

    build = staticmethod(treq_service)


class Direct(Ours):
    """The transport ``"direct"`` of `txetcd.connect`."""

    build = staticmethod(direct_service)


class Streamed(Ours):
    """Streamed responses, made whole again."""

    @staticmethod
    def build(reactor: Any, url: str, **options: Any) -> ClientService:
        pool = open_pool(reactor, url, **options)
        return Buffer(options["response_limits"].body) >> StreamingService(pool)


@implementer(IAgentEndpointFactory)
class _ByAddress:
    """Connects to the address that a URL has.

    Twisted's own looks it up, which before Twisted 25 is done in a thread.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def endpointForURI(self, uri: Any) -> Any:
        host = uri.host.decode("ascii").strip("[]")
        kind: Any = TCP6ClientEndpoint if ":" in host else TCP4ClientEndpoint
        return kind(self._reactor, host, uri.port, CONNECT_TIMEOUT)


def pooled_client(reactor: Any) -> tuple[HTTPClient, Callable[[], Deferred[None]]]:
    """A user's own treq client, with a pool that repeats requests; and how to close it."""
    pool = HTTPConnectionPool(reactor)
    agent: Any = Agent.usingEndpointFactory(reactor, _ByAddress(reactor), pool)

    def close() -> Deferred[None]:
        # Twisted says that all are closed a turn too early.
        return pool.closeCachedConnections().addCallback(lambda _: sleep(reactor, 0))

    return HTTPClient(agent), close


# --- in memory -------------------------------------------------------------------------------


class Transport(StringTransport):
    """The client's end of a connection in memory."""

    aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """What TLS asks of the transport below it."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """What a connection asks of its transport."""

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class Peer:
    """The server's end of a connection in memory."""

    def __init__(self, factory: Any) -> None:
        self.is_lost = False
        self._protocol = factory.buildProtocol(None)
        self._transport = Transport()
        self._protocol.makeConnection(self._transport)

    @property
    def received(self) -> bytes:
        """All that the client has written."""
        return self._transport.value()

    @property
    def is_closed(self) -> bool:
        """Whether the client has closed the connection."""
        return self._transport.disconnecting

    @property
    def is_aborted(self) -> bool:
        """Whether it did so without waiting for what it had written to leave."""
        return self._transport.aborted

    @property
    def is_paused(self) -> bool:
        """Whether the client reads no more for now."""
        return self._transport.producerState == "paused"

    def send(self, data: bytes) -> None:
        """Have the client receive some bytes, as long as it still reads any."""
        if data and not self.is_closed:
            self._protocol.dataReceived(data)

    def lose(self, reason: Exception | None = None) -> None:
        """End the connection."""
        if not self.is_lost:
            self.is_lost = True
            self._protocol.connectionLost(Failure(reason or ConnectionDone()))


class Wire:
    """A network in memory, and a client on it.

    Args:
        make: Makes the service, of a reactor; stock treq by default.
        url: The server, for that default.
    """

    def __init__(self, make: Callable[[Any], Any] | None = None, url: str = URL) -> None:
        self.reactor = MemoryReactorClock()
        self.service = make(self.reactor) if make else StockTreq().make(self.reactor, url)
        self.peers: list[Peer] = []
        self._accepted = 0

    @property
    def attempts(self) -> int:
        """How many connections the client has asked for."""
        return len(self.reactor.tcpClients)

    def accept(self) -> Peer:
        """Let the next connection be made that the client has asked for."""
        factory = self.reactor.tcpClients[self._accepted][2]
        self._accepted += 1
        self.peers.append(Peer(factory))
        return self.peers[-1]

    def refuse(self, reason: Exception) -> None:
        """Let the next connection fail that the client has asked for."""
        factory: Any = self.reactor.tcpClients[self._accepted][2]
        self._accepted += 1
        factory.clientConnectionFailed(None, Failure(reason))

    def settle(self) -> None:
        """End the connections that the client has closed, as a reactor does a turn later."""
        for peer in self.peers:
            if peer.is_closed:
                peer.lose(ConnectionAborted() if peer.is_aborted else None)
        self.reactor.advance(0)


# --- on a real port --------------------------------------------------------------------------


def first_request(data: bytes) -> bytes:
    """The first request in some bytes; nothing if it is not whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return b""
    length = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    wanted = int(length[1]) if length else 0
    return head + end + rest[:wanted] if len(rest) >= wanted else b""


class Connection(Protocol):
    """The server's end of a real connection: whole requests, as bytes."""

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def __init__(self, server: RawServer) -> None:
        self._server = server
        self._buffer = b""
        self.requests: list[bytes] = []
        self.closed: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while request := first_request(self._buffer):
            self._buffer = self._buffer[len(request) :]
            self.requests.append(request)
            self._server.requests.append(request)
            self._server.answer(self, request)

    def send(self, data: bytes) -> None:
        """Write some bytes to the client."""
        self.transport.write(data)

    def close(self) -> None:
        """End the connection in order."""
        self.transport.loseConnection()

    def reset(self) -> None:
        """End the connection at once."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.closed.callback(None)


class RawServer:
    """A server on a free port of this machine, whose every byte is the test's.

    Args:
        reactor: Listens.
        answer: Told each connection and whole request.
        interface: The address to listen on.
        listen: Listens there with TLS, of a factory; without TLS if None.
    """

    def __init__(
        self,
        reactor: Any,
        answer: Callable[[Connection, bytes], object],
        interface: str = "127.0.0.1",
        listen: Callable[[Any], Any] | None = None,
    ) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections: list[Connection] = []
        factory = Factory.forProtocol(self._connection)
        if listen is None:
            self._port = reactor.listenTCP(0, factory, interface=interface)
        else:
            self._port = listen(factory)
        scheme = "http" if listen is None else "https"
        host = f"[{interface}]" if ":" in interface else interface
        self.url = f"{scheme}://{host}:{self._port.getHost().port}"

    def _connection(self) -> Connection:
        connection = Connection(self)
        self.connections.append(connection)
        return connection

    def stop(self) -> Deferred[None]:
        """Stop listening, and end all connections."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(self._port.stopListening)
        ended = [connection.closed for connection in self.connections]
        for connection in self.connections:
            if not connection.closed.called:
                connection.reset()
        await DeferredList(ended)
