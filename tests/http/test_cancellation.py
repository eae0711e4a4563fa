"""A request that is interrupted anywhere leaves nothing behind, and the next one succeeds.

Each scenario is run once to count the calls between our code and the network: those that our
code makes, and those that are made of it.  Then it is run again for each of these calls, and
right there the request is cancelled, the service is closed, the connection is lost, or the call
raises.
"""

from __future__ import annotations

import math
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor as _reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase
from twisted.web.client import (
    RequestGenerationFailed,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from tests.http.wire import (
    URL,
    ClientService,
    Direct,
    Ours,
    OurTreq,
    RawServer,
    StockTreq,
    Streamed,
)
from tests.http.wire import Connection as ServerConnection
from txetcd import Filter, NotSent, RequestCancelled, Service, ServiceClosed, TxetcdError
from txetcd.http import (
    Agent,
    Pool,
    PoolLimits,
    Request,
    Response,
    StreamedResponse,
    StreamingService,
    open_pool,
    sockets,
)

reactor: Any = _reactor

#: What an interrupted request may fail with; Twisted's are those of our agent.
TYPED = (
    TxetcdError,
    CancelledError,
    ConnectingCancelledError,
    Refused,
    RequestGenerationFailed,
    ResponseFailed,
    ResponseNeverReceived,
)


class Broken(OSError):
    """What a call raises that is made to raise."""


# --- a network that can be interrupted at each call --------------------------------------------


class Boundary:
    """All calls between our code and the network, in order; and what is done at one of them."""

    def __init__(self, at: int = 0) -> None:
        self.calls: list[str] = []
        self.at = at
        self.interrupt: Callable[[Link | None], None] = lambda link: None

    def cross(self, name: str, link: Link | None = None) -> None:
        """A call is about to be made."""
        self.calls.append(name)
        if len(self.calls) == self.at:
            self.interrupt(link)


class Link(StringTransport):
    """A connection: the client's transport, and the server at its other end."""

    def __init__(self, network: Network, factory: Any) -> None:
        super().__init__(lenient=True)
        self.network = network
        self.factory = factory
        self.protocol: Any = None
        self.is_lost = False
        self.waiting: deque[bytes] = deque()
        self._request = b""
        self._has_answered = False

    # What our code calls.

    def _called(self, name: str) -> None:
        self.network.boundary.cross(name, self)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self._called("setTcpNoDelay")

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self._called("setTcpKeepAlive")

    def write(self, data: bytes) -> None:
        self._called("write")
        self.take(data)
        if self.producer is not None and self.streaming:
            # It has had enough for this turn.
            self.producer.pauseProducing()
            self.network.events.append(("drained", self, None))

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def send(self, data: bytes) -> int | BaseException:
        """What a transport does that writes at once."""
        try:
            self._called("send")
        except Broken as error:
            return error
        if self.is_lost or self.disconnecting:
            return CONNECTION_LOST
        # Not all of it, so that the rest has to be written.
        taken = data[: max(1, len(data) - 7)] if self.network.is_narrow else data
        self.take(taken)
        return len(taken)

    def readable(self) -> bool:
        """Whether there is something that the client has not been told."""
        self._called("poll")
        events = self.network.events
        return any(link is self and name != "connectionMade" for name, link, _ in events)

    def pauseProducing(self) -> None:
        self._called("pauseProducing")
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._called("resumeProducing")
        super().resumeProducing()
        self.network.deliver_waiting(self)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._called("registerProducer")
        super().registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self._called("unregisterProducer")
        # As Twisted's own, which allows it at any time.
        self.producer = None

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self._called("loseConnection")
            self.disconnecting = True
            self.network.lose(self, ConnectionDone())

    def abortConnection(self) -> None:
        if not self.disconnecting:
            self._called("abortConnection")
            self.disconnecting = True
            self.network.lose(self, ConnectionAborted())

    # What the server does.

    def take(self, data: bytes) -> None:
        """Bytes have arrived at the server."""
        if self.is_lost or self.disconnecting:
            return
        self._request += data
        begun = re.match(rb"[A-Z]+ /([0-9]+)/([a-z]*) ", self._request)
        if begun:
            self.network.begun.add(int(begun[1]))
            if begun[2] == b"early" and not self._has_answered:
                self._has_answered = True
                self.network.say(self, _whole(b"%06d" % int(begun[1]))[0])
        while whole := re.match(
            rb"([A-Z]+) /(?P<id>[0-9]+)/(?P<kind>[a-z]*)[^\r]* HTTP/1.1\r\n(?P<rest>.*?\r\n)\r\n",
            self._request,
            re.DOTALL,
        ):
            body = self._body(whole["rest"], self._request[whole.end() :])
            if body is None:
                return
            self._request = self._request[whole.end() + body :]
            self.network.received.append(int(whole["id"]))
            self.network.carries[int(whole["id"])] = self
            for piece in REPLIES[whole["kind"].decode()](b"%06d" % int(whole["id"])):
                self.network.say(self, piece)

    @staticmethod
    def _body(head: bytes, rest: bytes) -> int | None:
        """The length of the body of a request; None if it is not whole."""
        length = re.search(rb"content-length: ([0-9]+)", head, re.IGNORECASE)
        if length:
            return int(length[1]) if len(rest) >= int(length[1]) else None
        if b"chunked" in head:
            return rest.index(b"0\r\n\r\n") + 5 if b"0\r\n\r\n" in rest else None
        return 0


@implementer(ISSLTransport)
class SecureLink(Link):
    """One whose handshake takes a turn."""


class Connector:
    """What is connecting, to our code."""

    def __init__(self, network: Network, link: Link) -> None:
        self._network = network
        self._link = link

    def stopConnecting(self) -> None:
        self._network.boundary.cross("stopConnecting")
        self._network.forget(self._link)

    def disconnect(self) -> None:
        self._link.loseConnection()

    def getDestination(self) -> Any:
        return IPv4Address("TCP", "127.0.0.1", 2379)


#: What ends a connection, among the pieces of a reply.
CLOSE, RESET = ConnectionDone(), ConnectionLost()

Piece = Any


def _whole(number: bytes) -> list[Piece]:
    return [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + number]


def _pieces(number: bytes) -> list[Piece]:
    return [
        b"HTTP/1.1 200 OK\r\nTransfer-Enco",
        b"ding: chunked\r\n\r\n",
        b"2\r\n%b\r\n" % number[:2],
        b"4\r\n%b\r\n" % number[2:],
        b"0\r\n\r\n",
    ]


def _last(number: bytes) -> list[Piece]:
    (whole,) = _whole(number)
    return [whole.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), CLOSE]


def _long(number: bytes) -> list[Piece]:
    """More than may wait for a slow reader."""
    piece = number * 20_000
    return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (3 * len(piece)), *[piece] * 3]


REPLIES: dict[str, Callable[[bytes], list[Piece]]] = {
    "whole": _whole,
    "pieces": _pieces,
    "last": _last,
    "long": _long,
    "cut": lambda number: [_pieces(number)[0], _pieces(number)[1], RESET],
    "surplus": lambda number: [_whole(number)[0] + b"x"],
    "bad": lambda number: [b"HTTP/9.9 200 OK\r\n\r\n"],
    "never": lambda number: [],
    # It has been answered already.
    "early": lambda number: [],
}


class Network(MemoryReactorClock):
    """A reactor in memory, with a server behind it that answers by the path.

    Attributes:
        events: What will happen, in order: a name, the link, and what comes with it.
        begun: The requests of which at least one byte has arrived.
        received: The requests that have arrived whole, in order.
        carries: The connections on which they have arrived.
        refusals: How many connections will be refused.
        is_secure: Whether there is a handshake.
        is_narrow: Whether a connection takes less than it is given at once.
    """

    def __init__(self, boundary: Boundary) -> None:
        super().__init__()
        self.boundary = boundary
        self.events: deque[tuple[str, Link, Any]] = deque()
        self.links: list[Link] = []
        self.begun: set[int] = set()
        self.received: list[int] = []
        self.carries: dict[int, Link] = {}
        self.refusals = 0
        self.is_secure = self.is_narrow = False

    # What our code calls.

    def connectTCP(
        self, host: Any, port: Any, factory: Any, timeout: Any = 30, bindAddress: Any = None
    ) -> Any:
        kind = SecureLink if self.is_secure else Link
        link = kind(self, factory)
        self.boundary.cross("connectTCP", link)
        self.links.append(link)
        connector: Any = Connector(self, link)
        factory.doStart()
        factory.startedConnecting(connector)
        self.events.append(("connectionMade", link, None))
        return connector

    def callLater(self, delay: Any, callable: Any, *args: object, **kwargs: object) -> Any:
        def call() -> None:
            self.boundary.cross("timer")
            callable(*args, **kwargs)

        self.boundary.cross("callLater")
        return super().callLater(delay, call)

    # What the network does.

    def say(self, link: Link, piece: Piece) -> None:
        """Have the server say something, or end the connection."""
        if isinstance(piece, bytes):
            self.events.append(("dataReceived", link, piece))
        else:
            self.lose(link, piece)

    def lose(self, link: Link, reason: Exception, at_once: bool = False) -> None:
        """End a connection as the next thing that happens, or after what has arrived."""
        if at_once:
            self.events.appendleft(("connectionLost", link, reason))
        else:
            self.events.append(("connectionLost", link, reason))

    def forget(self, link: Link) -> None:
        """A connection will not be made."""
        link.is_lost = True
        link.factory.doStop()

    def deliver_waiting(self, link: Link) -> None:
        """What has waited while the client did not read comes first."""
        while link.waiting:
            self.events.appendleft(("dataReceived", link, link.waiting.pop()))

    def run(self) -> None:
        """Go on until nothing happens any more; time passes by seconds only."""
        for _ in range(10_000):
            if self.events:
                self._happen(*self.events.popleft())
            elif not self._pass_time():
                return
        raise AssertionError(f"it goes on for ever: {self.boundary.calls[-20:]}")

    def _pass_time(self) -> bool:
        """Let time pass until the next delayed call, if that is soon; whether it was."""
        calls: Any = self.getDelayedCalls()
        next_ = min((call.getTime() for call in calls), default=math.inf)
        if next_ > self.seconds() + 2:
            return False
        self.advance(max(0, next_ - self.seconds()))
        return True

    def _happen(self, name: str, link: Link, what: Any) -> None:
        if link.is_lost:
            return
        if name == "dataReceived":
            if link.disconnecting:
                return
            if link.producerState == "paused":
                link.waiting.append(what)
                return
        self.boundary.cross(name, link)
        if link.is_lost:
            # By what has just interrupted it.
            return
        try:
            getattr(self, "_" + name)(link, what)
        except Broken as error:
            # As a reactor does; and it says so in the log.
            self._connectionLost(link, error)

    def _connectionMade(self, link: Link, _: object) -> None:
        if self.refusals:
            self.refusals -= 1
            self.fail(link, Refused())
            return
        link.protocol = link.factory.buildProtocol(None)
        if link.protocol is None:
            self.forget(link)
            return
        link.protocol.makeConnection(link)
        if self.is_secure:
            self.events.append(("handshakeCompleted", link, None))

    def fail(self, link: Link, reason: Exception) -> None:
        """A connection cannot be made."""
        link.is_lost = True
        link.factory.clientConnectionFailed(None, Failure(reason))

    def _handshakeCompleted(self, link: Link, _: object) -> None:
        if not link.disconnecting and hasattr(link.protocol, "handshakeCompleted"):
            link.protocol.handshakeCompleted()

    def _drained(self, link: Link, _: object) -> None:
        if link.producer is not None:
            link.producer.resumeProducing()

    def _dataReceived(self, link: Link, data: bytes) -> None:
        link.protocol.dataReceived(data)

    def _connectionLost(self, link: Link, reason: Exception) -> None:
        link.is_lost = True
        producer, link.producer = link.producer, None
        if producer is not None:
            producer.stopProducing()
        if link.protocol is None:
            link.factory.clientConnectionFailed(None, Failure(reason))
        else:
            link.protocol.connectionLost(Failure(reason))


# --- a client on it, and what it does ------------------------------------------------------------


class World:
    """A network, a client on it, and the requests that were made.

    Args:
        client: Makes the service.
        at: The call at which something is done; 0 for none.
        deed: What is done; the name of a method.
        limits: Those of the client's pools, for clients that have any.
    """

    def __init__(
        self, client: StockTreq, at: int = 0, deed: str = "cancel", **limits: Any
    ) -> None:
        self.client = client
        self.boundary = Boundary(at)
        self.boundary.interrupt = getattr(self, deed)
        self.network = Network(self.boundary)
        options: dict[str, Any] = {}
        if isinstance(client, Ours):
            options["limits"] = PoolLimits(**limits)
        self.service = client.make(self.network, URL, **options)
        self.asked: list[tuple[int, Deferred]] = []
        self.outcomes: dict[int, Any] = {}
        self.closed: Deferred[None] | None = None
        self._asking = self._cancelling = False

    def ask(self, kind: str, method: str = "PUT", **options: Any) -> int:
        """Make a request; its number."""
        number = len(self.asked) + 1
        # treq's producer of a body has a reactor of its own, which does not run here.
        method = method if self.client.writes_at_once else "GET"
        body = b"v" if method == "PUT" else b""
        self._asking = True
        d = self.service(Request(method, f"/{number}/{kind}", body=body, **options))
        self._asking = False
        self.asked.append((number, d))
        d.addBoth(self._ended, number)
        if self._cancelling:
            self._cancelling = False
            d.cancel()
        return number

    def _ended(self, result: Any, number: int) -> None:
        if number in self.outcomes:
            raise AssertionError(f"request {number} ended twice")
        self.outcomes[number] = result

    # What is done at a call.

    def cancel(self, link: Link | None) -> None:
        """Cancel the request that was made last, or is being made."""
        running = [d for number, d in self.asked if number not in self.outcomes]
        if self._asking:
            self._cancelling = True
        elif running:
            running[-1].cancel()

    def cancel_first(self, link: Link | None) -> None:
        """Cancel the request that was made first and has not ended."""
        running = [d for number, d in self.asked if number not in self.outcomes]
        if running:
            running[0].cancel()

    def close(self, link: Link | None) -> None:
        """Close the service."""
        self.closed = self.service.close()

    def lose(self, link: Link | None) -> None:
        """Lose the connection, at this very moment if the call is the network's."""
        if link is None or link.is_lost:
            return
        calls = ("connectionMade", "handshakeCompleted", "dataReceived", "connectionLost")
        if self.boundary.calls[-1] not in calls:
            self.network.lose(link, ConnectionLost(), at_once=True)
        elif link.protocol is None:
            self.network.fail(link, ConnectionLost())
        else:
            self.network._connectionLost(link, ConnectionLost())

    def raise_(self, link: Link | None) -> None:
        """Have the call raise, if it is one of a transport."""
        if self.boundary.calls[-1] in RAISING:
            raise Broken(self.boundary.calls[-1])


#: Mere calls of the system, in which nobody else can do anything.
SYSTEM = frozenset({"setTcpNoDelay", "setTcpKeepAlive", "poll", "send", "callLater"})

#: The calls that may raise: all that open a connection or use it, and none that closes it.
RAISING = frozenset(
    {
        "connectTCP",
        "setTcpNoDelay",
        "setTcpKeepAlive",
        "write",
        "send",
        "pauseProducing",
        "resumeProducing",
        "registerProducer",
    }
)


Scenario = Callable[[World], Iterator[None]]


def on_a_new_connection(world: World) -> Iterator[None]:
    world.ask("whole")
    yield


def on_a_kept_connection(world: World) -> Iterator[None]:
    world.ask("whole")
    yield
    world.ask("pieces")
    yield


def several_at_once(world: World) -> Iterator[None]:
    for kind in ("whole", "pieces", "last"):
        world.ask(kind)
    yield
    for kind in ("pieces", "whole", "whole"):
        world.ask(kind)
    yield


def told_of_the_head(world: World) -> Iterator[None]:
    for kind in ("pieces", "whole"):
        world.ask(kind, "GET", on_head=lambda head: world.boundary.cross("on_head"))
        yield


def with_a_connection_that_the_server_does_not_keep(world: World) -> Iterator[None]:
    world.ask("last")
    yield
    world.ask("whole")
    yield


def with_a_reply_that_is_cut_short(world: World) -> Iterator[None]:
    world.ask("cut")
    yield


def with_a_reply_that_is_refused(world: World) -> Iterator[None]:
    for kind in ("bad", "surplus"):
        world.ask(kind)
        yield


def with_a_server_that_refuses(world: World) -> Iterator[None]:
    world.network.refusals = 1
    world.ask("whole")
    yield
    world.ask("whole")
    yield


def with_a_large_reply(world: World) -> Iterator[None]:
    world.ask("long")
    yield


def with_a_long_poll(world: World) -> Iterator[None]:
    number = world.ask("never", "GET", long_poll=True)
    yield
    world.ask("whole")
    yield
    if number not in world.outcomes:
        world.network.say(world.network.carries[number], _whole(b"%06d" % number)[0])
    yield


def after_the_server_has_closed(world: World) -> Iterator[None]:
    """Of which the client knows only when it looks."""
    world.ask("whole")
    yield
    for link in world.network.links:
        world.network.say(link, CLOSE)
    world.ask("pieces")
    yield


def after_the_server_has_spoken_unasked(world: World) -> Iterator[None]:
    world.ask("whole")
    yield
    for link in world.network.links:
        world.network.say(link, _whole(b"UNASKD")[0])
    world.ask("pieces")
    yield


def over_tls(world: World) -> Iterator[None]:
    world.network.is_secure = True
    world.ask("whole")
    yield
    world.ask("pieces")
    yield


def until_the_connection_has_been_idle_for_too_long(world: World) -> Iterator[None]:
    world.ask("whole")
    yield
    world.network.advance(60)
    yield
    world.ask("whole")
    yield


#: With as many connections as one likes.
SCENARIOS: tuple[Scenario, ...] = (
    on_a_new_connection,
    on_a_kept_connection,
    several_at_once,
    told_of_the_head,
    with_a_connection_that_the_server_does_not_keep,
    with_a_reply_that_is_cut_short,
    with_a_reply_that_is_refused,
    with_a_server_that_refuses,
    with_a_large_reply,
    with_a_long_poll,
    over_tls,
    until_the_connection_has_been_idle_for_too_long,
)
#: With one connection.
LIMITED: tuple[Scenario, ...] = (
    several_at_once,
    after_the_server_has_closed,
    after_the_server_has_spoken_unasked,
)


# --- what holds whatever is done, and wherever ---------------------------------------------------

if TYPE_CHECKING:

    class Case(StockTreq, SynchronousTestCase):
        """What the suite is mixed with."""

    class SocketCase(StockTreq, TestCase):
        """The same, on a real reactor."""

else:
    Case = SocketCase = object


class Interrupted(Case):
    """The suite."""

    #: With limits that only our own clients have.
    limited: tuple[Scenario, ...] = LIMITED
    scenarios: tuple[Scenario, ...] = SCENARIOS
    #: Calls in which nobody cancels or closes anything.
    undisturbed = SYSTEM
    #: Whether connections write without the reactor, and whether they take all then.
    writes_now = False
    is_narrow = False

    def setUp(self) -> None:
        super().setUp()
        self.pools: list[Pool] = []
        make = Pool.__init__

        def recorded(pool: Pool, *args: Any, **options: Any) -> None:
            self.pools.append(pool)
            make(pool, *args, **options)

        self.patch(Pool, "__init__", recorded)
        self.patch(sockets, "readable", lambda link: link.readable)
        self.patch(sockets, "sender", lambda link: link.send if self.writes_now else None)

    def test_each_scenario_ends_well_when_nothing_is_done(self):
        for scenario, limits in self.each():
            world = self.play(scenario, limits)
            outcomes = world.outcomes.items()
            failed = [number for number, result in outcomes if isinstance(result, Failure)]
            self.assertEqual(failed, FAILING.get(scenario, []), scenario.__name__)
            self.assertEqual(sorted(world.outcomes), [number for number, _ in world.asked])

    def test_cancelled_at_every_call(self):
        self.at_every_call("cancel")

    def test_with_the_request_before_it_cancelled_at_every_call(self):
        self.at_every_call("cancel_first")

    def test_closed_at_every_call(self):
        self.at_every_call("close")

    def test_with_the_connection_lost_at_every_call(self):
        self.at_every_call("lose")

    def each(self) -> Iterator[tuple[Scenario, dict[str, int]]]:
        for scenario in self.scenarios:
            yield scenario, {}
        for scenario in self.limited:
            yield scenario, {"connections": 1}

    def at_every_call(self, deed: str) -> None:
        for scenario, limits in self.each():
            calls = self.play(scenario, limits).boundary.calls
            self.assertGreater(len(calls), 5)
            for at in range(1, len(calls) + 1):
                if calls[at - 1] in self.undisturbed and deed not in ("lose", "raise_"):
                    continue
                try:
                    self.play(scenario, limits, at, deed)
                except Exception as error:
                    where = f"{scenario.__name__} {limits}, call {at} ({calls[at - 1]})"
                    raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error

    def play(
        self, scenario: Scenario, limits: dict[str, int], at: int = 0, deed: str = "cancel"
    ) -> World:
        """Play a scenario to its end, and see what is left."""
        self.pools.clear()
        world = World(self, at, deed, **limits)
        world.network.is_narrow = self.is_narrow
        for _ in scenario(world):
            world.network.run()
        calls = len(world.boundary.calls)
        self.assert_ended(world)
        self.assert_nothing_is_left(world)
        if world.closed is None:
            self.assert_it_can_be_used(world)
            world.close(None)
        self.assert_closed(world)
        del world.boundary.calls[calls:]
        return world

    def assert_ended(self, world: World) -> None:
        """Each request has ended as it should."""
        self.assertEqual(sorted(world.outcomes), [number for number, _ in world.asked])
        for number, result in world.outcomes.items():
            if isinstance(result, Failure):
                self.assertIsInstance(result.value, TYPED)
                if getattr(result.value, "possibly_applied", True) is False:
                    self.assertNotIn(number, world.network.begun)
            else:
                self.assertEqual(result.body[-6:], b"%06d" % number)
            self.assertLessEqual(world.network.received.count(number), 1 + self.repeats_reads)

    def assert_nothing_is_left(self, world: World) -> None:
        """Nobody waits, and each connection that there is is idle."""
        idle = 0
        for pool in self.pools:
            shown = repr(pool)
            self.assertIn(" 0 busy, 0 connecting, 0 waiting", shown)
            idle += int(shown.partition(" idle")[0].rpartition(" ")[2])
        calls = len(world.network.getDelayedCalls())
        there = [link for link in world.network.links if not link.is_lost]
        if self.pools:
            self.assertEqual(len(there), idle)
            # The delayed call that closes what has been idle for too long.
            self.assertLessEqual(calls, len(self.pools))
        else:
            # Twisted's pool has one for each connection, and keeps it though that is lost.
            self.assertLessEqual(calls, len(world.network.links))
        for link in there:
            self.assertFalse(link.disconnecting)
            self.assertIsNone(link.producer)
            self.assertEqual(link.producerState, "producing")

    def assert_it_can_be_used(self, world: World) -> None:
        world.boundary.interrupt = lambda link: None
        for n in range(2):
            number = world.ask("whole", long_poll=bool(n))
            world.network.run()
            self.assertEqual(world.outcomes[number].body, b"%06d" % number)

    def assert_closed(self, world: World) -> None:
        world.network.run()
        closed: Any = world.closed
        self.assertIsNone(self.successResultOf(closed))
        if self.pools:
            # Twisted's pool may keep the delayed call of a connection that ends meanwhile.
            self.assertEqual(world.network.getDelayedCalls(), [])
        self.assertEqual([link for link in world.network.links if not link.is_lost], [])
        for pool in self.pools:
            self.assertIn(" 0 idle, 0 busy, 0 connecting, 0 waiting, closed", repr(pool))
        after = world.service(Request("GET", "/0/whole"))
        self.failureResultOf(after, ServiceClosed)


#: The requests that fail when nothing is done.
FAILING: dict[Scenario, list[int]] = {
    with_a_reply_that_is_cut_short: [1],
    with_a_reply_that_is_refused: [1],
    with_a_server_that_refuses: [1],
}


class Raising(Interrupted):
    """What Twisted's own agent does then is not ours to promise."""

    def test_with_every_call_raising(self):
        self.at_every_call("raise_")


class OurTreqTests(OurTreq, Raising, SynchronousTestCase):
    pass


class DirectTests(Direct, Raising, SynchronousTestCase):
    pass


class StreamedTests(Streamed, Raising, SynchronousTestCase):
    pass


class StockTreqTests(Interrupted, StockTreq, SynchronousTestCase):
    # Twisted's own has no limits, and TLS has no part in what our endpoints make of a URL.
    limited = ()
    scenarios = tuple(each for each in SCENARIOS if each is not over_tls)
    # It is not made for being cancelled while it uses its transport.
    undisturbed = SYSTEM | {"write", "pauseProducing", "resumeProducing", "loseConnection"}


class OurTreqWritesNowTests(OurTreqTests):
    writes_now = True


class DirectWritesNowTests(DirectTests):
    writes_now = True

    def test_what_comes_before_a_request_was_sent_is_no_answer_to_it(self):
        """Requests of one turn are sent together, at its end."""
        world = World(self)
        for _ in range(2):
            world.ask("whole")
        world.network.run()
        first, second = (world.ask("whole", "GET") for _ in range(2))
        self.assertEqual(world.network.received, [1, 2, first])
        for link in world.network.links:
            world.network.say(link, _whole(b"UNASKD")[0])
        world.network.run()
        self.assertEqual(world.outcomes[first].body, b"%06d" % first)
        error = world.outcomes[second].value
        self.assertIs(type(error), NotSent)
        self.assertNotIn(second, world.network.begun)
        world.close(None)
        self.assert_closed(world)


class DirectWritesALittleNowTests(DirectTests):
    writes_now = is_narrow = True


# --- a body that is read slowly -------------------------------------------------------------------


class Slow(Ours):
    """Streamed responses, whose reader needs a second for each piece."""

    @staticmethod
    def build(reactor: Any, url: str, **options: Any) -> ClientService:
        return SlowReader(reactor) >> StreamingService(open_pool(reactor, url, **options))


class SlowReader(Filter[Request, Response, Request, StreamedResponse]):
    """Reads bodies slowly."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def apply(
        self, request: Request, service: Service[Request, StreamedResponse]
    ) -> Deferred[Response]:
        asked = service(request)
        return asked.addCallback(self._read)

    def _read(self, streamed: StreamedResponse) -> Deferred[Response]:
        reading = SlowReading(self._network, streamed)
        streamed.body.deliver(reading)
        return reading.response


class SlowReading:
    """The reading of one body."""

    def __init__(self, network: Network, streamed: StreamedResponse) -> None:
        self.response: Deferred[Response] = Deferred(lambda _: streamed.body.close())
        self._network = network
        self._streamed = streamed
        self._pieces: list[bytes] = []

    def received(self, data: bytes) -> None:
        self._network.boundary.cross("received")
        self._pieces.append(data)
        self._streamed.body.pause()
        self._network.callLater(1, self._streamed.body.resume)

    def ended(self, error: TxetcdError | None) -> None:
        if self.response.called:
            # It was cancelled while nothing was to be told.
            return
        if error is not None:
            self.response.errback(error)
        else:
            self.response.callback(self._streamed.with_body(b"".join(self._pieces)))


class SlowTests(Slow, Raising, SynchronousTestCase):
    scenarios = (
        on_a_new_connection,
        on_a_kept_connection,
        with_a_large_reply,
        with_a_reply_that_is_cut_short,
        several_at_once,
        over_tls,
    )


# --- a body that is produced while it is sent -----------------------------------------------------


class Produced(Ours):
    """Our agent, with bodies that are produced."""

    @staticmethod
    def build(reactor: Any, url: str, *, response_limits: Any, **options: Any) -> ClientService:
        return ProducingService(Agent(reactor, **options), reactor, url)


class ProducingService(Service[Request, Response]):
    """Sends each request with a body of 30 bytes, of which only some know the length."""

    def __init__(self, agent: Agent, network: Network, url: str) -> None:
        self._agent = agent
        self._network = network
        self._url = url
        self.producers: list[Producer] = []

    def apply(self, request: Request) -> Deferred[Response]:
        length = UNKNOWN_LENGTH if len(self.producers) % 2 else 30
        self.producers.append(Producer(self._network, length))
        uri = self._url + request.target
        asked = self._agent.request(
            request.method.encode(), uri.encode(), None, self.producers[-1]
        )
        return asked.addCallback(self._read)

    def _read(self, response: Any) -> Deferred[Response]:
        reading = ProtocolReading(response.code)
        response.deliverBody(reading)
        return reading.response

    def close(self) -> Deferred[None]:
        return self._agent.close()


class ProtocolReading(Protocol):
    """The reading of a body; Twisted's own, ``readBody``, logs that it was cancelled."""

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def __init__(self, status: int) -> None:
        self.response: Deferred[Response] = Deferred(lambda _: self.transport.abortConnection())
        self._status = status
        self._pieces: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self._pieces.append(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self.response.called:
            return
        if reason is not None and not reason.check(ResponseDone):
            self.response.errback(reason)
        else:
            self.response.callback(Response(self._status, body=b"".join(self._pieces)))


class Producer:
    """Makes a body in three pieces, each in a turn of its own.

    Attributes:
        state: What it is doing.
    """

    def __init__(self, network: Network, length: Any) -> None:
        self.length = length
        self.state = "new"
        self._network = network
        self._left = 3
        self._is_paused = False
        self._next: Any = None
        self._finished: Deferred[None] = Deferred()

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self._network.boundary.cross("startProducing")
        if self.state == "new":
            self.state = "producing"
        self._consumer = consumer
        self._go_on()
        return self._finished

    def _go_on(self) -> None:
        if self.state == "producing" and not self._is_paused and self._next is None:
            self._next = self._network.callLater(0, self._write)

    def _write(self) -> None:
        self._next = None
        self._left -= 1
        self._consumer.write(b"x" * 10)
        if not self._left and self.state == "producing":
            self.state = "finished"
            self._finished.callback(None)
        self._go_on()

    def pauseProducing(self) -> None:
        self._network.boundary.cross("producer paused")
        self._is_paused = True
        self._stop()

    def resumeProducing(self) -> None:
        self._network.boundary.cross("producer resumed")
        self._is_paused = False
        self._go_on()

    def stopProducing(self) -> None:
        self._network.boundary.cross("producer stopped")
        if self.state == "finished":
            raise AssertionError("it is finished")
        self.state = "stopped"
        self._stop()

    def _stop(self) -> None:
        waiting, self._next = self._next, None
        if waiting is not None and waiting.active():
            waiting.cancel()


def with_a_reply_before_the_request_has_been_sent(world: World) -> Iterator[None]:
    world.ask("early")
    yield
    world.ask("whole")
    yield


class ProducedTests(Produced, Raising, SynchronousTestCase):
    scenarios = (
        *(each for each in SCENARIOS if each is not told_of_the_head),
        with_a_reply_before_the_request_has_been_sent,
    )

    def assert_ended(self, world: World) -> None:
        super().assert_ended(world)
        states = {producer.state for producer in world.service.producers}
        self.assertLessEqual(states, {"new", "finished", "stopped"})


class ProducedWritesNowTests(ProducedTests):
    writes_now = True


# --- the same over real sockets, a handful of times ----------------------------------------------


def descriptors() -> int:
    """How many file descriptors this process has."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        if os.path.isdir(folder):
            return len(os.listdir(folder))
    raise SkipTest("this system does not tell its file descriptors")


class FileDescriptors(SocketCase):
    """What is interrupted leaves no socket open."""

    #: Seconds, for a test that waits for what does not come.
    timeout = 30

    def setUp(self) -> None:
        self.arrivals: dict[bytes, Deferred[ServerConnection]] = {}
        self.server = RawServer(reactor, self.answer)
        self.addCleanup(self.server.stop)

    def answer(self, connection: ServerConnection, request: bytes) -> None:
        """Send the part of a reply that a path asks for; all of it for any other path."""
        path = request.split(b" ")[1].split(b"?")[0]
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nFINISH"
        parts = {b"/nothing": 0, b"/body": -3}
        connection.send(whole[: parts.get(path, len(whole))])
        arrived = self.arrivals.pop(path, None)
        if arrived is not None:
            arrived.callback(connection)

    async def interrupted(self, service: ClientService, path: str) -> None:
        """Cancel a request before it was sent, or when it was answered in part or not at all."""
        arrived: Deferred[ServerConnection] = Deferred()
        heads: Deferred[Response] = Deferred()
        self.arrivals[path.encode()] = arrived
        poll = path == "/nothing"
        d = service(Request("GET", path, long_poll=poll, on_head=heads.callback))
        if path != "/connecting":
            await arrived
        if path == "/body":
            await heads
        d.cancel()
        with self.assertRaises(RequestCancelled):
            await d

    async def before(self) -> int:
        """How many file descriptors there are, once the reactor has opened those of its own."""
        service = self.make(reactor, self.server.url)
        await service(Request("GET", "/"))
        await service.close()
        await self.gone()
        return descriptors()

    async def gone(self) -> None:
        """Wait until the server has seen all connections end."""
        for connection in self.server.connections:
            await connection.closed

    async def test_cancelling_leaves_no_file_descriptor_and_the_next_request_succeeds(self):
        before = await self.before()
        service = self.make(reactor, self.server.url)
        for path in ("/connecting", "/nothing", "/body") * 3:
            await self.interrupted(service, path)
            response = await service(Request("GET", "/"))
            self.assertEqual(response.body, b"FINISH")
        await service.close()
        await self.gone()
        self.assertEqual(descriptors(), before)

    async def test_closing_leaves_no_file_descriptor(self):
        before = await self.before()
        for _ in range(3):
            service = self.make(reactor, self.server.url)
            await service(Request("GET", "/"))
            arrived: Deferred[ServerConnection] = Deferred()
            self.arrivals[b"/body"] = arrived
            running = [service(Request("GET", "/body")), service(Request("GET", "/connecting"))]
            await arrived
            closed = service.close()
            for d in running:
                try:
                    await d
                except ServiceClosed:
                    pass
            await closed
            await self.gone()
        self.assertEqual(descriptors(), before)


class StockTreqDescriptorTests(FileDescriptors, StockTreq, TestCase):
    pass


class OurTreqDescriptorTests(OurTreq, FileDescriptors, TestCase):
    pass


class DirectDescriptorTests(Direct, FileDescriptors, TestCase):
    pass


class StreamedDescriptorTests(Streamed, FileDescriptors, TestCase):
    pass
