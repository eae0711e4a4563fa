"""A network that fails on demand: what each side of it sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from tests.realserver import RealServerTestCase
from tests.testing.test_etcd_process import Taken
from txetcd.testing import FaultProxy
from txetcd.testing import faultproxy as faultproxy_module
from txetcd.testing._address import Address
from txetcd.testing._faults import Cut, CutAt, Faults, Throttle
from txetcd.testing._pipe import FULL, Pipe
from txetcd.testing._ports import ReservedPort

reactor: Any = _reactor

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nvalue=b"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
EMPTY = b"HTTP/1.1 204 No Content\r\nX-Etcd-Index: 7\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{'a': 1}\r\n0\r\n\r\n"


class Talker(Protocol):
    """One side of a connection, which remembers what it hears and how it ends."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.pieces: list[bytes] = []
        self.end: type[BaseException] | None = None
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def say(self, data: bytes) -> Talker:
        self.transport.write(data)
        return self

    def until(self, reached: Callable[[], bool]) -> Deferred[None]:
        """Fires when something is so, which is looked at whenever something happens here."""
        done: Deferred[None] = Deferred()
        self._waiting.append((reached, done))
        self._look()
        return done

    def hears(self, expected: bytes) -> Deferred[None]:
        return self.until(lambda: self.heard == expected)

    def ends(self) -> Deferred[None]:
        return self.until(lambda: self.end is not None)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self.pieces.append(data)
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.end = reason.type
        self._look()

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        for reached, done in waiting:
            if reached():
                done.callback(None)
            else:
                self._waiting.append((reached, done))


@implementer(IHalfCloseableProtocol)
class HalfTalker(Talker):
    """One that goes on when the other has nothing more to say."""

    def __init__(self) -> None:
        super().__init__()
        self.is_told_end = False

    def says_no_more(self) -> None:
        self.transport.loseWriteConnection()

    def readConnectionLost(self) -> None:
        self.is_told_end = True
        self._look()

    def writeConnectionLost(self) -> None:
        pass


class Case(TestCase):
    """A test with a server that the test itself is, and a proxy to it."""

    def setUp(self) -> Any:
        self.served: list[Talker] = []
        self.arrivals: list[Deferred[Talker]] = []
        self.server_port = self.listen()
        self.proxy = FaultProxy(f"http://127.0.0.1:{self.server_port}")
        self.addCleanup(self.proxy.stop)
        return self.proxy.start()

    def listen(self) -> int:
        listening: Any = reactor.listenTCP(
            0, Factory.forProtocol(self.serve), interface="127.0.0.1"
        )
        self.addCleanup(listening.stopListening)
        self.addCleanup(lambda: [each.transport.abortConnection() for each in self.served])
        port: int = listening.getHost().port
        return port

    #: What both sides are.
    talker: type[Talker] = Talker

    def serve(self) -> Talker:
        talker = self.talker()
        self.served.append(talker)
        return talker

    async def talk(self, port: int | None = None) -> Talker:
        """A client, connected to the proxy."""
        talker = self.talker()
        factory: Any = Factory.forProtocol(lambda: talker)
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port or self.proxy.port)
        await endpoint.connect(factory)
        self.addCleanup(talker.transport.abortConnection)
        return talker

    async def say(self, data: bytes) -> tuple[Talker, Talker]:
        """A client that says something first, and the server's side of its connection."""
        count = len(self.served)
        client = (await self.talk()).say(data)
        await self.so(lambda: len(self.served) > count and bool(self.served[-1].heard))
        server = self.served[-1]
        await server.hears(data)
        return client, server

    async def so(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so that nobody tells."""
        while not reached():
            await self.turn()

    async def turn(self, seconds: float = 0.0) -> None:
        await deferLater(reactor, seconds)

    async def assertEnd(self, talker: Talker, clean: bool) -> None:
        await talker.ends()
        self.assertIs(talker.end, ConnectionDone if clean else ConnectionLost)


class TransparencyTests(Case):
    async def test_bytes_pass_both_ways_whatever_they_are(self):
        """Not HTTP, not text, and more than any buffer holds."""
        data = bytes(range(256)) * 4096
        client, server = await self.say(data)
        server.say(data[::-1])
        await client.hears(data[::-1])
        self.assertEqual((self.proxy.connections, self.proxy.accepted), (1, 1))

    async def test_many_requests_on_one_connection_pass(self):
        """Replies of each kind, each in one piece."""
        client, server = await self.say(GET)
        for reply in (REPLY, CHUNKED, EMPTY, REPLY):
            client.heard = b""
            server.say(reply)
            await client.hears(reply)
            server.heard = b""
            client.say(PUT)
            await server.hears(PUT)

    async def test_small_writes_do_not_wait_for_acknowledgements(self):
        """TCP_NODELAY is on, on both sides."""
        await self.say(GET)
        (relay,) = self.proxy._relays
        self.assertTrue(relay._client.getTcpNoDelay())
        self.assertTrue(relay._server.getTcpNoDelay())

    async def test_an_end_of_the_server_comes_after_what_it_said(self):
        """In order, or by a reset."""
        for close, clean in (("loseConnection", True), ("abortConnection", False)):
            client, server = await self.say(GET)
            server.say(REPLY)
            await client.hears(REPLY)
            getattr(server.transport, close)()
            await self.assertEnd(client, clean)

    async def test_an_end_of_the_client_comes_after_what_it_said(self):
        """Even if the server was not connected yet when it was said."""
        client = (await self.talk()).say(PUT)
        client.transport.loseConnection()
        await self.so(lambda: bool(self.served))
        await self.assertEnd(self.served[0], clean=True)
        self.assertEqual(self.served[0].heard, PUT)
        await self.so(lambda: not self.proxy._relays)

    async def test_a_reset_by_the_client_reaches_the_server(self):
        """It may be how a client gives up a wait."""
        client, server = await self.say(GET)
        client.transport.abortConnection()
        await self.assertEnd(server, clean=False)
        await self.so(lambda: not self.proxy._relays)
        self.assertEqual((self.proxy.connections, self.proxy.accepted), (0, 1))

    async def test_a_client_that_does_not_read_stops_the_server(self):
        """Nothing piles up in between, and nothing is lost."""
        client, server = await self.say(GET)
        client.transport.pauseProducing()
        data = b"x" * (1 << 24)
        server.say(data)
        (relay,) = self.proxy._relays
        await self.so(lambda: relay._to_client._source_paused)
        self.assertLess(relay._to_client._size, 3 * FULL)
        client.transport.resumeProducing()
        await client.until(lambda: len(client.heard) == len(data))

    async def test_a_server_that_is_not_there_is_a_reset(self):
        """A proxy cannot refuse what it has accepted."""
        nobody = ReservedPort()
        self.addCleanup(nobody.release)
        self.proxy.retarget(f"127.0.0.1:{nobody.number}")
        await self.assertEnd((await self.talk()).say(GET), clean=False)

    async def test_a_target_that_has_no_url_yet_is_an_error_in_the_log(self):
        """And a reset; the test that forgot to start the server fails."""

        class Unborn:
            @property
            def url(self) -> str:
                raise RuntimeError("not started")

        self.proxy.retarget(Unborn())
        await self.assertEnd((await self.talk()).say(GET), clean=False)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_another_target_is_for_new_connections(self):
        """Those that are open stay where they are."""
        client, server = await self.say(GET)
        elsewhere = self.listen()
        self.proxy.retarget(f"http://127.0.0.1:{elsewhere}/")
        client.say(PUT)
        await server.hears(GET + PUT)
        _, server = await self.say(GET)
        self.assertEqual(server.transport.getHost().port, elsewhere)


class StrikeTests(Case):
    async def test_cut_before_request_the_server_gets_nothing(self):
        """On a connection that had worked until then."""
        client, server = await self.say(GET)
        server.say(REPLY)
        await client.hears(REPLY)
        self.proxy.cut_before_request()
        client.say(PUT)
        await self.assertEnd(client, clean=False)
        await server.ends()
        self.assertEqual((server.heard, client.heard), (GET, REPLY))
        self.assertEqual(self.proxy.cuts, 1)

    async def test_cut_before_request_on_a_new_connection_the_server_gets_nothing(self):
        """The fault may strike before there is a connection to the server."""
        self.proxy.cut_before_request()
        await self.assertEnd((await self.talk()).say(PUT), clean=False)
        await self.so(lambda: not self.proxy._relays)
        self.assertEqual(b"".join(each.heard for each in self.served), b"")

    async def test_cut_after_request_the_server_answers_and_the_client_gets_nothing(self):
        """Nor is the client cut before there is an answer."""
        self.proxy.cut_after_request()
        client, server = await self.say(PUT)
        await self.turn(0.01)
        self.assertIsNone(client.end)
        server.say(REPLY)
        await self.assertEnd(client, clean=False)
        self.assertEqual(client.heard, b"")
        await server.ends()

    async def test_cut_mid_header_the_client_gets_part_of_the_head(self):
        """Also if the head comes byte by byte."""
        for first in (REPLY, REPLY[:1]):
            self.proxy.cut_mid_header()
            client, server = await self.say(GET)
            server.say(first)
            await self.assertEnd(client, clean=False)
            self.assertTrue(REPLY.startswith(client.heard))
            self.assertTrue(client.heard)
            self.assertNotIn(b"\r\n\r\n", client.heard)

    async def test_cut_mid_body_the_client_gets_the_head_and_part_of_the_body(self):
        """With a length, or in chunks; in one piece with the head, or after it."""
        for reply in (REPLY, CHUNKED):
            for split in (len(reply), reply.index(b"\r\n\r\n") + 4):
                self.proxy.cut_mid_body()
                client, server = await self.say(GET)
                server.say(reply[:split])
                if split < len(reply):
                    await client.hears(reply[:split])
                    server.say(reply[split:])
                await self.assertEnd(client, clean=False)
                self.assertTrue(reply.startswith(client.heard))
                self.assertIn(b"\r\n\r\n", client.heard[:-1])
                self.assertLess(len(client.heard), len(reply))

    async def test_cut_mid_body_of_one_byte_gives_the_head_alone(self):
        """All of the body would not be a part of it."""
        self.proxy.cut_mid_body()
        client, server = await self.say(GET)
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!")
        await self.assertEnd(client, clean=False)
        self.assertEqual(client.heard, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")

    async def test_cut_mid_body_waits_for_a_reply_that_has_one(self):
        """The reply without one passes whole."""
        self.proxy.cut_mid_body()
        client, server = await self.say(GET)
        server.say(EMPTY)
        await client.hears(EMPTY)
        self.assertIn("cut_mid_body(times=1)", repr(self.proxy))
        client.say(GET)
        await server.hears(GET + GET)
        server.say(REPLY)
        await self.assertEnd(client, clean=False)
        self.assertNotIn("cut", repr(self.proxy))
        self.assertEqual(self.proxy.cuts, 1)

    async def test_a_reply_to_head_has_no_body_to_be_cut_in(self):
        """Whatever length it announces."""
        self.proxy.cut_mid_body()
        head = REPLY.partition(b"0123")[0]
        client, server = await self.say(GET.replace(b"GET", b"HEAD"))
        server.say(head)
        await client.hears(head)
        server.heard = b""
        client.say(GET)
        await server.hears(GET)
        server.say(REPLY)
        await self.assertEnd(client, clean=False)
        self.assertEqual(client.heard, head + REPLY[:-5])

    async def test_a_clean_cut_looks_as_if_all_was_well(self):
        """What was delivered is the same as with a reset."""
        heard = {}
        for name in ("before_request", "after_request", "mid_header", "mid_body"):
            getattr(self.proxy, f"cut_{name}")(clean=True)
            if name == "before_request":
                client = (await self.talk()).say(GET)
            else:
                client, server = await self.say(GET)
                server.say(REPLY)
            await self.assertEnd(client, clean=True)
            heard[name] = client.heard
        head = REPLY.partition(b"0123")[0]
        self.assertEqual(heard["before_request"], b"")
        self.assertEqual(heard["after_request"], b"")
        self.assertEqual(heard["mid_header"], head[: len(head) // 2])
        self.assertEqual(heard["mid_body"], head + b"01234")

    async def test_a_fault_strikes_as_often_as_it_is_told_to(self):
        """Twice, and then no more."""
        self.proxy.cut_before_request(times=2)
        for _ in range(2):
            await self.assertEnd((await self.talk()).say(GET), clean=False)
        await self.say(GET)
        self.assertEqual(self.proxy.cuts, 2)

    async def test_a_fault_without_a_number_strikes_until_it_is_healed(self):
        """Each and every request."""
        self.proxy.cut_before_request(times=None)
        for _ in range(5):
            await self.assertEnd((await self.talk()).say(GET), clean=False)
        self.assertIn("cut_before_request(times=None)", repr(self.proxy))
        await self.proxy.heal()
        await self.say(GET)

    async def test_a_fault_for_a_method_lets_others_pass(self):
        """Also if the method comes letter by letter."""
        self.proxy.cut_before_request(method="put")
        self.assertIn("cut_before_request(times=1, method=PUT)", repr(self.proxy))
        client, server = await self.say(GET)
        for letter in (b"P", b"U", b"T", b" "):
            self.assertIsNone(client.end)
            client.say(letter)
            await self.turn(0.01)
        await self.assertEnd(client, clean=False)
        self.assertEqual(server.heard, GET)

    async def test_of_two_methods_with_one_beginning_the_right_one_is_struck(self):
        """Bytes that might have been a PUT are passed on when they are a POST."""
        self.proxy.cut_before_request(method="PUT")
        client = await self.talk()
        client.say(b"P")
        await self.so(lambda: any(relay._held for relay in self.proxy._relays))
        client.say(b"OST /a HTTP/1.1\r\n\r\n")
        await self.so(lambda: bool(self.served and self.served[0].heard))
        await self.served[0].hears(b"POST /a HTTP/1.1\r\n\r\n")

    async def test_faults_strike_in_the_order_in_which_they_were_set(self):
        """One for each request."""
        self.proxy.cut_mid_header()
        self.proxy.cut_before_request()
        client, server = await self.say(GET)
        await self.assertEnd((await self.talk()).say(GET), clean=False)
        server.say(REPLY)
        await client.ends()
        self.assertTrue(client.heard)

    async def test_requests_in_one_piece_are_struck_one_by_one(self):
        """The reply to the first is delivered before the second is cut."""
        self.proxy.cut_before_request(method="PUT")
        client = (await self.talk()).say(GET + GET + PUT + GET)
        await self.assertEnd(client, clean=False)
        self.proxy.cut_after_request(method="PUT")
        client, server = await self.say(GET + PUT)
        server.say(REPLY + REPLY)
        await self.assertEnd(client, clean=False)
        self.assertEqual(client.heard, REPLY)

    async def test_a_body_is_not_taken_for_a_request(self):
        """Even if it looks like one."""
        self.proxy.cut_before_request(method="GET")
        head = b"PUT /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(GET)
        client, _ = await self.say(head + GET)
        self.assertIsNone(client.end)
        self.assertEqual(self.proxy.cuts, 0)

    async def test_what_cannot_be_set_is_an_error(self):
        """Rather than a fault that never strikes."""
        self.assertRaises(ValueError, self.proxy.cut_before_request, times=0)
        self.assertRaises(ValueError, self.proxy.throttle, 0)


class PaceTests(Case):
    async def test_a_delay_is_for_both_directions(self):
        """And for nothing once it is lifted."""
        self.proxy.delay(0.05)
        self.assertIn("delay(0.05)", repr(self.proxy))
        began = reactor.seconds()
        client, server = await self.say(GET)
        server.say(REPLY)
        await client.hears(REPLY)
        self.assertGreaterEqual(reactor.seconds() - began, 0.1)
        self.proxy.delay(0)
        client.say(GET)
        await server.hears(GET + GET)
        self.assertNotIn("delay", repr(self.proxy))

    async def test_an_end_is_late_too(self):
        """It comes after what was said before it."""
        client, server = await self.say(GET)
        self.proxy.delay(0.05)
        began = reactor.seconds()
        server.say(REPLY)
        server.transport.loseConnection()
        await self.assertEnd(client, clean=True)
        self.assertEqual(client.heard, REPLY)
        self.assertGreaterEqual(reactor.seconds() - began, 0.05)

    async def test_a_throttled_reply_comes_byte_by_byte(self):
        """Each by itself; the request is not slowed."""
        self.proxy.throttle()
        self.assertIn("throttle(1, 0)", repr(self.proxy))
        client, server = await self.say(GET)
        server.say(REPLY)
        await client.hears(REPLY)
        self.assertGreater(len(client.pieces), len(REPLY) // 2)
        self.proxy.throttle(None)
        client.heard = b""
        server.say(REPLY)
        await client.hears(REPLY)

    async def test_stopping_forgets_what_is_late(self):
        """Trial sees to it that no delayed call is left."""
        client, server = await self.say(GET)
        self.proxy.delay(1000)
        server.say(REPLY)
        client.say(GET)
        await self.so(lambda: all(relay._to_client._timer for relay in self.proxy._relays))
        await self.proxy.stop()
        await client.ends()
        self.assertEqual(client.heard, b"")


class BlackHoleTests(Case):
    async def test_a_new_connection_is_accepted_and_nothing_else_happens(self):
        """The server knows nothing of it, even after the fault is lifted."""
        self.proxy.black_hole()
        self.assertIn("black_hole", repr(self.proxy))
        client = (await self.talk()).say(GET)
        await self.so(lambda: self.proxy.connections == 1)
        await self.turn(0.02)
        self.assertEqual((client.end, client.heard, self.served), (None, b"", []))
        self.proxy.black_hole(False)
        client.say(GET)
        await self.say(GET)
        self.assertEqual((client.end, client.heard, len(self.served)), (None, b"", 1))
        self.assertEqual(self.proxy.connections, 2)

    async def test_an_open_connection_falls_silent_both_ways(self):
        """For good, since what comes later would make no sense."""
        client, server = await self.say(GET)
        self.proxy.black_hole()
        client.say(GET)
        server.say(REPLY)
        await self.so(lambda: all(relay._silent for relay in self.proxy._relays))
        self.proxy.black_hole(False)
        server.say(REPLY)
        await self.turn(0.02)
        self.assertEqual((client.heard, server.heard), (b"", GET))
        self.assertEqual((client.end, server.end), (None, None))

    async def test_a_connection_that_swallowed_nothing_goes_on(self):
        """It did not notice."""
        client, server = await self.say(GET)
        self.proxy.black_hole()
        await self.turn()
        self.proxy.black_hole(False)
        server.say(REPLY)
        await client.hears(REPLY)

    async def test_the_end_of_a_client_is_swallowed_until_the_fault_is_lifted(self):
        """As when a cable is cut."""
        client, server = await self.say(GET)
        self.proxy.black_hole()
        client.transport.loseConnection()
        await client.ends()
        await self.so(lambda: not self.proxy.connections)
        await self.turn(0.02)
        self.assertIsNone(server.end)
        self.proxy.black_hole(False)
        await server.ends()
        await self.so(lambda: not self.proxy._relays)

    async def test_the_end_of_a_server_is_swallowed(self):
        """The client waits."""
        client, server = await self.say(GET)
        self.proxy.black_hole()
        server.transport.loseConnection()
        await server.ends()
        await self.turn(0.02)
        self.assertIsNone(client.end)
        self.proxy.cut_all()
        await self.assertEnd(client, clean=False)

    async def test_stopping_ends_it(self):
        """And the connections in it, with and without a server."""
        first, _ = await self.say(GET)
        self.proxy.black_hole()
        second = (await self.talk()).say(GET)
        await self.proxy.stop()
        await self.assertEnd(first, clean=False)
        await self.assertEnd(second, clean=False)


class HalfCloseTests(Case):
    """A connection of which one side says nothing more."""

    talker = HalfTalker

    async def one_ends(self, first: Any, second: Any) -> None:
        first.says_no_more()
        await second.until(lambda: second.is_told_end)
        self.assertEqual((first.end, second.end), (None, None))
        heard = len(first.heard)
        second.say(REPLY)
        await first.until(lambda: first.heard[heard:] == REPLY)
        second.says_no_more()
        await first.until(lambda: first.is_told_end)
        await self.so(lambda: not self.proxy._relays)

    async def test_a_client_that_says_no_more_hears_the_reply_and_then_the_end(self):
        client, server = await self.say(GET)
        await self.one_ends(client, server)

    async def test_a_server_that_says_no_more_hears_what_the_client_says(self):
        client, server = await self.say(GET)
        await self.one_ends(server, client)

    async def test_it_comes_after_what_was_said_though_that_is_late(self):
        self.proxy.delay(0.02)
        client: Any = await self.talk()
        client.say(PUT).says_no_more()
        await self.so(lambda: bool(self.served))
        server: Any = self.served[0]
        await server.until(lambda: server.is_told_end)
        self.assertEqual(server.heard, PUT)

    async def test_a_reset_after_it_is_passed_on(self):
        client, server = await self.say(GET)
        client.says_no_more()
        await server.until(lambda: server.is_told_end)
        server.transport.abortConnection()
        await self.assertEnd(client, clean=False)

    async def test_a_black_hole_swallows_it_and_what_comes_of_it(self):
        client, server = await self.say(GET)
        self.proxy.black_hole()
        client.says_no_more()
        await self.so(lambda: not self.proxy.connections)
        await self.turn(0.02)
        self.assertEqual((server.is_told_end, client.is_told_end), (False, False))
        await self.proxy.heal()
        await self.assertEnd(client, clean=False)

    async def test_where_replies_are_swallowed_the_server_is_told_and_the_client_is_not(self):
        self.proxy.swallow_replies()
        client, server = await self.say(GET)
        client.says_no_more()
        await server.until(lambda: server.is_told_end)
        server.say(REPLY).says_no_more()
        await self.so(lambda: self.proxy.swallowed == len(REPLY))
        await self.turn(0.02)
        self.assertEqual((client.heard, client.is_told_end, client.end), (b"", False, None))

    async def test_where_replies_are_swallowed_nobody_is_connected_when_both_have_ended(self):
        """In either order: the client is never told, and may be gone for good."""
        self.proxy.swallow_replies()
        client, server = await self.say(GET)
        client.says_no_more()
        await server.until(lambda: server.is_told_end)
        self.assertEqual((self.proxy.connections, self.proxy.in_flight), (1, 1))
        server.say(REPLY)
        await self.so(lambda: self.proxy.swallowed == len(REPLY))
        self.assertEqual((self.proxy.connections, self.proxy.in_flight), (1, 1))
        server.says_no_more()
        await self.so(lambda: self.proxy.connections == 0)
        client, server = await self.say(GET)
        server.say(REPLY).says_no_more()
        await self.so(lambda: self.proxy.swallowed == 2 * len(REPLY))
        self.assertEqual((self.proxy.connections, self.proxy.in_flight), (1, 1))
        client.says_no_more()
        await self.so(lambda: self.proxy.connections == 0)
        self.assertEqual(self.proxy.in_flight, 0)

    async def test_one_who_ended_and_is_owed_a_reply_is_connected(self):
        client, server = await self.say(GET)
        client.says_no_more()
        await server.until(lambda: server.is_told_end)
        self.proxy.delay(1000)
        server.say(REPLY).says_no_more()
        (relay,) = self.proxy._relays
        await self.so(lambda: relay._server is None)
        self.assertEqual((client.heard, self.proxy.connections), (b"", 1))


class WholeProxyTests(Case):
    async def test_cut_all_resets_all_that_is_open_and_nothing_else(self):
        """New connections are as good as before."""
        talkers = [each for _ in range(3) for each in await self.say(GET)]
        self.assertEqual(self.proxy.connections, 3)
        self.proxy.cut_all()
        for talker in talkers:
            await self.assertEnd(talker, clean=False)
        self.assertEqual(self.proxy.connections, 0)
        await self.say(GET)

    async def test_cut_every_cuts_again_and_again_until_it_is_healed(self):
        """With an interval that can be changed."""
        self.proxy.cut_every(1000)
        self.proxy.cut_every(0.01)
        for _ in range(3):
            await self.assertEnd(await self.talk(), clean=False)
        await self.proxy.heal()
        client, _ = await self.say(GET)
        await self.turn(0.03)
        self.assertIsNone(client.end)

    async def test_refuse_refuses_new_connections_and_keeps_the_others(self):
        """Until it is told to listen again, on the same port."""
        client, server = await self.say(GET)
        port = self.proxy.port
        await self.proxy.refuse()
        await self.proxy.refuse()
        self.assertIn(f"refusing on {port}", repr(self.proxy))
        await self.assertFailure(Deferred.fromCoroutine(self.talk()), ConnectError)
        server.say(REPLY)
        await client.hears(REPLY)
        await self.proxy.refuse(False)
        self.assertEqual(self.proxy.port, port)
        await self.say(GET)

    async def test_half_open_loses_the_server_and_tells_no_client(self):
        """What the client says then is swallowed; its next connection works."""
        client, server = await self.say(GET)
        self.proxy.half_open()
        await self.assertEnd(server, clean=False)
        client.say(GET)
        await self.so(lambda: self.proxy.swallowed == len(GET))
        self.assertIsNone(client.end)
        self.assertEqual((client.heard, self.proxy.connections), (b"", 1))
        other, its_server = await self.say(GET)
        its_server.say(REPLY)
        await other.hears(REPLY)
        client.transport.loseConnection()
        await self.so(lambda: self.proxy.connections == 1)

    async def test_half_open_stays_so_when_it_is_healed(self):
        """The connection is to a machine that is gone."""
        client, _ = await self.say(GET)
        self.proxy.half_open()
        await self.proxy.heal()
        client.say(GET)
        await self.so(lambda: self.proxy.swallowed == len(GET))
        self.assertIsNone(client.end)

    async def test_half_open_gives_up_a_connection_that_is_being_made(self):
        """And the client of it is not told either."""
        self.patch(Address, "endpoint", lambda *_: _NeverConnects())
        client = (await self.talk()).say(GET)
        await self.so(lambda: self.proxy.in_flight == 1)
        self.proxy.half_open()
        await self.turn(0.01)
        self.assertIsNone(client.end)

    async def test_swallowed_replies_are_of_requests_that_were_carried_out(self):
        """The server has every byte, and the client none; nor does it hear of an end."""
        self.proxy.swallow_replies()
        client, server = await self.say(PUT)
        server.say(REPLY)
        await self.so(lambda: self.proxy.swallowed == len(REPLY))
        client.say(GET)
        await server.hears(PUT + GET)
        server.transport.loseConnection()
        await server.ends()
        await self.turn(0.01)
        self.assertEqual((client.heard, client.end), (b"", None))

    async def test_a_connection_that_lost_a_reply_stays_silent_and_a_new_one_does_not(self):
        """What came later would make no sense."""
        self.proxy.swallow_replies()
        self.assertIn("faults: swallow_replies", repr(self.proxy))
        client, server = await self.say(GET)
        server.say(REPLY)
        await self.so(lambda: self.proxy.swallowed == len(REPLY))
        self.proxy.swallow_replies(False)
        other, its_server = await self.say(GET)
        its_server.say(REPLY)
        await other.hears(REPLY)
        server.say(REPLY)
        await self.so(lambda: self.proxy.swallowed == 2 * len(REPLY))
        self.assertEqual(client.heard, b"")

    async def test_it_counts_the_requests_that_pass_and_those_that_are_waited_for(self):
        """So that a test can see that its fault struck anything."""
        client, server = await self.say(GET)
        client.say(PUT)
        await server.hears(GET + PUT)
        self.assertEqual((self.proxy.requests, self.proxy.in_flight), (2, 2))
        server.say(REPLY)
        await client.hears(REPLY)
        self.assertEqual(self.proxy.in_flight, 1)
        client.transport.abortConnection()
        await self.so(lambda: self.proxy.in_flight == 0)
        self.assertEqual((self.proxy.requests, self.proxy.swallowed), (2, 0))

    async def test_a_client_that_has_left_waits_for_nothing(self):
        """Though a black hole keeps its connection to the server."""
        client, server = await self.say(GET)
        self.proxy.black_hole()
        self.assertEqual(self.proxy.in_flight, 1)
        client.transport.abortConnection()
        await self.so(lambda: self.proxy.connections == 0)
        self.assertEqual((self.proxy.in_flight, server.end), (0, None))

    async def test_it_counts_what_a_black_hole_swallows(self):
        """Of both sides; nothing of it counts as a request."""
        client, server = await self.say(GET)
        self.proxy.black_hole()
        client.say(PUT)
        server.say(REPLY)
        await self.so(lambda: self.proxy.swallowed == len(PUT) + len(REPLY))
        self.assertEqual(self.proxy.requests, 1)

    async def test_heal_lifts_all_faults_at_once(self):
        """Nobody needs to remember what was set."""
        self.proxy.cut_before_request(times=None)
        self.proxy.cut_mid_body()
        self.proxy.delay(1000)
        self.proxy.throttle(2, 0.5)
        self.proxy.black_hole()
        self.proxy.swallow_replies()
        self.proxy.cut_every(1000)
        self.proxy.refuse()
        await self.proxy.heal()
        self.assertNotIn("faults", repr(self.proxy))
        self.assertIn("listening", repr(self.proxy))
        client, server = await self.say(GET)
        server.say(REPLY)
        await client.hears(REPLY)

    async def test_a_stopped_proxy_is_gone_and_may_be_started_again(self):
        """Whoever was connected is reset."""
        client, server = await self.say(GET)
        url = self.proxy.url
        self.assertEqual(url, f"http://127.0.0.1:{self.proxy.port}")
        await self.proxy.stop()
        await self.proxy.stop()
        await self.assertEnd(client, clean=False)
        await self.assertEnd(server, clean=False)
        self.assertEqual(self.proxy.url, url)
        self.assertRegex(repr(self.proxy), r"^<FaultProxy to http://\S+: stopped, 0 connected>$")
        await self.assertFailure(Deferred.fromCoroutine(self.talk()), ConnectError)
        await self.proxy.heal()
        await self.assertFailure(Deferred.fromCoroutine(self.talk()), ConnectError)
        self.assertIs(await self.proxy.start(), self.proxy)
        await self.say(GET)

    async def test_stopping_gives_up_a_connection_that_is_being_made(self):
        """Trial sees to it that nothing is left of it."""
        self.patch(Address, "endpoint", lambda *_: _NeverConnects())
        client = (await self.talk()).say(GET)
        await self.so(lambda: self.proxy.connections == 1)
        await self.proxy.stop()
        await self.assertEnd(client, clean=False)

    async def test_starting_it_twice_is_an_error(self):
        """The port of the first is in use."""
        port = self.proxy.port
        await self.assertFailure(self.proxy.start(), RuntimeError)
        self.assertEqual(self.proxy.port, port)
        await self.say(GET)

    async def test_a_port_that_somebody_takes_at_the_last_moment_does_not_matter(self):
        """Another is tried, but not for ever."""
        taken = Taken(self.proxy.port)
        ports: list[Any] = [taken]
        self.patch(
            faultproxy_module, "ReservedPort", lambda: ports.pop() if ports else ReservedPort()
        )
        proxy = FaultProxy(f"127.0.0.1:{self.server_port}")
        self.addCleanup(proxy.stop)
        await proxy.start()
        self.assertNotEqual(proxy.port, self.proxy.port)
        await proxy.stop()
        self.patch(faultproxy_module, "ReservedPort", lambda: taken)
        await self.assertFailure(proxy.start(), CannotListenError)
        self.assertIn("stopped", repr(proxy))

    async def test_its_repr_says_what_goes_on(self):
        """Target, state, connections, and faults in full."""
        other = FaultProxy("127.0.0.1:1")
        self.assertEqual(repr(other), "<FaultProxy to 127.0.0.1:1: not started, 0 connected>")
        self.assertRaises(RuntimeError, getattr, other, "port")
        await self.say(GET)
        self.proxy.cut_mid_header(times=3, method="GET", clean=True)
        self.assertEqual(
            repr(self.proxy),
            f"<FaultProxy to http://127.0.0.1:{self.server_port}: "
            f"listening on {self.proxy.port}, 1 connected, "
            "faults: cut_mid_header(times=3, method=GET, clean)>",
        )

    async def test_it_has_the_scheme_of_its_target(self):
        """TLS passes through it like anything else."""
        self.proxy.retarget("https://127.0.0.1:1")
        self.assertEqual(self.proxy.url, f"https://127.0.0.1:{self.proxy.port}")

    async def test_faults_may_be_set_before_it_is_started(self):
        """They wait."""
        proxy = FaultProxy(f"127.0.0.1:{self.server_port}")
        self.addCleanup(proxy.stop)
        proxy.cut_before_request()
        await proxy.start()
        await self.assertEnd((await self.talk(proxy.port)).say(GET), clean=False)


class _NeverConnects:
    """An endpoint whose server does not answer."""

    def connect(self, factory: Any) -> Deferred[Any]:
        return Deferred()


class RealEtcdTests(RealServerTestCase):
    async def ask(self, port: int, method: str, body: str = "") -> Talker:
        """Send one request for this test's key."""
        talker = Talker()
        factory: Any = Factory.forProtocol(lambda: talker)
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        await endpoint.connect(factory)
        self.addCleanup(talker.transport.abortConnection)
        head = (
            f"{method} /v2/keys{self.prefix} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        talker.say((head + body).encode("ascii"))
        await talker.ends()
        return talker

    async def stored(self) -> bytes:
        """What etcd says of the key, without a proxy."""
        return (await self.ask(int(self.etcd_url.rpartition(":")[2]), "GET")).heard

    async def test_a_write_that_was_cut_before_it_is_not_made_and_one_cut_after_it_is(self):
        """The two cases that a client cannot tell from each other."""
        proxy = await self.proxy()
        proxy.cut_before_request(method="PUT")
        cut = await self.ask(proxy.port, "PUT", "value=before")
        self.assertEqual((cut.end, cut.heard), (ConnectionLost, b""))
        self.assertIn(b"Key not found", await self.stored())

        proxy.cut_after_request(method="PUT")
        cut = await self.ask(proxy.port, "PUT", "value=after")
        self.assertEqual((cut.end, cut.heard), (ConnectionLost, b""))
        self.assertIn(b'"value":"after"', await self.stored())

    async def test_half_a_reply_is_half_a_reply_of_etcd(self):
        """The head is whole, and the JSON is not."""
        proxy = await self.proxy()
        await self.ask(proxy.port, "PUT", "value=1")
        proxy.cut_mid_body()
        cut = await self.ask(proxy.port, "GET")
        self.assertEqual(cut.end, ConnectionLost)
        self.assertIn(b"X-Etcd-Index", cut.heard)
        self.assertIn(b'{"action":"get"', cut.heard)
        self.assertNotIn(b"}", cut.heard)

    async def test_a_server_can_be_the_target(self):
        """Its URL is looked up when there is a connection to be made."""
        server = await self.server()
        proxy = await self.proxy(server)
        await self.ask(proxy.port, "PUT", "value=1")
        await server.restart()
        self.assertIn(b'"value":"1"', (await self.ask(proxy.port, "GET")).heard)
        self.assertIn(repr(server), repr(proxy))


class AddressTests(SynchronousTestCase):
    def test_a_server_is_named_by_a_url_or_by_host_and_port(self):
        """IPv6 in brackets; what follows the port does not matter."""
        for text, expected in (
            ("http://127.0.0.1:2379", Address("http", "127.0.0.1", 2379)),
            ("http://example.org/v2/", Address("http", "example.org", 80)),
            ("https://example.org", Address("https", "example.org", 443)),
            ("localhost:2379", Address("http", "localhost", 2379)),
            ("[::1]:2379", Address("http", "::1", 2379)),
        ):
            self.assertEqual(Address.parse(text), expected)

    def test_what_names_no_server_is_an_error_at_once(self):
        """Rather than at the first connection."""
        for text in ("", "localhost", "http://", ":2379", "localhost:port", "ftp://x"):
            self.assertRaises(ValueError, FaultProxy, text)


class FaultsTests(SynchronousTestCase):
    def test_a_fault_for_all_methods_needs_no_byte_to_decide(self):
        """One for a method waits for as many as it takes."""
        faults = Faults(cuts=[Cut(CutAt.BEFORE_REQUEST, method=b"PUT")])
        self.assertTrue(faults.undecided(b"PU"))
        self.assertFalse(faults.undecided(b"PUT "))
        self.assertFalse(faults.undecided(b"PO"))
        self.assertFalse(Faults(cuts=[Cut(CutAt.BEFORE_REQUEST)]).undecided(b"P"))
        self.assertFalse(Faults().undecided(b"P"))

    def test_a_claim_uses_a_fault_up_and_giving_it_back_restores_it(self):
        """Also one that was used up altogether."""
        cut, forever = Cut(CutAt.MID_BODY, left=1), Cut(CutAt.MID_BODY, left=None)
        faults = Faults(cuts=[cut, forever])
        self.assertIs(faults.claim(b"GET /"), cut)
        self.assertIs(faults.claim(b"GET /"), forever)
        faults.give_back(forever)
        faults.give_back(cut)
        self.assertEqual(faults.cuts, [cut, forever])


class FakeTransport:
    """Remembers what is done to it; all that was written is sent when the test says so."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.paused = False
        self.producer: Any = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert not streaming
        self.producer = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def sent(self) -> None:
        self.producer.resumeProducing()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False


class PipeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.source, self.sink = FakeTransport(), FakeTransport()
        self.delay = 0.0
        self.throttle: Throttle | None = None
        self.pipe = Pipe(self.clock, lambda: self.delay, lambda: self.throttle)
        self.pipe.source = self.source  # type: ignore[assignment]
        self.ended: list[bool] = []

    def attach(self) -> None:
        self.pipe.attach(self.sink)  # type: ignore[arg-type]

    def end(self) -> None:
        self.pipe.end(lambda: self.ended.append(True))

    def test_bytes_wait_for_the_sink_and_then_for_each_other(self):
        """What comes while others are being sent goes in one piece."""
        self.pipe.send(b"a")
        self.attach()
        self.assertEqual(self.sink.written, [b"a"])
        self.pipe.send(b"b")
        self.pipe.send(b"c")
        self.assertEqual(self.sink.written, [b"a"])
        self.sink.sent()
        self.assertEqual(self.sink.written, [b"a", b"bc"])

    def test_the_end_comes_when_all_is_sent(self):
        """Not when it is merely written."""
        self.attach()
        self.pipe.send(b"a")
        self.end()
        self.assertEqual(self.ended, [])
        self.sink.sent()
        self.assertEqual(self.ended, [True])
        self.assertIsNone(self.sink.producer)

    def test_with_nothing_to_send_the_end_comes_at_once(self):
        """Once there is something to end."""
        self.end()
        self.assertEqual(self.ended, [])
        self.attach()
        self.assertEqual(self.ended, [True])

    def test_a_source_that_is_too_fast_is_paused_until_its_bytes_are_sent(self):
        """No more than a little is ever kept."""
        self.attach()
        self.pipe.send(b"a")
        self.pipe.send(b"b" * FULL)
        self.assertFalse(self.source.paused)
        self.pipe.send(b"c")
        self.assertTrue(self.source.paused)
        self.sink.sent()
        self.assertFalse(self.source.paused)

    def test_a_delay_keeps_the_order_and_the_distances(self):
        """Also when it is changed in between."""
        self.attach()
        self.delay = 1.0
        self.pipe.send(b"a")
        self.clock.advance(0.5)
        self.delay = 0.0
        self.pipe.send(b"b")
        self.end()
        self.assertEqual(self.sink.written, [])
        self.clock.advance(0.5)
        self.assertEqual(self.sink.written, [b"ab"])
        self.sink.sent()
        self.assertEqual(self.ended, [True])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_throttle_lets_a_few_bytes_pass_at_a_time(self):
        """The next when the last are sent, and not before the interval is over."""
        self.attach()
        self.throttle = Throttle(2, 1.0)
        self.pipe.send(b"abc")
        self.sink.sent()
        self.assertEqual(self.sink.written, [b"ab"])
        self.clock.advance(1.0)
        self.assertEqual(self.sink.written, [b"ab", b"c"])

    def test_a_throttle_without_an_interval_waits_only_until_the_last_are_sent(self):
        """As fast as the network is, byte by byte."""
        self.attach()
        self.throttle = Throttle(1, 0.0)
        self.pipe.send(b"abc")
        for _ in range(3):
            self.sink.sent()
        self.assertEqual(self.sink.written, [b"a", b"b", b"c"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_closed_pipe_forgets_everything(self):
        """No delayed call is left, and nothing is written or ended any more."""
        self.attach()
        self.delay = 1.0
        self.pipe.send(b"a")
        self.end()
        self.sink.producer.stopProducing()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(2.0)
        self.assertEqual((self.sink.written, self.ended), ([], []))
