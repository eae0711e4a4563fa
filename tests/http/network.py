"""A network in memory: connections are made, or not, as a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import error as internet
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from txetcd.http.url import Server

URL = "http://server:2379"
SERVER = Server.of(URL)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Transport:
    """The client's end of a connection, and in it that of the server.

    Args:
        protocol: The client.
        clock: A connection that is closed is lost in the next turn of it, as with a reactor.
        tls: There is a handshake to be made first.
    """

    def __init__(self, protocol: Any, clock: Clock, tls: bool = False) -> None:
        self.protocol = protocol
        self.received = b""
        self.is_paused = self.is_aborted = self.is_lost = False
        self.producer: Any = None
        self._clock = clock
        if tls:
            directlyProvides(self, ISSLTransport)

    # --- for the client -------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self.received += data

    def pauseProducing(self) -> None:
        self.is_paused = True

    def resumeProducing(self) -> None:
        self.is_paused = False

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def abortConnection(self) -> None:
        if not self.is_aborted:
            self.is_aborted = True
            self._clock.callLater(0, self.lose, internet.ConnectionAborted())

    # --- for the test ------------------------------------------------------------------

    def shake_hands(self) -> None:
        self.protocol.handshakeCompleted()

    def take(self) -> bytes:
        """What the client has written since the last time."""
        taken, self.received = self.received, b""
        return taken

    def send(self, data: bytes) -> None:
        """Have the client read something, as long as it reads anything."""
        if not self.is_aborted and not self.is_lost:
            assert not self.is_paused, "the client does not read"
            self.protocol.dataReceived(data)

    def lose(self, reason: Exception | None = None) -> None:
        """Have the client notice the end of the connection."""
        if not self.is_lost:
            self.is_lost = True
            self.protocol.connectionLost(Failure(reason or internet.ConnectionDone()))

    @property
    def is_open(self) -> bool:
        return not self.is_aborted and not self.is_lost


class Attempt:
    """A connection that a client has asked for.

    Attributes:
        is_cancelled: Whether it wants it no more.
        is_over: Whether it has it, or will never have it.
    """

    def __init__(self, factory: Any, clock: Clock) -> None:
        self.made: Deferred[Any] = Deferred(self._cancelled)
        self.is_cancelled = self.is_over = False
        self._factory = factory
        self._clock = clock

    def _cancelled(self, _: object) -> None:
        self.is_cancelled = self.is_over = True

    def accept(self, tls: bool = False) -> Transport:
        """Make the connection; with TLS the handshake is still to come."""
        self.is_over = True
        protocol = self._factory.buildProtocol(None)
        transport = Transport(protocol, self._clock, tls)
        protocol.makeConnection(transport)
        self.made.callback(protocol)
        return transport

    def refuse(self, reason: Exception | None = None) -> None:
        self.is_over = True
        self.made.errback(reason or internet.ConnectionRefusedError())


class Endpoint:
    """An endpoint whose connections a test makes, in the order in which they are asked for.

    Attributes:
        attempts: All that were asked for.
    """

    def __init__(self, clock: Clock) -> None:
        self.attempts: list[Attempt] = []
        self._clock = clock

    def connect(self, factory: Any) -> Deferred[Any]:
        self.attempts.append(Attempt(factory, self._clock))
        return self.attempts[-1].made

    @property
    def open_attempts(self) -> list[Attempt]:
        """Those that are neither made, nor refused, nor cancelled."""
        return [attempt for attempt in self.attempts if not attempt.is_over]

    def accept(self, tls: bool = False) -> Transport:
        """Make the connection that has been waited for longest."""
        return self.open_attempts[0].accept(tls)

    def refuse(self, reason: Exception | None = None) -> None:
        """Refuse the connection that has been waited for longest."""
        self.open_attempts[0].refuse(reason)


class AtOnce:
    """An endpoint that makes each connection while it is asked for it.

    Args:
        failing: Says what is wrong this time; None if nothing is.
    """

    def __init__(
        self, clock: Clock, failing: Callable[[], Exception | None] = lambda: None
    ) -> None:
        self.transports: list[Transport] = []
        self.asked = 0
        self._clock = clock
        self._failing = failing

    def connect(self, factory: Any) -> Deferred[Any]:
        self.asked += 1
        wrong = self._failing()
        if wrong is not None:
            return fail(wrong)
        attempt = Attempt(factory, self._clock)
        self.transports.append(attempt.accept())
        return attempt.made
