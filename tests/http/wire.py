"""The two ends of a connection, held by a test: in memory, or a server of bytes on a real port."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool

from txetcd.clock import sleep
from txetcd.http import TreqService

URL = "http://127.0.0.1:2379"


class Transport(StringTransport):
    """The client's end of a connection in memory."""

    aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """What TLS asks of the transport below it."""

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class Peer:
    """The server's end of a connection in memory."""

    def __init__(self, factory: Any) -> None:
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

    def send(self, data: bytes) -> None:
        """Have the client receive some bytes, as long as it still reads any."""
        if data and not self.is_closed:
            self._protocol.dataReceived(data)

    def lose(self, reason: Exception | None = None) -> None:
        """End the connection."""
        self._protocol.connectionLost(Failure(reason or ConnectionDone()))


class Wire:
    """A network in memory, and a client on it that is Twisted's own.

    Args:
        make: Makes the service, of a reactor; treq over Twisted's agent by default.
        url: The server, for that default.
    """

    def __init__(
        self, make: Callable[[Any], TreqService] | None = None, url: str = URL
    ) -> None:
        self.reactor = MemoryReactorClock()
        self._url = url
        self.service = (make or self._default)(self.reactor)
        self._accepted = 0

    def _default(self, reactor: Any) -> TreqService:
        agent: Any = Agent(reactor, pool=HTTPConnectionPool(reactor))
        return TreqService(HTTPClient(agent), self._url)

    @property
    def attempts(self) -> int:
        """How many connections the client has asked for."""
        return len(self.reactor.tcpClients)

    def accept(self) -> Peer:
        """Let the next connection be made that the client has asked for."""
        factory = self.reactor.tcpClients[self._accepted][2]
        self._accepted += 1
        return Peer(factory)

    def refuse(self, reason: Exception) -> None:
        """Let the next connection fail that the client has asked for."""
        factory: Any = self.reactor.tcpClients[self._accepted][2]
        self._accepted += 1
        factory.clientConnectionFailed(None, Failure(reason))


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
        while request := self._take():
            self.requests.append(request)
            self._server.requests.append(request)
            self._server.answer(self, request)

    def _take(self) -> bytes:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return b""
        length = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
        wanted = int(length[1]) if length else 0
        if len(rest) < wanted:
            return b""
        self._buffer = rest[wanted:]
        return head + end + rest[:wanted]

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
    """

    def __init__(
        self,
        reactor: Any,
        answer: Callable[[Connection, bytes], object],
        interface: str = "127.0.0.1",
    ) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections: list[Connection] = []
        factory = Factory.forProtocol(self._connection)
        self._port = reactor.listenTCP(0, factory, interface=interface)
        host = f"[{interface}]" if ":" in interface else interface
        self.url = f"http://{host}:{self._port.getHost().port}"

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


def pooled_client(reactor: Any) -> tuple[HTTPClient, Callable[[], Deferred[None]]]:
    """A user's own treq client, with a pool that repeats requests; and how to close it."""
    pool = HTTPConnectionPool(reactor)
    agent: Any = Agent(reactor, pool=pool)

    def close() -> Deferred[None]:
        return pool.closeCachedConnections().addCallback(lambda _: sleep(reactor, 0))

    return HTTPClient(agent), close
