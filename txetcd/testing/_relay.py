"""One connection through the proxy: a client, a server, and what goes wrong between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    DNSLookupError,
)
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txetcd.clock import Clock
from txetcd.testing._faults import Cut, CutAt, Faults, Tally
from txetcd.testing._framing import RequestScanner, ResponseScanner, Span
from txetcd.testing._pipe import Pipe, Transport

__all__ = ["Relay", "Side"]

_log = Logger()

#: Why a connection to the server may not come about, without anybody being at fault.
EXPECTED = (ConnectError, ConnectingCancelledError, DNSLookupError, CancelledError)


@attrs.define(eq=False)
class Exchange:
    """A request whose reply has not ended: its method, and the fault that strikes it."""

    cut: Cut | None = None
    method: bytes = b""


@implementer(IHalfCloseableProtocol)
class Side(Protocol):
    """The proxy's end of one of the two connections; it only tells what happens to it."""

    transport: Any

    def __init__(
        self,
        made: Callable[[Transport], None],
        received: Callable[[bytes], None],
        ended: Callable[[], None],
        lost: Callable[[bool], None],
    ) -> None:
        self._made, self._received, self._ended, self._lost = made, received, ended, lost

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self._made(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._received(data)

    def readConnectionLost(self) -> None:
        self._ended()

    def writeConnectionLost(self) -> None:
        """It was the proxy that ended this direction."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost(reason.check(ConnectionDone) is not None)


class Relay:
    """Carries one client's connection to a server of its own.

    An end in order is passed on after what came before it; the other direction goes on until
    it ends, too.  A reset is passed on at once.  Once the relay cuts, it is deaf: it only
    delivers what it still owes to the client.  Once it has swallowed something, it stays silent
    for good, since what came later would make no sense: in both directions, or towards the
    client alone where only replies are swallowed.

    Args:
        clock: Makes things late.
        faults: What goes wrong; it may change at any time.
        connect: Connects a protocol of a factory to the server.
        tally: Counts what is seen.
        on_gone: Called when nothing is left of either connection.
    """

    def __init__(
        self,
        clock: Clock,
        faults: Faults,
        connect: Callable[[Any], Deferred[Any]],
        *,
        tally: Tally,
        on_gone: Callable[[Relay], None],
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._connect = connect
        self._tally = tally
        self._on_gone = on_gone
        #: The protocol for the client's connection.
        self.client_side = Side(
            self._client_made, self._from_client, self._client_ended, self._client_lost
        )
        self._to_client = Pipe(clock, lambda: faults.delay, lambda: faults.throttle)
        self._to_server = Pipe(clock, lambda: faults.delay)
        self._client: Transport | None = None
        self._server: Transport | None = None
        self._connecting: Deferred[Any] | None = None
        self._requests = RequestScanner()
        self._responses = ResponseScanner()
        self._exchanges: deque[Exchange] = deque()
        self._held = b""
        self._deaf = False
        self._silent = False
        self._mute = False
        # Who says nothing more, and who is told nothing more.
        self._ended: set[Transport] = set()
        self._told_end: set[Transport] = set()

    @property
    def connected(self) -> bool:
        """Whether the client is there, as far as can be told of one that ended.

        It may have ended for good, or for what it sends alone; where it is told nothing more
        that makes no difference.
        """
        return self._client is not None and not (self._ended_in_silence or self._ended_in_vain)

    @property
    def in_flight(self) -> int:
        """How many requests the client waits for."""
        return len(self._exchanges) if self.connected else 0

    def reset(self) -> None:
        """Reset both connections now."""
        self._deaf = True
        if self._client is not None:
            self._client.abortConnection()
        self._drop_server()

    def lose_server(self) -> None:
        """Let the server's machine be lost: its connection ends, and the client is not told."""
        self._silent = True
        self._drop_server()

    def healed(self) -> None:
        """There is no black hole any more: what it had kept of a client that left may go."""
        if self._ended_in_silence:
            self.reset()
        elif self._client is None:
            self._drop_server()

    # --- the two connections -----------------------------------------------------

    def _client_made(self, client: Transport) -> None:
        self._client = self._to_server.source = client
        self._to_client.attach(client)
        if not self._swallows():
            side = Side(
                self._server_made, self._from_server, self._server_ended, self._server_lost
            )
            factory: Any = Factory.forProtocol(lambda: side)
            factory.noisy = False
            self._connecting = maybeDeferred(self._connect, factory)
            self._connecting.addErrback(self._not_connected)

    def _server_made(self, server: Transport) -> None:
        self._connecting = None
        self._server = self._to_client.source = server
        self._to_server.attach(server)

    def _not_connected(self, failure: Failure) -> None:
        if not failure.check(*EXPECTED):
            _log.failure("The proxy could not connect", failure)
        self._connecting = None
        self._pass_end_to_client(clean=False)
        self._tell_if_gone()

    def _client_ended(self) -> None:
        client, self._to_server.source = self._client, None
        if client is None or self._deaf:
            return
        self._ended.add(client)
        if not self._swallows():
            self._to_server.end(self._end_towards_server)
            self._close_if_over(client)
        elif not self._faults.black_hole:
            self._drop_server()

    def _server_ended(self) -> None:
        server, self._to_client.source = self._server, None
        if server is None or self._deaf:
            return
        self._ended.add(server)
        if not self._swallows_reply():
            self._to_client.end(self._end_towards_client)
        self._close_if_over(server)

    def _end_towards_server(self) -> None:
        self._end_towards(self._server)

    def _end_towards_client(self) -> None:
        self._end_towards(self._client)

    def _end_towards(self, side: Transport | None) -> None:
        """Say nothing more to one that may still have something to say."""
        if side is not None:
            self._told_end.add(side)
            side.loseWriteConnection()
            self._close_if_over(side)

    def _close_if_over(self, side: Transport) -> None:
        if side in self._ended and side in self._told_end:
            side.loseConnection()

    @property
    def _ended_in_silence(self) -> bool:
        """Whether the client has ended, and was not answered; it may be half a close or all."""
        return self._silent and self._client in self._ended

    @property
    def _ended_in_vain(self) -> bool:
        """Whether the client has ended, and so has the server, of which it was not told."""
        over = self._server is None and self._connecting is None
        return self._mute and over and self._client in self._ended

    def _client_lost(self, clean: bool) -> None:
        self._client = None
        self._to_client.close()
        if (not clean or self._deaf or self._silent) and not self._faults.black_hole:
            self._drop_server()
        self._tell_if_gone()

    def _server_lost(self, clean: bool) -> None:
        self._server = None
        self._to_server.close()
        if not clean:
            self._pass_end_to_client(clean)
        self._tell_if_gone()

    def _pass_end_to_client(self, clean: bool) -> None:
        if not self._deaf and not self._swallows_reply():
            self._end_client(clean)

    def _end_client(self, clean: bool) -> None:
        """End the client's connection, once it has got what it is owed."""
        client = self._client
        if client is not None:
            self._to_client.end(client.loseConnection if clean else client.abortConnection)

    def _lose_server(self) -> None:
        if self._server is not None:
            self._server.loseConnection()

    def _drop_server(self) -> None:
        self._to_server.close()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._server is not None:
            self._server.abortConnection()

    def _tell_if_gone(self) -> None:
        if self._client is None and self._server is None and self._connecting is None:
            self._on_gone(self)

    # --- the bytes -----------------------------------------------------------------

    def _swallows(self) -> bool:
        self._silent = self._silent or self._faults.black_hole
        return self._silent

    def _swallows_reply(self) -> bool:
        self._mute = self._mute or self._faults.swallow_replies
        return self._swallows() or self._mute

    def _from_client(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._swallows():
            self._tally.swallowed += len(data)
            return
        data, self._held = self._held + data, b""
        while data and not self._deaf:
            if self._requests.at_start and self._faults.undecided(data):
                self._held = data
                return
            data = data[self._request_part(data) :]

    def _request_part(self, data: bytes) -> int:
        """Deal with the first part of a request in what came, and tell how long it is."""
        if self._requests.at_start:
            cut = self._faults.claim(data)
            if cut is not None and cut.at is CutAt.BEFORE_REQUEST:
                self._cut(cut, b"")
                return len(data)
            self._exchanges.append(Exchange(cut))
            self._tally.requests += 1
        span = self._requests.take(data)
        if span.head is not None:
            self._exchanges[-1].method = span.head.split(b" ", 1)[0]
        self._to_server.send(data[: span.size])
        return span.size

    def _from_server(self, data: bytes) -> None:
        if self._deaf or self._client is None:
            return
        if self._swallows_reply():
            self._tally.swallowed += len(data)
            return
        while data and not self._deaf:
            exchange = self._exchanges[0] if self._exchanges else Exchange()
            if self._responses.at_start:
                self._responses.method = exchange.method
            span = self._responses.take(data)
            self._reply_part(exchange, span, data[: span.size])
            data = data[span.size :]

    def _reply_part(self, exchange: Exchange, span: Span, piece: bytes) -> None:
        cut = exchange.cut
        passing = None if cut is None else cut.passes(piece, in_head=span.in_head)
        if cut is not None and passing is not None:
            self._cut(cut, passing)
            return
        self._to_client.send(piece)
        if span.ends and not self._responses.interim:
            self._reply_ended(exchange)

    def _reply_ended(self, exchange: Exchange) -> None:
        if self._exchanges:
            self._exchanges.popleft()
        if exchange.cut is not None:
            # It had no body to be cut in.
            self._faults.give_back(exchange.cut)

    def _cut(self, cut: Cut, passing: bytes) -> None:
        self._deaf = True
        self._tally.cuts += 1
        self._drop_server()
        self._to_client.send(passing)
        self._end_client(cut.clean)
