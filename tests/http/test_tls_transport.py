"""TLS below a whole client: what `connect` does with it, over each of its transports."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from tests.http.certificates import PAST, TLS1_2, TLS1_3, Authority, Certificate, listen
from tests.http.wire import Connection, RawServer
from txetcd import Action, Etcd, NotSent, connect
from txetcd.http.tls import TLS
from txetcd.stack import Stack

reactor: Any = _reactor

ROOT = Authority()
STRANGER = Authority()
SERVER = ROOT.issue("localhost", "127.0.0.1")
CLIENT = ROOT.issue("client")
VERSIONS = (TLS1_2, TLS1_3)

VERSION = b'{"etcdserver": "3.5.1", "etcdcluster": "3.5.0"}'
SET = (
    b'{"action": "set", "node": {"key": "/a", "value": "x", '
    b'"modifiedIndex": 7, "createdIndex": 7}}'
)


class EtcdLike:
    """A server that answers as etcd does, in TLS.

    Attributes:
        requests: All that it has received, from whomever.
        serials: The serial numbers of the client certificates, one for each request.
        url: Where it is.
    """

    def __init__(self, host: str = "localhost", *, keep: bool = True, **options: Any) -> None:
        self._keep = keep
        self.requests: list[bytes] = []
        self.serials: list[int] = []
        self._connections: list[Any] = []
        factory: Any = Factory.forProtocol(self._connection)
        self._port = listen(reactor, factory, **options)
        self.url = f"https://{host}:{self._port.getHost().port}"

    def _connection(self) -> Connection:
        self._connections.append(Connection(self))  # type: ignore[arg-type]
        return self._connections[-1]

    def answer(self, connection: Connection, request: bytes) -> None:
        certificate = connection.transport.getPeerCertificate()
        self.serials.append(certificate and certificate.get_serial_number())
        body = VERSION if request.startswith(b"GET /version ") else SET
        more = b"" if self._keep else b"Connection: close\r\n"
        connection.send(
            b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: %d\r\n%s\r\n%s"
            % (len(body), more, body)
        )

    async def stop(self) -> None:
        """Stop listening, and end all connections."""
        await maybeDeferred(self._port.stopListening)
        for connection in self._connections:
            if not connection.closed.called:
                connection.reset()
        await DeferredList([each.closed for each in self._connections])


def once(stack: Stack) -> Stack:
    """The default stack, without other attempts."""
    return stack.remove("retry")


def patient(stack: Stack, url: str) -> Stack:
    """The default stack of an endpoint, whose attempts are not given up."""
    return stack.remove("timeout")


class Promises:
    """What holds over each transport; mixed into a `TestCase`."""

    transport: str
    #: Seconds, for a test that waits for a refusal which does not come.
    timeout = 20

    # What TestCase has.
    addCleanup: Any
    assertEqual: Any
    assertIn: Any
    assertFalse: Any
    assertTrue: Any
    failureException: Any
    mktemp: Any

    def server(self, host: str = "localhost", **options: Any) -> EtcdLike:
        server = EtcdLike(host, **{"certificate": SERVER, **options})
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        return server

    def client(self, url: str, tls: TLS | None, **options: Any) -> Etcd:
        etcd = connect(url, tls=tls, transport=self.transport, **options)
        self.addCleanup(etcd.close)
        return etcd

    async def use(self, etcd: Etcd) -> None:
        """Read and write."""
        self.assertEqual((await etcd.version()).server, "3.5.1")
        self.assertEqual((await etcd.key("/a").set("x")).action, Action.SET)

    async def not_sent(self, asked: Awaitable[Any]) -> NotSent:
        """The error of a request that never left."""
        try:
            await asked
        except NotSent as error:
            self.assertFalse(error.possibly_applied)
            return error
        raise self.failureException("it did not fail")

    async def refused(self, url: str, tls: TLS | None, words: str) -> None:
        """Neither a read nor a write is sent, and why is said."""
        etcd = self.client(url, tls, stack=once, endpoint_stack=patient)
        for ask in (etcd.version, lambda: etcd.key("/a").set("x")):
            error = await self.not_sent(ask())
            self.assertIn(words, str(error))
            self.assertIn(url, str(error))

    def show(self, certificate: Certificate) -> TLS:
        return TLS(ca=ROOT.pem, certificate=certificate.both)

    async def test_a_server_with_a_certificate_of_the_authority_is_spoken_to(self) -> None:
        for host in ("localhost", "127.0.0.1"):
            for version in VERSIONS:
                server = self.server(host, versions=(version, version))
                await self.use(self.client(server.url, TLS(ca=ROOT.pem)))
                self.assertEqual(server.serials, [None, None])

    async def test_another_name_can_be_verified(self) -> None:
        server = self.server(certificate=ROOT.issue("etcd.example"))
        await self.use(self.client(server.url, TLS(ca=ROOT.pem, server_name="etcd.example")))

    async def test_the_client_certificate_is_shown(self) -> None:
        for version in VERSIONS:
            server = self.server(client_ca=[ROOT.pem], versions=(version, version))
            await self.use(self.client(server.url, self.show(CLIENT)))
            self.assertEqual(server.serials, [CLIENT.serial] * 2)

    async def test_a_renewed_one_is_shown_by_the_next_connection(self) -> None:
        server = self.server(client_ca=[ROOT.pem], keep=False)
        path, other = Path(self.mktemp()), Path(self.mktemp())
        path.write_bytes(CLIENT.both)
        etcd = self.client(server.url, TLS(ca=ROOT.pem, certificate=path))
        await etcd.version()
        renewed = ROOT.issue("client")
        other.write_bytes(renewed.both)
        os.replace(other, path)
        await etcd.version()
        self.assertEqual(server.serials, [CLIENT.serial, renewed.serial])

    async def test_a_file_that_cannot_be_read_then_is_named(self) -> None:
        server = self.server(client_ca=[ROOT.pem])
        path = Path(self.mktemp())
        path.write_bytes(CLIENT.both)
        tls = TLS(ca=ROOT.pem, certificate=path)
        path.unlink()
        await self.refused(server.url, tls, f"cannot be read: No such file or directory: '{path}'")
        self.assertEqual(server.requests, [])

    async def test_a_server_of_another_authority_is_sent_nothing(self) -> None:
        server = self.server(certificate=STRANGER.issue("localhost"))
        for tls in (TLS(ca=ROOT.pem), None):
            await self.refused(server.url, tls, "unable to get local issuer certificate")
        self.assertEqual(server.requests, [])

    async def test_nor_one_whose_certificate_has_expired(self) -> None:
        server = self.server(certificate=ROOT.issue("localhost", dates=PAST))
        words = "certificate has expired on 2020-12-31"
        await self.refused(server.url, TLS(ca=ROOT.pem), words)
        self.assertEqual(server.requests, [])

    async def test_nor_one_whose_certificate_is_for_another_host(self) -> None:
        server = self.server(certificate=ROOT.issue("example.com"))
        words = "certificate is valid for 'example.com' and not for 'localhost'"
        await self.refused(server.url, TLS(ca=ROOT.pem), words)
        self.assertEqual(server.requests, [])

    async def test_nor_one_whose_certificate_is_for_no_host(self) -> None:
        server = self.server(certificate=ROOT.issue(common_name="localhost"))
        words = "certificate is valid for no host and not for 'localhost'"
        await self.refused(server.url, TLS(ca=ROOT.pem), words)
        self.assertEqual(server.requests, [])

    async def test_a_missing_client_certificate_fails_before_anything_is_processed(self) -> None:
        for version, words in (
            (TLS1_2, "the server refused the handshake; it may demand a client certificate"),
            (TLS1_3, "the server demands a client certificate: give certificate= and key="),
        ):
            server = self.server(client_ca=[ROOT.pem], versions=(version, version))
            await self.refused(server.url, TLS(ca=ROOT.pem), words)
            self.assertEqual(server.requests, [])

    async def test_a_wrong_one_likewise(self) -> None:
        for version in VERSIONS:
            server = self.server(client_ca=[ROOT.pem], versions=(version, version))
            words = "the server refused the client's certificate, or demands one: unknown ca"
            await self.refused(server.url, self.show(STRANGER.issue("client")), words)
            self.assertEqual(server.requests, [])

    async def test_a_handshake_that_stalls_ends_with_the_time_for_connecting(self) -> None:
        server = RawServer(reactor, lambda connection, request: None)
        self.addCleanup(server.stop)
        url = server.url.replace("http://127.0.0.1", "https://localhost")
        etcd = self.client(url, TLS(ca=ROOT.pem), timeout=0.4, stack=once, endpoint_stack=patient)
        error = await self.not_sent(etcd.key("/a").set("x"))
        self.assertIn("no connection within 0.2 s", str(error))

    async def test_with_the_default_stack_it_is_tried_again_and_the_error_is_the_same(self) -> None:
        server = self.server(certificate=STRANGER.issue("localhost"))
        etcd = self.client(server.url, TLS(ca=ROOT.pem))
        error = await self.not_sent(etcd.key("/a").set("x"))
        self.assertIn("unable to get local issuer certificate", str(error))
        self.assertTrue(error.reasons)


class TreqTests(Promises, TestCase):
    """Over treq."""

    transport = "treq"


class DirectTests(Promises, TestCase):
    """Without it."""

    transport = "direct"
