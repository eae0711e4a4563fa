"""A bad server cannot hurt the process (DESIGN, promises 4 to 6): the whole client against each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.http.wire import URL, Connection, Peer, RawServer
from txetcd import (
    AmbiguousWrite,
    Etcd,
    NodeOp,
    ReplyLost,
    RequestTimedOut,
    TxetcdError,
    connect,
)
from txetcd.errors import MalformedResponse, ResponseTooLarge

reactor: Any = _reactor

#: How long an operation may take in all, in seconds; one attempt may take half of it.
TIMEOUT = 2.0
#: How much time passes between two things that a server does, in seconds.
TICK = 0.0625

#: The limits that a client has by default, in bytes.
HEAD, BODY = 64 * 1024, 64 * 1024 * 1024
#: What one read of a socket brings at most.
READ = 64 * 1024

NODE = b"""{"action": "get", "node": {
    "key": "/a", "value": "1", "modifiedIndex": 7, "createdIndex": 6}}"""
GOOD = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 9\r\nContent-Length: %d\r\n\r\n%b" % (len(NODE), NODE)
CHUNKED = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"

#: What a server does on one connection, a tick after the other: it says something, nothing
#: (None), or ends the connection (`END`).
Deed = Any
END = object()
Attack = Callable[[], Iterator[Deed]]


def for_ever(first: bytes, more: bytes) -> Attack:
    """Some bytes, and then others without an end, in pieces as large as one read."""
    piece = more * (READ // len(more))
    return lambda: itertools.chain([first], itertools.repeat(piece))


def silence() -> Iterator[Deed]:
    return itertools.repeat(None)


def a_byte_a_second() -> Iterator[Deed]:
    for byte in GOOD:
        yield bytes([byte])
        yield from itertools.repeat(None, 15)


def half_a_reply() -> Iterator[Deed]:
    yield GOOD[:-5]
    yield from itertools.repeat(None)


def closes_at_once() -> Iterator[Deed]:
    yield END


def closes_within_the_head() -> Iterator[Deed]:
    yield GOOD[:20]
    yield END


def closes_within_the_body() -> Iterator[Deed]:
    yield GOOD[:-5]
    yield END


def says(*pieces: bytes) -> Attack:
    """These bytes, and then nothing."""
    return lambda: itertools.chain(pieces, itertools.repeat(None))


TOO_LATE: dict[str, Attack] = {
    "accepts and is silent": silence,
    "sends a byte a second": a_byte_a_second,
    "sends half a reply": half_a_reply,
}

CUT: dict[str, Attack] = {
    "closes at once": closes_at_once,
    "closes within the head": closes_within_the_head,
    "closes within the body": closes_within_the_body,
}

MALFORMED: dict[str, Attack] = {
    "sends header lines for ever": for_ever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "sends one header for ever": for_ever(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "sends a reason for ever": for_ever(b"HTTP/1.1 200 ", b"y"),
    "sends interim responses for ever": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "sends an interim response for ever": for_ever(b"HTTP/1.1 100 Continue\r\nX: ", b"y"),
    "sends a chunk extension for ever": for_ever(CHUNKED + b"1;", b"x"),
    "sends chunk extensions for ever": for_ever(CHUNKED, b"1;" + b"x" * 100 + b"\r\ny\r\n"),
    "sends a chunk size for ever": for_ever(CHUNKED, b"0"),
    "sends trailers for ever": for_ever(CHUNKED + b"0\r\n", b"X: y\r\n"),
    "sends one trailer for ever": for_ever(CHUNKED + b"0\r\nX: ", b"y"),
    "sends garbage": for_ever(b"", bytes(range(256))),
    "sends lines for ever": for_ever(b"", b"\r\n"),
    "speaks TLS to a plain client": says(TLS_ALERT),
    "is an SSH server": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "tells two lengths": says(GOOD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")),
    "compresses": says(GOOD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")),
    "changes the protocol": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
}

TOO_LARGE: dict[str, tuple[Attack, int]] = {
    # Refused at its head.
    "sends 200 MB with their length": (
        for_ever(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n", b"x"),
        0,
    ),
    # Refused at the limit.
    "sends chunks for ever": (
        for_ever(CHUNKED, b"fff8\r\n" + b"x" * 0xFFF8 + b"\r\n"),
        BODY,
    ),
    "sends one chunk for ever": (for_ever(CHUNKED + b"ffffffffff\r\n", b"x"), BODY),
}


class Server:
    """The other end of all connections of a client in memory.

    Attributes:
        deed: What it does on each new connection.
        sent: How many bytes it has sent on each connection.
    """

    def __init__(self, reactor: MemoryReactorClock, attack: Attack) -> None:
        self.attack = attack
        self.connections: list[tuple[Peer, Iterator[Deed]]] = []
        self.sent: dict[Peer, int] = {}
        self._reactor = reactor

    def tick(self) -> None:
        """Accept whoever wants to connect, and go on on each connection."""
        for client in self._reactor.tcpClients[len(self.connections) :]:
            peer = Peer(client[2])
            self.connections.append((peer, self.attack()))
            self.sent[peer] = 0
        for peer, deeds in self.connections:
            if b"\r\n\r\n" in peer.received and not peer.is_closed and not peer.is_lost:
                self._do(peer, next(deeds))
        self.settle()

    def _do(self, peer: Peer, deed: Deed) -> None:
        if deed is END:
            peer.lose()
        elif deed and not peer.is_paused:
            self.sent[peer] += len(deed)
            peer.send(deed)

    def settle(self) -> None:
        """End the connections that the client has closed."""
        for peer, _ in self.connections:
            if peer.is_closed:
                peer.lose()

    @property
    def open(self) -> list[Peer]:
        return [peer for peer, _ in self.connections if not peer.is_lost]


if TYPE_CHECKING:

    class Case(SynchronousTestCase):
        """What the suite is mixed with."""

    class SocketCase(TestCase):
        """The same, on a real reactor."""

else:
    Case = SocketCase = object


class Hostile(Case):
    """In memory, where time is the test's."""

    transport: str

    def client(self, attack: Attack, timeout: float = TIMEOUT) -> Etcd:
        self.reactor = MemoryReactorClock()
        self.server = Server(self.reactor, attack)
        return connect(URL, reactor=self.reactor, transport=self.transport, timeout=timeout)

    def outcome(self, d: Deferred[NodeOp], timeout: float = TIMEOUT) -> Any:
        """What it ends with, which it must do in time."""
        results: list[Any] = []
        d.addBoth(results.append)
        while not results and self.reactor.seconds() < timeout:
            self.server.tick()
            if not results:
                self.reactor.advance(TICK)
        self.assertTrue(results, "it did not end in time")
        return getattr(results[0], "value", results[0])

    def assert_unhurt(self, etcd: Etcd) -> None:
        """The connections are closed, the next request succeeds, and closing leaves nothing."""
        self.server.settle()
        self.reactor.advance(0)
        self.assertEqual(self.server.open, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.server.attack = says(GOOD)
        answer = etcd.key("/a").get()
        self.server.tick()
        self.assertEqual(self.successResultOf(answer).node.text, "1")
        closed = etcd.close()
        self.server.settle()
        self.successResultOf(closed)
        self.assertEqual(self.server.open, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def each(self, attacks: dict[str, Attack]) -> Iterator[tuple[str, Etcd]]:
        for name, attack in attacks.items():
            etcd = self.client(attack)
            yield name, etcd
            self.assert_unhurt(etcd)

    def test_a_read_from_a_server_that_does_not_answer_times_out(self):
        for name, etcd in self.each(TOO_LATE):
            error = self.outcome(etcd.key("/a").get())
            self.assertIs(type(error), RequestTimedOut, name)
            self.assertEqual(error.endpoint, URL)

    def test_a_write_to_a_server_that_does_not_answer_is_ambiguous_and_sent_once(self):
        for name, etcd in self.each(TOO_LATE):
            self.assert_ambiguous(etcd, name)

    def test_a_read_from_a_server_that_closes_is_tried_again_and_then_fails(self):
        for name, attack in CUT.items():
            # However long the pauses between the attempts are, which have a random part.
            etcd = self.client(attack, timeout=60.0)
            error = self.outcome(etcd.key("/a").get(), timeout=60.0)
            self.assertIs(type(error), ReplyLost, name)
            self.assertEqual([type(each) for each in error.reasons], [ReplyLost] * 4)
            self.assertEqual(len(self.server.connections), 5)
            self.assert_unhurt(etcd)

    def test_a_write_to_a_server_that_closes_is_ambiguous_and_sent_once(self):
        for name, etcd in self.each(CUT):
            self.assert_ambiguous(etcd, name)

    def assert_ambiguous(self, etcd: Etcd, name: str) -> None:
        error = self.outcome(etcd.key("/a").set("x"))
        self.assertIs(type(error), AmbiguousWrite, name)
        self.assertEqual(error.endpoint, URL)
        received = b"".join(peer.received for peer, _ in self.server.connections)
        self.assertEqual(received.count(b"PUT /v2/keys/a"), 1)

    def test_what_is_malformed_is_refused_after_no_more_than_the_limit(self):
        for name, etcd in self.each(MALFORMED):
            error = self.outcome(etcd.key("/a").get())
            self.assertIs(type(error), MalformedResponse, name)
            self.assertEqual(error.endpoint, URL)
            (sent,) = self.server.sent.values()
            self.assertLessEqual(sent, HEAD + 2 * READ, name)

    def test_a_write_with_a_malformed_reply_is_ambiguous_and_sent_once(self):
        for name, etcd in self.each(MALFORMED):
            self.assert_ambiguous(etcd, name)

    def test_a_body_is_refused_at_the_limit(self):
        for name, (attack, limit) in TOO_LARGE.items():
            timeout = 2000.0
            etcd = self.client(attack, timeout)
            error = self.outcome(etcd.key("/a").get(), timeout)
            self.assertIs(type(error), ResponseTooLarge, name)
            (sent,) = self.server.sent.values()
            self.assertLessEqual(sent, limit + 2 * READ, name)
            self.assert_unhurt(etcd)

    def test_of_two_responses_the_first_counts_and_the_connection_is_closed(self):
        for second in (GOOD, GOOD.replace(b'"1"', b'"2"'), b"x", b"\r\n"):
            etcd = self.client(says(GOOD + second))
            node = self.outcome(etcd.key("/a").get()).node
            self.assertEqual(node.text, "1")
            self.server.settle()
            self.reactor.advance(60)
            self.assert_unhurt(etcd)

    def test_what_is_said_unasked_on_an_idle_connection_answers_nothing(self):
        for unasked in (GOOD.replace(b'"1"', b'"2"'), b"x", b"\r\n", TLS_ALERT):
            etcd = self.client(says(GOOD))
            self.outcome(etcd.key("/a").get())
            (idle,) = self.server.open
            idle.send(unasked)
            self.assertTrue(idle.is_closed)
            self.server.settle()
            node = self.outcome(etcd.key("/a").get()).node
            self.assertEqual(node.text, "1")
            self.server.settle()
            self.reactor.advance(60)
            self.assert_unhurt(etcd)


class TreqTests(Hostile, SynchronousTestCase):
    transport = "treq"


class DirectTests(Hostile, SynchronousTestCase):
    transport = "direct"


# --- over real sockets ----------------------------------------------------------------------------


class HostileSockets(SocketCase):
    """Some of them over real sockets."""

    transport: str
    #: Seconds, for a test that waits for what does not come.
    timeout = 30

    def client(self, answer: Callable[[Connection, bytes], object], seconds: float = 20.0) -> Etcd:
        """A client of a server that answers as it is told first, and then well."""
        self.server = RawServer(reactor, self.answer)
        self.addCleanup(self.server.stop)
        self.attack = answer
        self.is_good = False
        etcd = connect(self.server.url, transport=self.transport, timeout=seconds)
        self.addCleanup(etcd.close)
        return etcd

    def answer(self, connection: Connection, request: bytes) -> None:
        if self.is_good:
            connection.send(GOOD)
        else:
            self.attack(connection, request)

    async def failure_of(self, d: Deferred[NodeOp]) -> TxetcdError:
        try:
            await d
        except TxetcdError as error:
            return error
        raise self.failureException("it did not fail")

    async def assert_unhurt(self, etcd: Etcd) -> None:
        """The connections are closed, and the next request succeeds."""
        for connection in self.server.connections:
            await connection.closed
        self.is_good = True
        self.assertEqual((await etcd.key("/a").get()).node.text, "1")

    async def test_a_server_that_is_silent(self):
        for method, expected in (("get", RequestTimedOut), ("set", AmbiguousWrite)):
            etcd = self.client(lambda connection, request: None, seconds=0.25)
            key = etcd.key("/a")
            error = await self.failure_of(key.get() if method == "get" else key.set("x"))
            self.assertIs(type(error), expected)
            await self.assert_unhurt(etcd)

    async def test_a_server_that_sends_for_ever(self):
        for first, more, expected in (
            (CHUNKED, b"fff8\r\n" + b"x" * 0xFFF8 + b"\r\n", ResponseTooLarge),
            (b"HTTP/1.1 200 OK\r\nX: ", b"y" * READ, MalformedResponse),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, MalformedResponse),
            (CHUNKED, b"1;" + b"x" * 1000 + b"\r\ny\r\n", MalformedResponse),
        ):
            etcd = self.client(endlessly(first, more))
            error = await self.failure_of(etcd.key("/a").get())
            self.assertIs(type(error), expected)
            await self.assert_unhurt(etcd)

    async def test_a_server_that_closes_at_once(self):
        etcd = self.client(lambda connection, request: connection.close())
        error = await self.failure_of(etcd.key("/a").set("x"))
        self.assertIs(type(error), AmbiguousWrite)
        self.assertEqual(len(self.server.requests), 1)
        await self.assert_unhurt(etcd)

    async def test_a_server_that_sends_garbage(self):
        etcd = self.client(lambda connection, request: connection.send(bytes(range(256))))
        error = await self.failure_of(etcd.key("/a").get())
        self.assertIs(type(error), MalformedResponse)
        await self.assert_unhurt(etcd)


def endlessly(first: bytes, more: bytes) -> Callable[[Connection, bytes], None]:
    """An answer that begins with some bytes, and goes on with others until the client closes."""

    def answer(connection: Connection, request: bytes) -> None:
        connection.send(first)
        go_on(connection)

    def go_on(connection: Connection) -> None:
        if not connection.closed.called:
            connection.send(more)
            reactor.callLater(0, go_on, connection)

    return answer


class TreqSocketTests(HostileSockets, TestCase):
    transport = "treq"


class DirectSocketTests(HostileSockets, TestCase):
    transport = "direct"
