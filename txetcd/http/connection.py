"""One connection to a server: one exchange at a time, and none after a doubtful one."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any
from typing import Protocol as Interface

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txetcd.errors import NotSent, ReplyLost, ServiceClosed, TxetcdError
from txetcd.http import sockets
from txetcd.http.exchange import Exchange, WholeExchange
from txetcd.http.h1 import DEFAULT_LIMITS, End, Head, Limits, ResponseParser, encode
from txetcd.http.message import Request, Response
from txetcd.http.tls import explain, refused_in_handshake
from txetcd.http.url import Server
from txetcd.service import Service, Status

__all__ = ["Connection", "Owner"]


class Owner(Interface):
    """Who is told of what becomes of a connection."""

    def released(self, connection: Connection) -> None:
        """It can carry another exchange."""

    def discarded(self, connection: Connection) -> None:
        """It can carry no other, and will soon be lost."""

    def lost(self, connection: Connection) -> None:
        """Nothing of it is left."""

    def send_soon(self, connection: Connection) -> None:
        """It has a request to send (``Connection.send``), now or with those of others."""


class State(Enum):
    """What a connection is good for."""

    #: Not connected yet; or, with TLS, the handshake is not done.
    NEW = "new"
    #: Ready for a request.
    IDLE = "idle"
    #: Until the response has been read to its end.
    BUSY = "busy"
    #: Of no use any more, after a response that said so or whatever went wrong.
    CLOSED = "closed"
    #: Nothing is left of it.
    LOST = "lost"


#: Looking up the member of an enum takes ten times as long as a name.
_NEW, _IDLE, _BUSY, _CLOSED, _LOST = State


@implementer(IHandshakeListener)
class Connection(Protocol, Service[Request, Response]):
    """A connection, as a service of one request at a time.

    Nothing is sent twice, and nothing after a response that did not end as it should.
    Each request must wait for the response to the last: while the connection is busy,
    another fails with `NotSent`.  Cancelling closes the connection.

    Args:
        server: The server, for the ``Host`` field and for messages.
        limits: How much of a response is read.
        owner: Who is told what becomes of it; None for nobody.

    Attributes:
        ready: Fires with the connection when it is idle for the first time, or fails
            with `NotSent`.
        has_sent: Whether any of the last request has been written.
        has_heard: Whether a byte has come since the last request was begun.

    .. versionadded:: 0.1
    """

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def __init__(
        self, server: Server, limits: Limits = DEFAULT_LIMITS, owner: Owner | None = None
    ) -> None:
        self.ready: Deferred[Connection] = Deferred(lambda _: self.abort())
        self._server = server
        self._owner = owner
        self._parser = ResponseParser(limits)
        self._exchange: Exchange | None = None
        self._state = _NEW
        self.has_sent = False
        self.has_heard = False
        self._heard = False
        self._paused = False
        self._closed: list[Deferred[None]] = []
        self._readable: Callable[[], bool] | None = None
        self._send: Callable[[bytes], int | BaseException] | None = None

    # --- as a service ------------------------------------------------------------

    def apply(self, request: Request) -> Deferred[Response]:
        server = self._server
        wire = encode(request, server.authority, server.base)
        exchange = WholeExchange(request, wire, server.url)
        self.begin(exchange)
        return exchange.response

    def begin(self, exchange: Exchange) -> None:
        """Send the request of an exchange."""
        if self._state is not _IDLE:
            exchange.failed(NotSent(f"the connection is {self._state.value}"))
            return
        self._state = _BUSY
        self._exchange = exchange
        exchange.connection = self
        self._parser.begin(exchange.method, exchange.accept_encoded, exchange.max_body)
        self.has_sent = self.has_heard = False
        if self._send is None or self._owner is None:
            self.send()
        else:
            self._owner.send_soon(self)

    def send(self) -> None:
        """Send the request that was begun, if it was not given up meanwhile."""
        exchange = self._exchange
        if exchange is None or self.has_sent:
            return
        self.has_sent = True
        if self._send is None:
            self._write(exchange, exchange.wire)
            return
        sent = self._send(exchange.wire)
        if not isinstance(sent, int):
            self.has_sent = False
            self._failed(exchange, NotSent("the server has closed the connection", sent))
        elif sent < len(exchange.wire):
            # From now on the transport may have bytes of its own, which go first.
            self._send = None
            self._write(exchange, exchange.wire[sent:])
        # A long-poll would keep it for nothing.
        exchange.wire = b""

    def _write(self, exchange: Exchange, data: bytes) -> None:
        try:
            self.transport.write(data)
        except Exception:
            # Nobody knows how much of it has left.
            self._failed(exchange, self._why(Failure()))

    def writer(self) -> Any:
        """The transport, to write the rest of a request to."""
        self._send = None
        return self.transport

    def close(self) -> Deferred[None]:
        """Close the connection; a request under way fails with `ServiceClosed`.

        Returns:
            A Deferred that fires with None when nothing is left of it.
        """
        exchange = self._exchange
        self.abort()
        if exchange is not None:
            exchange.connection = None
            exchange.failed(ServiceClosed(possibly_applied=self.has_sent))
        if self._state is _LOST or self.transport is None:
            return succeed(None)
        self._closed.append(Deferred())
        return self._closed[-1]

    @property
    def status(self) -> Status:
        return _STATUS.get(self._state, Status.CLOSED)

    @property
    def is_stale(self) -> bool:
        """Whether the server has said something, or has closed it, while it was idle.

        What the reactor has not been told of yet is asked of the socket: a request
        that is written to a connection which the server has closed already is lost, and
        if it was a write nobody knows whether it was carried out.
        """
        if self._readable is None:
            self._readable = sockets.readable(self.transport)
        return self._readable()

    def abort(self) -> None:
        """Close the connection at once, and tell the exchange on it nothing more."""
        self._exchange = None
        if self._discard() and self.transport is not None:
            self.transport.abortConnection()

    def hang_up(self) -> None:
        """Close the connection at once; the exchange on it fails as soon as it is closed."""
        if self._state is _BUSY:
            self.transport.abortConnection()

    @property
    def can_end_sending(self) -> bool:
        """Whether it can be closed in one direction alone; TLS would take that for a fault."""
        half_close = getattr(self.transport, "loseWriteConnection", None)
        return half_close is not None and not ISSLTransport.providedBy(self.transport)

    def end_sending(self) -> None:
        """Close it for what we send (``shutdown(SHUT_WR)``); the response is read on."""
        if self._state is _BUSY:
            self.transport.loseWriteConnection()

    def _discard(self) -> bool:
        """Be of no use from now on; whether that is news."""
        if self._state in _OVER:
            return False
        self._state = _CLOSED
        if self._owner is not None:
            self._owner.discarded(self)
        return True

    def pause(self) -> None:
        """Read no more from the socket, until `resume` or the end of the response."""
        if not self._paused:
            self._paused = True
            try:
                self.transport.pauseProducing()
            except Exception:
                self.hang_up()

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            try:
                self.transport.resumeProducing()
            except Exception:
                self.hang_up()

    # --- as a protocol -----------------------------------------------------------

    def connectionMade(self) -> None:
        if self._state is not _NEW:
            # It was closed before it was made.
            self.transport.abortConnection()
            return
        for option in ("setTcpNoDelay", "setTcpKeepAlive"):
            # Sockets in the file system have neither.
            set_option = getattr(self.transport, option, None)
            if set_option is not None:
                try:
                    set_option(True)
                except OSError:
                    # Some systems say so here if the connection is lost already.
                    pass
        if not ISSLTransport.providedBy(self.transport):
            self._is_ready()

    def handshakeCompleted(self) -> None:
        self._is_ready()

    def _is_ready(self) -> None:
        if self._state is _NEW:
            self._state = _IDLE
            self._send = sockets.sender(self.transport)
            self.ready.callback(self)

    def dataReceived(self, data: bytes) -> None:
        self._heard = self.has_heard = True
        exchange = self._exchange
        if exchange is None:
            # Unasked, or asked by nobody any more.
            self.abort()
            return
        if not self.has_sent:
            # It cannot be the answer.
            self._failed(exchange, NotSent("the server spoke before it was asked"))
            return
        events = self._parser.feed(data)
        end = events[-1] if events else None
        if type(end) is End and type(events[0]) is Head and exchange.takes_whole:
            # Most responses come in one piece: what is told of them at once costs less.
            self._release(exchange, end)
            exchange.whole_received(events[0], b"".join(events[1:-1]), end)  # type: ignore[arg-type]  # bytes
            return
        for event in events:
            if type(event) is bytes:
                exchange.body_received(event)
            elif type(event) is Head:
                exchange.head_received(event)
            elif type(event) is End:
                self._ended(exchange, event)
            else:
                self._failed(exchange, event)
            if self._exchange is not exchange:
                return

    def _ended(self, exchange: Exchange, end: End) -> None:
        self._release(exchange, end)
        exchange.finished(end)

    def _release(self, exchange: Exchange, end: End) -> None:
        """Be free of an exchange that has ended, for the next if all went well."""
        exchange.connection = self._exchange = None
        reusable = end.reusable and exchange.is_sent and not exchange.is_last
        if reusable and self._state is _BUSY:
            self.resume()
            self._state = _IDLE
            # First, so that a request which the response gives rise to finds it idle.
            if self._owner is not None:
                self._owner.released(self)
        else:
            self.abort()

    def _failed(self, exchange: Exchange, error: Any) -> None:
        exchange.connection = None
        self.abort()
        exchange.failed(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._exchange is not None and reason.check(ConnectionDone):
            for event in self._parser.eof():
                self._ended(self._exchange, event)
        exchange, self._exchange = self._exchange, None
        self._discard()
        self._state = _LOST
        self._readable, self._send = sockets.never, None
        if exchange is not None:
            exchange.connection = None
            exchange.failed(self._why(reason))
        if not self.ready.called:
            self.ready.errback(self._never_sent(reason))
        if self._owner is not None:
            self._owner.lost(self)
        waiting, self._closed = self._closed, []
        for each in waiting:
            each.callback(None)

    def _why(self, reason: Failure) -> TxetcdError:
        error: Any = reason.value
        # TLS 1.3 lets a client speak before the server has judged its certificate.
        refused = not self._heard and refused_in_handshake(error)
        if refused or not self.has_sent:
            return self._never_sent(reason)
        return ReplyLost(f"the request was sent and its reply was lost: {explain(error)}", error)

    def _never_sent(self, reason: Failure) -> NotSent:
        error: Any = reason.value
        return NotSent(f"the request was not sent: {explain(error)}", error)

    def __repr__(self) -> str:
        return f"<Connection to {self._server.url}, {self._state.value}>"


_OVER = frozenset({_CLOSED, _LOST})
_STATUS = {_NEW: Status.BUSY, _IDLE: Status.OPEN, _BUSY: Status.BUSY}
