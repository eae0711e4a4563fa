"""Clients on a network in memory, and the servers there."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.http.wire import Peer, first_request
from txetcd import Etcd, Filter, connect

URL = "http://127.0.0.1:2379"
A, B, C = (f"http://127.0.0.1:100{n}" for n in (1, 2, 3))

#: The filters between the balancer and the transport of each endpoint.
ENDPOINT_ROLES = ("accrual", "timeout")

NODE = b"""{"action": "get", "node": {
    "key": "/a", "value": "1", "modifiedIndex": 7, "createdIndex": 6}}"""
VERSION = b'{"etcdserver": "3.5.1", "etcdcluster": "3.5.0"}'
BODIES = {
    "version": VERSION,
    "health": b'{"health": "true"}',
    "v2/keys/n/a": NODE.replace(b'"key": "/a"', b'"key": "/n/a"'),
}

USER, PASSWORD = "root", "hunter2 §"


def reply(body: bytes, status: int = 200, index: int = 9) -> bytes:
    head = b"HTTP/1.1 %d Any\r\nX-Etcd-Index: %d\r\nContent-Length: %d\r\n\r\n"
    return head % (status, index, len(body)) + body


def change(index: int) -> bytes:
    """The answer to a wait that was parked until the store came to an index."""
    body = NODE.replace(b'"modifiedIndex": 7', b'"modifiedIndex": %d' % index)
    return reply(body, index=index - 1)


class Case(SynchronousTestCase):
    """A client made by `connect`, on a network in memory."""

    def setUp(self):
        self.reactor = MemoryReactorClock()
        self.peers: list[Peer] = []

    def connect(self, endpoints: Any = URL, **options: Any) -> Etcd:
        return connect(endpoints, reactor=self.reactor, **options)

    @property
    def asked(self) -> list[str]:
        """The servers that connections were asked for, in order."""
        return [f"http://{host}:{port}" for host, port, *_ in self.reactor.tcpClients]

    def accept(self) -> Peer:
        """Make the last connection that was asked for."""
        self.peers.append(Peer(self.reactor.tcpClients[-1][2]))
        return self.peers[-1]

    def refuse(self) -> None:
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(Refused()))

    def closed(self, etcd: Etcd) -> Deferred:
        """Close it, as a network does where the other side agrees."""
        closed = etcd.close()
        for peer in self.peers:
            self.assertTrue(peer.is_closed)
            peer.lose()
        self.reactor.pump([0] * 4)
        return closed

    def until(self, seconds: float) -> None:
        while self.reactor.seconds() < seconds:
            self.reactor.advance(0.0625)


class Servers(Case):
    """A client made by `connect`, and servers in memory, each with a mind of its own.

    A server answers as etcd does, and lets waits wait.  One in ``refusing`` takes no
    connection; one in ``silent`` takes all, and answers no request that comes meanwhile;
    one in ``failing`` answers with status 503.

    Attributes:
        bodies: What is answered at which path; at any other, `NODE`.
        requests: What came to which server, in order: ``(url, "GET /v2/keys/a")``.
        waits: The connections on which a wait is parked, with their servers.
    """

    def setUp(self):
        super().setUp()
        self.refusing: set[str] = set()
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.bodies = dict(BODIES)
        self.requests: list[tuple[str, str]] = []
        self.waits: list[tuple[str, Peer]] = []
        self._connected: list[tuple[str, Peer]] = []
        self._read: dict[Peer, int] = {}

    def run_network(self) -> None:
        """Let happen all that needs no time."""
        self.reactor.advance(0)
        while self._connect() or self._serve():
            self.reactor.advance(0)

    def until(self, seconds: float, step: float = 0.0625) -> None:
        self.run_network()
        while self.reactor.seconds() < seconds:
            self.reactor.advance(min(step, seconds - self.reactor.seconds()))
            self.run_network()

    def after(self, seconds: float, step: float = 0.0625) -> None:
        self.until(self.reactor.seconds() + seconds, step)

    def answered(self, deferred: Deferred, seconds: float = 0.0625) -> Any:
        """What something fires with, within a time that allows for the delay of a retry."""
        self.after(seconds, 0.01)
        return self.successResultOf(deferred)

    def came_to(self, url: str, what: str = "") -> list[str]:
        return [line for where, line in self.requests if where == url and what in line]

    def wake(self, answer: bytes) -> str:
        """Answer the one wait that is parked; where it was."""
        ((url, peer),) = self.waits
        self.waits = []
        peer.send(answer)
        self.run_network()
        return url

    def end(self, etcd: Etcd) -> None:
        """Close it; nothing is left."""
        closed = etcd.close()
        for _ in range(4):
            self._lose()
            self.reactor.advance(0)
        self.assertIsNone(self.successResultOf(closed))
        self.assertTrue(all(peer.is_lost for _, peer in self._connected))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def _connect(self) -> bool:
        before = len(self._connected)
        connector: Any
        for connector in self.reactor.connectors[before:]:
            host, port, factory, *_ = self.reactor.tcpClients[len(self._connected)]
            url = f"http://{host}:{port}"
            peer: Peer = _NoPeer()
            if url in self.refusing:
                factory.clientConnectionFailed(connector, Failure(Refused()))
            elif not connector.stoppedConnecting:
                peer = Peer(factory)
            self._connected.append((url, peer))
        return len(self._connected) > before

    def _serve(self) -> bool:
        self._lose()
        before = len(self.requests)
        for url, peer in self._connected:
            while not peer.is_lost:
                read = self._read.get(peer, 0)
                request = first_request(peer.received[read:])
                if not request:
                    break
                self._read[peer] = read + len(request)
                line = request.partition(b" HTTP/1.1")[0].decode()
                self.requests.append((url, line))
                if url not in self.silent:
                    self._answer(url, peer, line)
        return len(self.requests) > before

    def _answer(self, url: str, peer: Peer, line: str) -> None:
        if url in self.failing:
            peer.send(reply(b"busy", 503))
        elif "wait=true" in line:
            self.waits.append((url, peer))
        else:
            path = line.partition(" /")[2]
            peer.send(reply(self.bodies.get(path, NODE)))

    def _lose(self) -> None:
        """End the connections that the client has closed."""
        for _, peer in self._connected:
            if peer.is_closed:
                peer.lose()
        self.waits = [each for each in self.waits if not each[1].is_lost]


class _NoPeer(Peer):
    """The other end of a connection that was not made."""

    is_closed = True
    received = b""

    def __init__(self) -> None:
        self.is_lost = True


class Seeing(Filter):
    """A user's filter, of ten lines: it counts what passes."""

    def __init__(self):
        self.requests: list = []
        self.responses: list = []

    async def apply(self, request, service):
        self.requests.append(request)
        response = await service(request)
        self.responses.append(response)
        return response
