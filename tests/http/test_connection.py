"""`Connection`: one request at a time, and none after a response that did not end well."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.http import PotentialDataLoss

from tests.http.network import OK, SERVER, URL, Transport
from txetcd import (
    Filter,
    NotSent,
    ReplyLost,
    RequestCancelled,
    ServiceClosed,
    Status,
    UnexpectedResponse,
)
from txetcd.errors import MalformedResponse, ResponseTooLarge
from txetcd.http import Connection, Headers, Limits, Request, Response, sockets

reactor: Any = _reactor

GET = Request("GET", "/a")
GET_BYTES = b"GET /a HTTP/1.1\r\nHost: server:2379\r\n\r\n"


class Owner:
    """Notes what it is told, and in which state the connection is then."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def _note(self, what: str, connection: Connection) -> None:
        state = repr(connection).rpartition(", ")[2].rstrip(">")
        self.told.append((what, state))

    def released(self, connection):
        self._note("released", connection)

    def discarded(self, connection):
        self._note("discarded", connection)

    def lost(self, connection):
        self._note("lost", connection)

    def send_soon(self, connection):
        connection.send()


class ConnectionTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.owner = Owner()
        self.connect()

    def connect(self, limits: Limits | None = None, tls: bool = False) -> None:
        self.connection = Connection(SERVER, limits or Limits(), self.owner)
        self.transport = Transport(self.connection, self.clock, tls)
        self.connection.makeConnection(self.transport)
        self.owner.told.clear()

    def get(self) -> Deferred[Response]:
        return self.connection(GET)

    def failed(self, reply: Deferred[Any], kind: type[Exception]) -> Any:
        return self.failureResultOf(reply, kind).value

    def assertState(self, state: str, status: Status) -> None:
        self.assertEqual(repr(self.connection), f"<Connection to {URL}, {state}>")
        self.assertIs(self.connection.status, status)

    def assertClosed(self) -> None:
        """It is of no use, and will be gone in a moment."""
        self.assertState("closed", Status.CLOSED)
        self.assertTrue(self.transport.is_aborted)
        self.clock.advance(0)
        self.assertState("lost", Status.CLOSED)
        self.assertEqual(self.owner.told[-2:], [("discarded", "closed"), ("lost", "lost")])


class StateTests(ConnectionTestCase):
    def test_new_until_it_is_connected(self):
        self.connection = Connection(SERVER)
        self.assertState("new", Status.BUSY)
        self.assertNoResult(self.connection.ready)
        self.failed(self.get(), NotSent)

    def test_new_until_the_handshake_is_done(self):
        self.connect(tls=True)
        self.assertState("new", Status.BUSY)
        self.failed(self.get(), NotSent)
        self.transport.shake_hands()
        self.assertState("idle", Status.OPEN)
        self.assertIs(self.successResultOf(self.connection.ready), self.connection)

    def test_idle_once_it_is_connected(self):
        self.assertState("idle", Status.OPEN)
        self.assertIs(self.successResultOf(self.connection.ready), self.connection)

    def test_busy_until_the_response_has_ended(self):
        reply = self.get()
        self.assertState("busy", Status.BUSY)
        for at in range(len(OK)):
            self.assertState("busy", Status.BUSY)
            self.assertNoResult(reply)
            self.transport.send(OK[at : at + 1])
        self.assertState("idle", Status.OPEN)
        self.assertEqual(self.owner.told, [("released", "idle")])
        response = self.successResultOf(reply)
        self.assertEqual(response, Response(200, Headers({"Content-Length": "2"}), b"ok"))
        self.assertEqual(response.endpoint, URL)

    def test_idle_when_the_response_is_told(self):
        """So that the next request can be made of the callback."""
        again = self.get().addCallback(lambda _: self.get())
        self.transport.take()
        self.transport.send(OK)
        self.assertEqual(self.transport.take(), GET_BYTES)
        self.transport.send(OK)
        self.successResultOf(again)

    def test_lost_when_the_server_has_closed_it(self):
        self.transport.lose()
        self.assertState("lost", Status.CLOSED)
        self.assertEqual(self.owner.told, [("discarded", "closed"), ("lost", "lost")])
        self.failed(self.get(), NotSent)

    def test_it_needs_no_owner(self):
        self.connection = Connection(SERVER)
        transport = Transport(self.connection, self.clock)
        self.connection.makeConnection(transport)
        reply = self.get()
        transport.send(OK)
        self.successResultOf(reply)
        transport.lose()
        self.assertState("lost", Status.CLOSED)

    def test_a_connection_that_cannot_be_made_ready_says_why(self):
        self.connect(tls=True)
        self.transport.lose(ConnectionLost())
        error = self.failed(self.connection.ready, NotSent)
        self.assertIsInstance(error.cause, ConnectionLost)

    def test_cancelling_ready_closes_it(self):
        self.connect(tls=True)
        self.connection.ready.cancel()
        self.failed(self.connection.ready, CancelledError)
        self.assertClosed()


class ServiceTests(ConnectionTestCase):
    """A connection is a service like any other."""

    def test_what_is_written_is_the_request(self):
        self.connection(Request("PUT", "/b", "x=y", Headers({"A": "1"}), b"body"))
        self.assertEqual(
            self.transport.received,
            b"PUT /b?x=y HTTP/1.1\r\nHost: server:2379\r\nA: 1\r\nContent-Length: 4\r\n\r\nbody",
        )

    def test_a_filter_goes_in_front_of_it(self):
        always: Filter[Request, Response, Request, Response] = Filter.mk(
            lambda request, service: service(GET)
        )
        service = always >> self.connection
        reply = service(Request("GET", "/other"))
        self.assertEqual(self.transport.received, GET_BYTES)
        self.transport.send(OK)
        self.successResultOf(reply)

    def test_a_second_request_while_it_is_busy_is_not_sent(self):
        first = self.get()
        error = self.failed(self.get(), NotSent)
        self.assertEqual(str(error), f"the connection is busy [at {URL}]")
        self.assertEqual(self.transport.received, GET_BYTES)
        self.transport.send(OK)
        self.successResultOf(first)

    def test_a_request_that_cannot_be_encoded_leaves_it_idle(self):
        wrong = Request("GET", "/", headers=Headers({"Transfer-Encoding": "chunked"}))
        self.failed(self.connection(wrong), ValueError)
        self.assertState("idle", Status.OPEN)

    def test_the_head_is_told_before_the_body_has_come(self):
        heads: list[Response] = []
        reply = self.connection(Request("GET", "/", on_head=heads.append))
        self.transport.send(OK[:-2])
        (head,) = heads
        self.assertEqual((head.status, head.body, head.endpoint), (200, b"", URL))
        self.assertNoResult(reply)
        self.transport.send(OK[-2:])
        self.successResultOf(reply)

    def test_who_is_told_of_the_head_may_cancel(self):
        replies: list[Deferred[Response]] = []
        replies.append(
            self.connection(Request("GET", "/", on_head=lambda _: replies[0].cancel()))
        )
        self.transport.send(OK)
        self.failed(replies[0], RequestCancelled)
        self.assertClosed()

    def test_what_is_told_of_the_head_may_raise(self):
        def on_head(_):
            raise ZeroDivisionError

        reply = self.connection(Request("GET", "/", on_head=on_head))
        self.transport.send(OK)
        self.successResultOf(reply)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cancelling_closes_it(self):
        reply = self.get()
        reply.cancel()
        self.assertTrue(self.failed(reply, RequestCancelled).possibly_applied)
        self.assertClosed()

    def test_a_response_that_comes_after_that_is_nobodys(self):
        reply = self.get()
        reply.cancel()
        self.failed(reply, RequestCancelled)
        self.connection.dataReceived(OK)
        self.assertClosed()


class EndTests(ConnectionTestCase):
    """How responses end, and what becomes of the connection."""

    def answered(self, *data: bytes) -> Deferred[Response]:
        reply = self.get()
        for piece in data:
            self.transport.send(piece)
        return reply

    def test_a_response_that_says_so_is_the_last(self):
        closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
        for at in (0, 20, len(closing) - 1):
            self.connect()
            reply = self.answered(closing[:at], closing[at:])
            self.assertEqual(self.successResultOf(reply).body, b"ok")
            self.assertClosed()

    def test_so_is_one_of_an_older_version(self):
        reply = self.answered(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.successResultOf(reply)
        self.assertClosed()

    def test_so_is_one_that_more_comes_after(self):
        reply = self.answered(OK + b"H")
        self.successResultOf(reply)
        self.assertClosed()

    def test_a_request_that_says_so_is_the_last(self):
        """Whatever the server says (RFC 9112, section 9.6)."""
        for value in ("close", "TE, Close"):
            self.connect()
            last = Request("GET", "/a", headers=Headers({"Connection": value}))
            reply = self.connection(last)
            self.transport.send(OK)
            self.assertEqual(self.successResultOf(reply).body, b"ok")
            self.assertClosed()

    def test_one_that_says_another_thing_is_not(self):
        reply = self.connection(Request("GET", "/a", headers=Headers({"Connection": "closed"})))
        self.transport.send(OK)
        self.successResultOf(reply)
        self.assertState("idle", Status.OPEN)

    def test_what_comes_unasked_closes_it(self):
        self.transport.send(b"H")
        self.assertClosed()

    def test_what_comes_unasked_after_a_response_closes_it(self):
        self.successResultOf(self.answered(OK))
        self.transport.send(b"H")
        self.assertClosed()

    def test_interim_responses_are_passed_over(self):
        reply = self.answered(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK)
        self.assertEqual(self.successResultOf(reply).body, b"ok")
        self.assertState("idle", Status.OPEN)

    def test_an_early_response_is_a_response(self):
        """It may come before the server has read the request."""
        reply = self.connection(Request("PUT", "/", body=b"b" * 1_000_000))
        self.transport.send(
            b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(self.successResultOf(reply).status, 413)
        self.assertClosed()

    def test_what_is_malformed_closes_it(self):
        error = self.failed(self.answered(b"SSH-2.0-OpenSSH\r\n"), MalformedResponse)
        self.assertEqual(error.endpoint, URL)
        self.assertClosed()

    def test_what_is_malformed_within_the_body_closes_it(self):
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = self.answered(chunked, b"2\r\nok\r\n", b"nonsense\r\n")
        self.failed(reply, MalformedResponse)
        self.assertClosed()

    def test_what_is_too_large_closes_it(self):
        self.connect(Limits(body=1))
        self.failed(self.answered(OK), ResponseTooLarge)
        self.assertClosed()

    def test_what_becomes_too_large_shows_how_it_begins(self):
        self.connect(Limits(body=3))
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = self.answered(chunked, b"2\r\nab\r\n", b"2\r\ncd\r\n")
        self.assertEqual(self.failed(reply, ResponseTooLarge).body, b"abcd")
        self.assertClosed()

    def test_what_is_compressed_unasked_closes_it(self):
        encoded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"
        self.failed(self.answered(encoded), UnexpectedResponse)
        self.assertClosed()

    def test_a_connection_that_ends_before_the_response_loses_it(self):
        for at in range(len(OK)):
            self.connect()
            reply = self.answered(OK[:at])
            self.transport.lose(ConnectionDone())
            error = self.failed(reply, ReplyLost)
            self.assertIsInstance(error.cause, ConnectionDone)
            self.assertEqual((error.endpoint, error.possibly_applied), (URL, True))
            self.assertState("lost", Status.CLOSED)

    def test_a_body_that_ends_with_the_connection_may_have_been_cut_short(self):
        reply = self.answered(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok")
        self.transport.lose(ConnectionDone())
        self.assertIsInstance(self.failed(reply, ReplyLost).cause, PotentialDataLoss)

    def test_and_was_cut_short_if_the_connection_was_reset(self):
        reply = self.answered(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok")
        self.transport.lose(ConnectionLost())
        self.assertIsInstance(self.failed(reply, ReplyLost).cause, ConnectionLost)


class CloseTests(ConnectionTestCase):
    def assertCloses(self) -> None:
        first, second = self.connection.close(), self.connection.close()
        self.assertNoResult(first)
        self.assertClosed()
        self.assertIsNone(self.successResultOf(first))
        self.assertIsNone(self.successResultOf(second))
        self.assertIsNone(self.successResultOf(self.connection.close()))

    def test_idle(self):
        self.assertCloses()

    def test_busy(self):
        reply = self.get()
        self.assertCloses()
        error = self.failed(reply, ServiceClosed)
        self.assertEqual((error.possibly_applied, error.endpoint), (True, URL))

    def test_shaking_hands(self):
        self.connect(tls=True)
        self.assertCloses()
        self.failed(self.connection.ready, NotSent)

    def test_lost(self):
        self.transport.lose()
        self.assertIsNone(self.successResultOf(self.connection.close()))

    def test_not_connected_yet(self):
        """It is closed as soon as it is connected, if ever."""
        connection = Connection(SERVER)
        connection.ready.addErrback(lambda _: None)
        self.assertIsNone(self.successResultOf(connection.close()))
        transport = Transport(connection, self.clock)
        connection.makeConnection(transport)
        self.assertTrue(transport.is_aborted)
        self.failed(connection(GET), NotSent)
        self.clock.advance(0)
        self.assertEqual(repr(connection), f"<Connection to {URL}, lost>")

    def test_the_callback_of_a_request_may_close_it(self):
        closing = self.get().addCallback(lambda _: self.connection.close())
        self.transport.send(OK)
        self.assertClosed()
        self.assertIsNone(self.successResultOf(closing))

    def test_hanging_up_tells_the_exchange_when_it_is_done(self):
        reply = self.get()
        self.connection.hang_up()
        self.assertNoResult(reply)
        self.clock.advance(0)
        self.assertIsInstance(self.failed(reply, ReplyLost).cause, ConnectionAborted)

    def test_hanging_up_leaves_an_idle_connection_to_whom_it_belongs(self):
        self.connection.hang_up()
        self.assertState("idle", Status.OPEN)


class SendTests(ConnectionTestCase):
    """Requests that go to the socket at once, as on those of the system."""

    def use(self, send: Callable[[bytes], int | Exception]) -> None:
        self.sent: list[bytes] = []

        def noting(data: bytes) -> int | Exception:
            self.sent.append(data)
            return send(data)

        self.patch(sockets, "sender", lambda transport: noting)
        self.connect()

    def test_what_the_socket_takes_does_not_go_through_the_transport(self):
        self.use(len)
        for _ in range(2):
            reply = self.get()
            self.assertEqual((self.sent, self.transport.received), ([GET_BYTES], b""))
            self.transport.send(OK)
            self.successResultOf(reply)
            self.sent.clear()

    def test_what_it_does_not_take_does(self):
        for count, send in [(0, lambda data: 0), (3, lambda data: 3)]:
            self.use(send)
            reply = self.get()
            self.assertEqual(self.sent, [GET_BYTES])
            self.assertEqual(self.transport.take(), GET_BYTES[count:])
            self.transport.send(OK)
            self.successResultOf(reply)
            # The transport may have something to write still.
            self.get()
            self.assertEqual((len(self.sent), self.transport.received), (1, GET_BYTES))

    def test_what_it_refuses_was_not_sent(self):
        self.use(lambda data: ConnectionLost())
        error = self.failed(self.get(), NotSent)
        self.assertIsInstance(error.cause, ConnectionLost)
        self.assertClosed()

    def test_what_was_not_sent_yet_is_sent_never_once_it_is_cancelled(self):
        self.use(len)
        self.patch(self.owner, "send_soon", lambda connection: None)
        reply = self.get()
        self.assertState("busy", Status.BUSY)
        reply.cancel()
        self.assertFalse(self.failed(reply, RequestCancelled).possibly_applied)
        self.connection.send()
        self.assertEqual(self.sent, [])
        self.assertClosed()

    def test_nor_once_the_connection_is_closed_or_lost(self):
        for end, kind in [
            (lambda connection, _: connection.close(), ServiceClosed),
            (lambda _, transport: transport.lose(), NotSent),
            (lambda _, transport: transport.send(OK), NotSent),
        ]:
            self.use(len)
            self.patch(self.owner, "send_soon", lambda connection: None)
            reply = self.get()
            end(self.connection, self.transport)
            self.assertFalse(self.failed(reply, kind).possibly_applied)
            self.connection.send()
            self.assertEqual(self.sent, [])

    def test_it_is_sent_once(self):
        self.use(len)
        self.get()
        self.connection.send()
        self.assertEqual(self.sent, [GET_BYTES])


class PauseTests(ConnectionTestCase):
    def test_a_paused_connection_is_not_read(self):
        self.get()
        self.connection.pause()
        self.connection.pause()
        self.assertTrue(self.transport.is_paused)
        self.connection.resume()
        self.assertFalse(self.transport.is_paused)

    def test_what_was_never_paused_is_not_resumed(self):
        self.transport.is_paused = True
        self.connection.resume()
        self.assertTrue(self.transport.is_paused)


class RealSocketTests(TestCase):
    """A server of plain, blocking sockets: what it does is done when its call returns."""

    def setUp(self) -> None:
        super().setUp()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)

    async def connected(self) -> tuple[Connection, socket.socket]:
        connection = Connection(SERVER)
        port = self.listening.getsockname()[1]
        factory: Any = Factory.forProtocol(lambda: connection)
        factory.noisy = False
        await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
        server, _ = self.listening.accept()
        self.addCleanup(server.close)
        await connection.ready
        self.addCleanup(connection.close)
        return connection, server

    def arrived(self, connection: Connection) -> None:
        """Wait without the reactor until the system has something for the client."""
        handle = connection.transport.getHandle()
        self.assertEqual(select.select([handle], [], [], 30)[0], [handle])

    async def test_a_healthy_connection_is_not_stale(self):
        connection, _ = await self.connected()
        self.assertFalse(connection.is_stale)

    async def test_a_connection_that_the_server_has_closed_is_stale_at_once(self):
        connection, server = await self.connected()
        server.close()
        self.arrived(connection)
        self.assertTrue(connection.is_stale)
        self.assertIs(connection.status, Status.OPEN)

    async def test_a_connection_on_which_the_server_has_spoken_is_stale_at_once(self):
        connection, server = await self.connected()
        server.sendall(b"H")
        self.arrived(connection)
        self.assertTrue(connection.is_stale)

    async def test_it_is_not_stale_after_a_response(self):
        connection, server = await self.connected()
        reply = connection(GET)
        while not reply.called:
            # What the client has written leaves at once, or with the next turn.
            await turn()
            if select.select([server], [], [], 0)[0]:
                self.assertEqual(server.recv(1000), GET_BYTES)
                server.sendall(OK)
        self.assertEqual((await reply).body, b"ok")
        self.assertFalse(connection.is_stale)

    async def test_a_lost_connection_is_not_asked_any_more(self):
        """Its number may be that of another socket by now."""
        connection, _ = await self.connected()
        await connection.close()
        self.assertFalse(connection.is_stale)

    async def test_closing_it_is_seen_by_the_server(self):
        connection, server = await self.connected()
        await connection.close()
        self.assertEqual(repr(connection), f"<Connection to {URL}, lost>")
        with self.assertRaises(ConnectionResetError):
            server.recv(1)


def turn() -> Deferred[None]:
    """Fires in the next turn of the reactor."""
    fired: Deferred[None] = Deferred()
    reactor.callLater(0, fired.callback, None)
    return fired
