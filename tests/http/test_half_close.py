"""Closing a connection for what we send, while the response is read on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from tests.http.network import SERVER, Transport
from tests.http.test_transports import failure_of
from tests.http.wire import ClientService, Direct, OurTreq, StockTreq, Streamed
from txetcd import ReplyLost
from txetcd.http import Connection, Request, Response

reactor: Any = _reactor

WAIT = Request("GET", "/a", "wait=true", long_poll=True)
HEAD = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


@implementer(IHalfCloseableProtocol)
class Waiting(Protocol):
    """etcd as it keeps a wait: it sends the head, and notices when the client says no more."""

    transport: Any

    def __init__(self) -> None:
        self.asked = 0
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.asked += data.count(b"GET ")
        self.transport.write(HEAD)

    def readConnectionLost(self) -> None:
        self.ended.callback(None)

    def writeConnectionLost(self) -> None:
        pass


def ignore(reply: Deferred[Response]) -> None:
    """Let a reply fail that nobody waits for."""
    reply.addErrback(lambda _: None)


if TYPE_CHECKING:
    Case = TestCase
else:
    Case = object


class Contract(Case):
    """What holds whatever carries the request."""

    timeout = 30

    make: Callable[..., ClientService]

    def setUp(self) -> None:
        self.served: list[Waiting] = []
        port = reactor.listenTCP(0, Factory.forProtocol(self.accept), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(lambda: [each.transport.abortConnection() for each in self.served])
        self.service = self.make(reactor, f"http://127.0.0.1:{port.getHost().port}")
        self.addCleanup(self.service.close)

    def accept(self) -> Waiting:
        self.served.append(Waiting())
        return self.served[-1]

    async def wait(self) -> tuple[Deferred[Response], Response]:
        """A wait whose head has come, and the head."""
        heads: Deferred[Response] = Deferred()
        reply = self.service(attrs.evolve(WAIT, on_head=heads.callback))
        # Some are still parked when the test ends.
        self.addCleanup(ignore, reply)
        return reply, await heads


class OursContract(Contract):
    async def test_the_server_hears_the_end_and_what_it_says_then_is_the_response(self):
        reply, head = await self.wait()
        assert head.end_sending is not None
        head.end_sending()
        (server,) = self.served
        await server.ended
        self.assertFalse(reply.called)
        server.transport.write(b"2\r\nok\r\n" + END)
        response = await reply
        self.assertEqual((response.body, response.headers["X-Etcd-Index"]), (b"ok", "7"))
        self.assertIsNone(response.end_sending)

    async def test_an_end_without_a_body_is_a_whole_response(self):
        reply, head = await self.wait()
        assert head.end_sending is not None
        head.end_sending()
        await self.served[0].ended
        self.served[0].transport.write(END)
        self.assertEqual((await reply).body, b"")

    async def test_the_connection_carries_nothing_else(self):
        await self.test_an_end_without_a_body_is_a_whole_response()
        await self.wait()
        self.assertEqual([server.asked for server in self.served], [1, 1])

    async def test_an_end_of_the_connection_is_no_end_of_the_response(self):
        reply, head = await self.wait()
        assert head.end_sending is not None
        head.end_sending()
        await self.served[0].ended
        self.served[0].transport.loseConnection()
        self.assertIsInstance(await failure_of(reply), ReplyLost)

    async def test_it_does_nothing_when_the_response_has_ended(self):
        reply, head = await self.wait()
        self.served[0].transport.write(END)
        await reply
        assert head.end_sending is not None
        head.end_sending()
        await self.wait()
        self.assertEqual([server.asked for server in self.served], [2])

    async def test_cancelling_goes_on_to_close_the_connection(self):
        reply, head = await self.wait()
        assert head.end_sending is not None
        head.end_sending()
        await self.served[0].ended
        reply.cancel()
        await failure_of(reply)


class DirectTests(Direct, OursContract, TestCase):
    pass


class OurTreqTests(OurTreq, OursContract, TestCase):
    pass


class StreamedTests(Streamed, OursContract, TestCase):
    pass


class StockTreqTests(StockTreq, Contract, TestCase):
    async def test_an_agent_that_cannot_says_so(self):
        reply, head = await self.wait()
        self.assertIsNone(head.end_sending)
        reply.cancel()
        await failure_of(reply)


class InMemoryTests(SynchronousTestCase):
    def connection(self, tls: bool, half_closes: bool = True) -> Connection:
        connection = Connection(SERVER)
        transport: Any = Transport(connection, Clock(), tls)
        if half_closes:
            transport.loseWriteConnection = lambda: None
        connection.makeConnection(transport)
        return connection

    def test_a_connection_over_tls_is_never_closed_in_one_direction_alone(self):
        self.assertTrue(self.connection(tls=False).can_end_sending)
        self.assertFalse(self.connection(tls=True).can_end_sending)

    def test_a_transport_that_cannot_is_asked_for_nothing(self):
        connection = self.connection(tls=False, half_closes=False)
        heads: list[Response] = []
        connection(attrs.evolve(WAIT, on_head=heads.append))
        connection.transport.send(HEAD)
        self.assertIsNone(heads[0].end_sending)
