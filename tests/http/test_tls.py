"""TLS: what is verified, what is shown, and what is said when it fails; on real sockets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import ResponseNeverReceived
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.http.certificates import (
    FUTURE,
    PAST,
    TLS1_1,
    TLS1_2,
    TLS1_3,
    Authority,
    Certificate,
    listen,
)
from txetcd.http.tls import TLS, explain, refused_in_handshake, verification

reactor: Any = _reactor

ROOT = Authority()
STRANGER = Authority()
SERVER = ROOT.issue("localhost", "127.0.0.1", "::1")
CLIENT = ROOT.issue("client")
VERSIONS = (TLS1_2, TLS1_3)


@implementer(IHandshakeListener)
class End(Protocol):
    """One end of a connection.

    Attributes:
        completed: Fires when the handshake is done here.
        answered: Fires with the first bytes that arrive.
        lost: Fires with what the connection was lost with.
    """

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def __init__(self) -> None:
        self.completed: Deferred[None] = Deferred()
        self.answered: Deferred[bytes] = Deferred()
        self.lost: Deferred[BaseException] = Deferred()

    def handshakeCompleted(self) -> None:
        self.completed.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if not self.answered.called:
            self.answered.callback(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        assert reason is not None
        assert reason.value is not None
        self.lost.callback(reason.value)


class Echo(End):
    """The server's end: it notes who the client is, and sends back what it receives."""

    serial: int | None = None
    asked_for: bytes | None = None
    version = ""

    def handshakeCompleted(self) -> None:
        connection = self.transport.getHandle()
        certificate = connection.get_peer_certificate()
        self.serial = certificate and certificate.get_serial_number()
        self.asked_for = connection.get_servername()
        self.version = connection.get_protocol_version_name()
        super().handshakeCompleted()

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)
        super().dataReceived(data)


class Mute(End):
    """A server that accepts, and never completes the handshake."""


class Eager(End):
    """A client that writes as soon as its handshake is done."""

    def handshakeCompleted(self) -> None:
        self.transport.write(b"hello")
        super().handshakeCompleted()


class Server(Factory):
    """The server's ends of all connections."""

    def __init__(self, protocol: type[End] = Echo) -> None:
        self.kind = protocol
        self.ends: list[Any] = []

    def buildProtocol(self, addr: object) -> End:
        self.ends.append(self.kind())
        return self.ends[-1]


class TlsTestCase(TestCase):
    """Servers that are gone after the test, and clients of them."""

    #: Seconds, for a test that waits for a refusal which does not come.
    timeout = 20

    def serve(self, certificate: Certificate = SERVER, **options: Any) -> Server:
        """A server that speaks TLS."""
        server = Server()
        return self._begin(server, listen(reactor, server, certificate=certificate, **options))

    def serve_plainly(self, protocol: type[End]) -> Server:
        """A server that does not."""
        server = Server(protocol)
        return self._begin(server, reactor.listenTCP(0, server, interface="127.0.0.1"))

    def _begin(self, server: Server, port: Any) -> Server:
        self.server, self.number = server, port.getHost().port
        self.addCleanup(lambda: Deferred.fromCoroutine(self._stop(server, port)))
        return server

    async def _stop(self, server: Server, port: Any) -> None:
        await maybeDeferred(port.stopListening)
        for end in server.ends:
            if not end.lost.called:
                end.transport.abortConnection()
                await end.lost

    async def connect(
        self, tls: TLS, host: str = "localhost", protocol: type[End] = End
    ) -> End:
        """A client of the server that was made last, whose handshake has begun."""
        return await self.endpoint(tls, host).connect(Factory.forProtocol(protocol))

    def endpoint(self, tls: TLS, host: str) -> Any:
        """Where that server is, by the name of a host."""
        tcp: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", self.number)
        return wrapClientTLS(tls.creator_for(host, self.number), tcp)

    async def talk(self, tls: TLS, host: str = "localhost") -> Any:
        """Connect, send, receive the same, and close; the server's end."""
        client = await self.connect(tls, host)
        client.transport.write(b"hello")
        self.assertEqual(await client.answered, b"hello")
        await client.completed
        client.transport.loseConnection()
        self.assertIsInstance(await client.lost, ConnectionDone)
        return self.server.ends[-1]

    async def refusal(self, tls: TLS, host: str = "localhost", done: bool = False) -> Any:
        """Connect, and fail; what the connection was lost with.

        Args:
            tls: The client's.
            host: The host to verify.
            done: Whether the client believes by then that the handshake is done.
        """
        client = await self.connect(tls, host)
        error = await client.lost
        self.assertEqual((client.completed.called, client.answered.called), (done, False))
        return error

    async def explained(self, tls: TLS, host: str = "localhost") -> str:
        """The same, in words."""
        return explain(await self.refusal(tls, host))

    def folder(self) -> Path:
        """A new folder of this test."""
        path = Path(self.mktemp())
        path.mkdir()
        return path


class VerificationTests(TlsTestCase):
    """Who is spoken to."""

    async def test_a_server_is_trusted_whose_authority_was_given(self):
        self.serve()
        for tls in (TLS(ca=ROOT.pem), TLS(ca=STRANGER.pem + b"some text\n" + ROOT.pem)):
            await self.talk(tls)

    async def test_without_authorities_those_of_the_platform_are_trusted(self):
        path = self.folder() / "platform.pem"
        path.write_bytes(ROOT.pem)
        self.serve()
        with mock.patch.dict(os.environ, SSL_CERT_FILE=str(path)):
            tls = TLS()
        await self.talk(tls)

    async def test_both_versions_of_tls_that_are_safe_are_spoken(self):
        for version, name in zip(VERSIONS, ("TLSv1.2", "TLSv1.3"), strict=True):
            self.serve(versions=(version, version))
            end = await self.talk(TLS(ca=ROOT.pem))
            self.assertEqual(end.version, name)

    async def test_an_older_version_is_not(self):
        self.serve(versions=(TLS1_1, TLS1_1))
        error = await self.refusal(TLS(ca=ROOT.pem))
        self.assertEqual(explain(error), "the server speaks no TLS of version 1.2 or newer")
        self.assertTrue(refused_in_handshake(error))

    async def test_a_server_is_refused_whose_authority_is_unknown(self):
        for certificate in (STRANGER.issue("localhost"), STRANGER.below().issue("localhost")):
            server = self.serve(certificate)
            for tls in (TLS(ca=ROOT.pem), TLS()):
                words = await self.explained(tls)
                self.assertIn("the server's certificate was refused: unable to", words)
                self.assertIn("the authority to trust is given as ca=", words)
                # It is told by an alert, and not only by a connection that is gone.
                self.assertIn("unknown ca", str(await server.ends[-1].lost))

    async def test_a_self_signed_authority_in_the_chain_proves_nothing(self):
        leaf = STRANGER.issue("localhost")
        self.serve(Certificate(leaf.chain + STRANGER.pem, leaf.key))
        words = await self.explained(TLS(ca=ROOT.pem))
        self.assertIn("self-signed certificate in certificate chain", words)

    async def test_a_certificate_out_of_date_is_refused(self):
        for dates, words in (
            (PAST, "certificate has expired on 2020-12-31"),
            (FUTURE, "certificate is not valid before 2120-01-01"),
        ):
            self.serve(ROOT.issue("localhost", dates=dates))
            said = await self.explained(TLS(ca=ROOT.pem))
            self.assertEqual(said, f"the server's certificate was refused: {words}")

    async def test_so_is_one_whose_authority_is_out_of_date(self):
        between = ROOT.below()
        leaf = between.issue("localhost")
        old = ROOT.sign_again(between.pem, dates=PAST)
        self.serve(Certificate(leaf.chain.replace(between.pem, old), leaf.key))
        words = await self.explained(TLS(ca=ROOT.pem))
        self.assertIn("certificate has expired on 2020-12-31 (of the authority 'O", words)

    async def test_a_certificate_for_another_host_is_refused(self):
        server = self.serve()
        for host in ("example.com", "127.0.0.2", "::2", "ocalhost", "a.localhost"):
            words = await self.explained(TLS(ca=ROOT.pem), host)
            self.assertEqual(
                words,
                "the server's certificate was refused: certificate is valid for 'localhost', "
                f"'127.0.0.1', '::1' and not for {host!r}",
            )
            self.assertIn("alert", str(await server.ends[-1].lost))

    async def test_a_certificate_for_no_host_is_refused(self):
        """A common name does not count; and Twisted's own options would take it."""
        named = ROOT.issue("localhost", common_name="localhost")
        without = ROOT.sign_again(named.chain, without=x509.SubjectAlternativeName)
        for certificate in (
            ROOT.issue(common_name="localhost"),
            ROOT.issue("someone@localhost", common_name="localhost"),
            Certificate(without, named.key),
        ):
            self.serve(certificate)
            words = await self.explained(TLS(ca=ROOT.pem))
            self.assertIn("certificate is valid for no host and not for 'localhost'", words)

    async def test_a_certificate_that_cannot_be_judged_is_refused(self):
        def broken(*args: object) -> str:
            raise ValueError("broken")

        self.patch(verification, "name_refused", broken)
        self.serve()
        words = await self.explained(TLS(ca=ROOT.pem))
        self.assertIn("refused: it cannot be read: broken", words)

    async def test_of_many_names_an_error_shows_some(self):
        self.serve(ROOT.issue(*(f"host{i}.example" for i in range(100))))
        words = await self.explained(TLS(ca=ROOT.pem))
        self.assertIn("'host4.example', others and not for 'localhost'", words)
        self.assertNotIn("host5", words)

    async def test_an_address_is_verified_as_an_address(self):
        self.serve()
        for host in ("127.0.0.1", "::1", "[::1]", "::1%lo"):
            end = await self.talk(TLS(ca=ROOT.pem), host)
            self.assertIsNone(end.asked_for)
        self.serve(ROOT.issue("localhost"))
        words = await self.explained(TLS(ca=ROOT.pem), "127.0.0.1")
        self.assertIn("not for '127.0.0.1'", words)

    async def test_the_server_is_told_the_name_that_is_verified(self):
        self.serve()
        for host in ("localhost", "localhost.", "LOCALHOST"):
            end = await self.talk(TLS(ca=ROOT.pem), host)
            self.assertEqual(end.asked_for.lower(), b"localhost")

    async def test_another_name_can_be_verified_than_that_of_the_url(self):
        self.serve(ROOT.issue("etcd.example", "192.0.2.7"))
        end = await self.talk(TLS(ca=ROOT.pem, server_name="etcd.example"))
        self.assertEqual(end.asked_for, b"etcd.example")
        end = await self.talk(TLS(ca=ROOT.pem, server_name="192.0.2.7"))
        self.assertIsNone(end.asked_for)
        tls = TLS(ca=ROOT.pem, server_name="other.example")
        self.assertIn("not for 'other.example'", await self.explained(tls, "etcd.example"))

    async def test_a_chain_with_an_authority_between(self):
        between = ROOT.below()
        self.serve(between.issue("localhost"))
        await self.talk(TLS(ca=ROOT.pem))
        # Whom the user trusts, is trusted, whoever has signed it.
        await self.talk(TLS(ca=between.pem))
        self.assertIn("unable to get", await self.explained(TLS(ca=ROOT.below().pem)))

    async def test_a_certificate_can_be_trusted_by_itself_and_its_name_still_counts(self):
        self.serve()
        tls = TLS(ca=SERVER.chain)
        await self.talk(tls)
        self.assertIn("not for 'example.com'", await self.explained(tls, "example.com"))


class ClientCertificateTests(TlsTestCase):
    """What is shown to a server that demands it."""

    def demand(self, version: int) -> Server:
        return self.serve(client_ca=[ROOT.pem], versions=(version, version))

    def trusting(self, certificate: Certificate) -> TLS:
        return TLS(ca=ROOT.pem, certificate=certificate.chain, key=certificate.key)

    async def test_the_right_one_is_taken(self):
        for version in VERSIONS:
            self.demand(version)
            end = await self.talk(self.trusting(CLIENT))
            self.assertEqual(end.serial, CLIENT.serial)

    async def test_the_key_may_be_in_the_same_file(self):
        self.demand(TLS1_3)
        end = await self.talk(TLS(ca=ROOT.pem, certificate=CLIENT.both))
        self.assertEqual(end.serial, CLIENT.serial)

    async def test_the_chain_to_it_is_sent(self):
        between = ROOT.below().below()
        for version in VERSIONS:
            self.demand(version)
            certificate = between.issue("client")
            end = await self.talk(self.trusting(certificate))
            self.assertEqual(end.serial, certificate.serial)

    async def test_a_server_that_demands_one_refuses_a_client_without(self):
        self.demand(TLS1_2)
        error = await self.refusal(TLS(ca=ROOT.pem))
        self.assertIn("it may demand a client certificate", explain(error))
        self.assertTrue(refused_in_handshake(error))

    async def test_in_tls_1_3_it_does_so_after_the_client_is_done(self):
        self.demand(TLS1_3)
        error = await self.refusal(TLS(ca=ROOT.pem), done=True)
        self.assertEqual(
            explain(error),
            "the server demands a client certificate: give certificate= and key=",
        )
        self.assertTrue(refused_in_handshake(error))

    async def test_a_certificate_of_a_stranger_is_refused(self):
        for version in VERSIONS:
            self.demand(version)
            tls = self.trusting(STRANGER.issue("client"))
            error = await self.refusal(tls, done=version == TLS1_3)
            self.assertEqual(
                explain(error),
                "the server refused the client's certificate, or demands one: unknown ca",
            )
            self.assertTrue(refused_in_handshake(error))

    async def test_one_that_has_expired_is_refused(self):
        for version in VERSIONS:
            self.demand(version)
            tls = self.trusting(ROOT.issue("client", dates=PAST))
            error = await self.refusal(tls, done=version == TLS1_3)
            self.assertIn("certificate expired", explain(error))
            self.assertTrue(refused_in_handshake(error))

    async def test_a_second_handshake_is_refused(self):
        """Else an alert of one could come after a request, and be taken for that of the first."""
        server = self.serve(versions=(TLS1_2, TLS1_2))
        client = await self.connect(TLS(ca=ROOT.pem))
        await client.completed
        end = server.ends[-1]
        end.transport.getHandle().renegotiate()
        end.transport.write(b"hello")
        self.assertIn("no renegotiation", str(await end.lost))
        await client.lost

    async def test_the_alert_is_seen_by_a_client_that_has_written_already(self):
        server = self.demand(TLS1_3)
        client = await self.connect(TLS(ca=ROOT.pem), protocol=Eager)
        error = await client.lost
        self.assertTrue(client.completed.called)
        self.assertTrue(refused_in_handshake(error), error)
        self.assertFalse(server.ends[-1].answered.called)


class RenewalTests(TlsTestCase):
    """Files that change."""

    def setUp(self) -> None:
        folder = self.folder()
        self.ca, self.certificate, self.key = (folder / name for name in ("ca", "cert", "key"))
        self.put(self.ca, ROOT.pem)
        self.renew(CLIENT)
        self.tls = TLS(ca=self.ca, certificate=self.certificate, key=self.key)

    def put(self, path: Path, data: bytes) -> None:
        """Replace a file, as whatever renews certificates does."""
        other = path.with_suffix(".new")
        other.write_bytes(data)
        os.replace(other, path)

    def renew(self, certificate: Certificate) -> None:
        self.put(self.certificate, certificate.chain)
        self.put(self.key, certificate.key)

    def context(self) -> SSL.Context:
        """That of the next connection."""
        return self.tls.creator_for("localhost", 1).clientConnectionForTLS(None).get_context()

    async def test_the_next_connection_shows_a_renewed_certificate(self):
        self.serve(client_ca=[ROOT.pem])
        self.assertEqual((await self.talk(self.tls)).serial, CLIENT.serial)
        renewed = ROOT.issue("client")
        self.renew(renewed)
        self.assertEqual((await self.talk(self.tls)).serial, renewed.serial)

    async def test_it_does_so_by_the_same_endpoint(self):
        """One that is made once, of a creator that is made once."""
        self.serve(client_ca=[ROOT.pem])
        endpoint = self.endpoint(self.tls, "localhost")
        for certificate in (CLIENT, ROOT.issue("client")):
            self.renew(certificate)
            client = await endpoint.connect(Factory.forProtocol(End))
            client.transport.write(b"hello")
            await client.answered
            self.assertEqual(self.server.ends[-1].serial, certificate.serial)
            client.transport.loseConnection()
            await client.lost

    async def test_a_connection_that_is_open_stays(self):
        self.serve(client_ca=[ROOT.pem])
        client = await self.connect(self.tls)
        await client.completed
        self.renew(ROOT.issue("client"))
        await self.talk(self.tls)
        client.transport.write(b"hello")
        self.assertEqual(await client.answered, b"hello")
        client.transport.loseConnection()
        await client.lost

    async def test_the_next_connection_trusts_a_new_authority(self):
        self.serve(STRANGER.issue("localhost"))
        self.assertIn("unable to get", await self.explained(self.tls))
        self.put(self.ca, ROOT.pem + STRANGER.pem)
        await self.talk(self.tls)

    def test_connections_share_a_context_as_long_as_nothing_changes(self):
        first = self.context()
        self.assertIs(self.context(), first)
        other = self.tls.creator_for("example.com", 2).clientConnectionForTLS(None)
        self.assertIs(other.get_context(), first)
        os.utime(self.ca, ns=(1, 1))
        self.assertIsNot(self.context(), first)

    def test_the_authorities_of_the_platform_and_bytes_do_not_change(self):
        self.tls = TLS(certificate=CLIENT.both)
        self.assertIs(self.context(), self.context())

    async def test_a_file_that_is_gone_fails_the_connection_and_is_named(self):
        self.serve(client_ca=[ROOT.pem])
        for path in (self.ca, self.certificate, self.key):
            kept = path.read_bytes()
            path.unlink()
            words = await self.explained(self.tls)
            self.assertIn("cannot be read: No such file", words)
            self.assertIn(str(path), words)
            self.put(path, kept)
            await self.talk(self.tls)

    async def test_so_does_a_file_with_something_else_in_it(self):
        self.serve(client_ca=[ROOT.pem])
        for path in (self.ca, self.certificate, self.key):
            kept = path.read_bytes()
            self.put(path, b"rubbish")
            self.assertIn(f"={str(path)!r} holds no", await self.explained(self.tls))
            self.put(path, kept)
            await self.talk(self.tls)

    async def test_a_renewal_in_two_steps_fails_the_connections_between(self):
        self.serve(client_ca=[ROOT.pem])
        renewed = ROOT.issue("client")
        self.put(self.certificate, renewed.chain)
        words = await self.explained(self.tls)
        self.assertIn(f"the private key in key={str(self.key)!r} is not that of", words)
        self.put(self.key, renewed.key)
        self.assertEqual((await self.talk(self.tls)).serial, renewed.serial)


class OtherServerTests(TlsTestCase):
    """Who answers, and does not speak TLS."""

    async def test_one_that_never_answers_leaves_the_handshake_undone(self):
        server = self.serve_plainly(Mute)
        client = await self.connect(TLS(ca=ROOT.pem), protocol=Eager)
        hello = await server.ends[0].answered
        self.assertEqual(hello[:2], b"\x16\x03")
        self.assertFalse(client.completed.called)
        client.transport.abortConnection()
        self.assertFalse(refused_in_handshake(await client.lost))
        self.assertFalse(client.completed.called)
        await server.ends[0].lost

    async def test_one_that_answers_in_the_clear_is_told_apart(self):
        class Plain(End):
            def dataReceived(self, data: bytes) -> None:
                self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        self.serve_plainly(Plain)
        error = await self.refusal(TLS(ca=ROOT.pem))
        self.assertIn("does not speak TLS", explain(error))
        self.assertFalse(refused_in_handshake(error))

    async def test_one_that_closes_is_lost(self):
        class Closing(End):
            def dataReceived(self, data: bytes) -> None:
                self.transport.loseConnection()

        self.serve_plainly(Closing)
        error = await self.refusal(TLS(ca=ROOT.pem))
        self.assertIsInstance(error, ConnectionLost)
        self.assertFalse(refused_in_handshake(error))


class ConstructionTests(SynchronousTestCase):
    """What is wrong is said at once."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()

    def path(self, name: str, data: bytes) -> str:
        path = self.root / name
        path.write_bytes(data)
        return str(path)

    def wrong(self, kind: type[Exception], *words: str, **given: Any) -> str:
        """The error of such arguments, which has such words and no key."""
        with self.assertRaises(kind) as caught:
            TLS(**given)
        said = f"{caught.exception} {caught.exception!r}"
        for each in words:
            self.assertIn(each, said)
        self.assertNotIn("PRIVATE KEY", said)
        return said

    def test_a_file_that_cannot_be_read_is_an_os_error_that_names_it(self):
        good = self.path("good.pem", CLIENT.both)
        missing = str(self.root / "missing.pem")
        for given in (
            {"ca": missing},
            {"certificate": missing},
            {"certificate": good, "key": missing},
        ):
            name = [*given][-1]
            words = f"{name} cannot be read: No such file or directory: {missing!r}"
            self.wrong(FileNotFoundError, words, **given)
        self.wrong(IsADirectoryError, "ca cannot be read", repr(str(self.root)), ca=self.root)

    def test_what_is_no_pem_is_a_value_error_that_names_it(self):
        for data in (b"", b"rubbish", b"\x30\x82\x01\x01", CLIENT.key):
            path = self.path("wrong.pem", data)
            self.wrong(ValueError, f"ca={path!r} holds no certificate in PEM", ca=path)
            self.wrong(ValueError, f"ca=<{len(data)} bytes> holds no certificate", ca=data)
            self.wrong(ValueError, f"certificate={path!r} holds no", certificate=path)
        path = self.path("cut.pem", CLIENT.chain[:100])
        self.wrong(ValueError, f"ca={path!r} holds no certificate", ca=path)

    def test_pem_of_something_else_is_a_value_error_that_names_it(self):
        rubbish = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        self.wrong(ValueError, "ca=<", "a certificate that cannot be read", ca=ROOT.pem + rubbish)
        key = rubbish.replace(b"CERTIFICATE", b"PRIVATE KEY")
        self.wrong(
            ValueError,
            "key=<",
            "holds a private key that cannot be read",
            certificate=CLIENT.chain,
            key=key,
        )

    def test_a_key_needs_its_certificate_and_a_certificate_its_key(self):
        self.wrong(ValueError, "give certificate= as well", key=CLIENT.key)
        path = self.path("cert.pem", CLIENT.chain)
        self.wrong(
            ValueError,
            f"certificate={path!r} holds no private key in PEM; give key= as well",
            certificate=path,
        )
        self.wrong(
            ValueError, f"key={path!r} holds no private key", certificate=CLIENT.both, key=path
        )

    def test_an_encrypted_key_is_a_value_error_that_says_how_to_decrypt_it(self):
        key: Any = load_pem_private_key(CLIENT.key, None)
        for kind in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            pem = key.private_bytes(Encoding.PEM, kind, BestAvailableEncryption(b"hunter2"))
            path = self.path("key.pem", pem)
            self.wrong(
                ValueError,
                f"the private key in key={path!r} is encrypted: decrypt it",
                "openssl pkey",
                certificate=CLIENT.chain,
                key=path,
            )

    def test_a_key_of_another_certificate_is_a_value_error_that_names_both(self):
        cert = self.path("cert.pem", CLIENT.chain)
        key = self.path("key.pem", SERVER.key)
        words = f"in key={key!r} is not that of the first certificate in certificate={cert!r}"
        self.wrong(ValueError, words, certificate=cert, key=key)

    def test_a_key_that_openssl_finds_too_weak_is_a_value_error(self):
        key: Any = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        cert = ROOT.sign_again(CLIENT.chain, key=key.public_key())
        self.wrong(ValueError, "cannot be used: ee key too small", certificate=cert + pem)

    def test_pem_as_text_is_not_taken_for_a_path_and_not_shown(self):
        for name in ("ca", "certificate"):
            said = self.wrong(ValueError, f"{name} is a path", **{name: CLIENT.both.decode()})
            self.assertNotIn(CLIENT.key.decode().split("\n")[1], said)
        self.wrong(
            ValueError, "key is a path", certificate=CLIENT.chain, key=CLIENT.key.decode()
        )

    def test_other_types_are_a_type_error(self):
        for name in ("ca", "certificate"):
            self.wrong(TypeError, f"{name} is a path, or PEM as bytes, not bool", **{name: True})
        self.wrong(TypeError, "server_name is text, not bytes", server_name=b"localhost")

    def test_a_name_that_no_certificate_has_is_a_value_error(self):
        for name in ("", "https://localhost", "localhost:2379", "a b", "höst", "[::1]"):
            self.wrong(ValueError, f"server_name={name!r} is neither", server_name=name)
        for name in ("localhost", "a_b.example", "xn--hst-sna", "127.0.0.1", "::1"):
            self.assertEqual(TLS(server_name=name).server_name, name)

    def test_paths_of_any_kind_are_the_same(self):
        path = self.root / "both.pem"
        path.write_bytes(CLIENT.both)
        first, second = TLS(certificate=path), TLS(certificate=str(path))
        self.assertEqual(first, second)
        self.assertEqual(hash(first), hash(second))
        self.assertNotEqual(first, TLS(ca=path, certificate=path))

    def test_the_repr_shows_paths_and_nothing_of_a_key(self):
        path = self.path("ca.pem", ROOT.pem)
        tls = TLS(ca=path, certificate=CLIENT.chain, key=CLIENT.key, server_name="a.example")
        self.assertEqual(
            repr(tls),
            f"TLS(ca={path!r}, certificate=<{len(CLIENT.chain)} bytes>, "
            f"key=<{len(CLIENT.key)} bytes>, server_name='a.example')",
        )
        self.assertEqual(
            repr(TLS()), "TLS(ca=None, certificate=None, key=None, server_name=None)"
        )

    def test_it_cannot_be_changed(self):
        with self.assertRaises(AttributeError):
            TLS().ca = "/other"  # type: ignore[misc]

    def test_what_it_makes_is_what_twisted_asks_for(self):
        creator = TLS().creator_for("localhost", 2379)
        self.assertTrue(verifyObject(IOpenSSLClientConnectionCreator, creator))
        self.assertEqual(repr(creator), "<TLS connections to 'localhost'>")

    def test_without_the_extra_only_using_it_is_an_error_that_says_what_to_install(self):
        program = (
            "import sys\n"
            "sys.modules['OpenSSL'] = None\n"
            "from txetcd.http.tls import TLS, explain\n"
            "print(explain(ValueError('wrong.')))\n"
            "try:\n"
            "    TLS()\n"
            "except ValueError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        self.assertEqual(
            (done.stdout, done.stderr),
            ("wrong\nTLS needs pyOpenSSL: install txetcd[tls]\n", ""),
        )


def alert(name: str) -> SSL.Error:
    return SSL.Error([("SSL routines", "", f"tlsv1 alert {name}")])


class ExplainTests(SynchronousTestCase):
    """Words for what others raise."""

    def test_what_is_no_error_of_tls_keeps_its_words(self):
        for error, words in (
            (OSError(2, "No such file", "/a.pem"), "[Errno 2] No such file: '/a.pem'"),
            (ValueError("wrong."), "wrong"),
            (ValueError(), "ValueError"),
            (Failure(ValueError("wrong")), "wrong"),
        ):
            self.assertEqual(explain(error), words)

    def test_an_error_with_reasons_is_explained_by_them(self):
        failures = [Failure(alert("unknown ca")), Failure(ConnectionDone())]
        error = ResponseNeverReceived(failures)
        self.assertEqual(
            explain(error),
            "the server refused the client's certificate, or demands one: unknown ca; "
            "the connection was closed",
        )
        self.assertTrue(refused_in_handshake(error))
        self.assertTrue(refused_in_handshake(Failure(error)))

    def test_an_alert_is_one_of_the_server(self):
        for name, words in (
            ("internal error", "the server refused to go on: internal error"),
            ("protocol version", "the server speaks no TLS of version 1.2 or newer"),
            ("bad certificate", "the server refused the client's certificate, or demands one"),
        ):
            self.assertIn(words, explain(alert(name)))

    def test_what_openssl_says_is_said_where_there_are_no_better_words(self):
        error = SSL.Error([("SSL routines", "", "no shared cipher"), ("more", "", "general")])
        self.assertEqual(explain(error), "no shared cipher")

    def test_a_connection_that_ends_is_said_to_be_closed_or_lost_whoever_says_so(self):
        self.assertEqual(explain(ConnectionDone()), "the connection was closed")
        for error in (
            ConnectionLost(),
            ConnectionAborted(),
            SSL.Error([]),
            SSL.Error(),
            SSL.SysCallError(-1, "Unexpected EOF"),
        ):
            self.assertEqual(explain(error), "the connection was lost")

    def test_a_name_that_service_identity_refuses(self):
        from service_identity import cryptography

        for verify, name in (
            (cryptography.verify_certificate_hostname, "example.com"),
            (cryptography.verify_certificate_ip_address, "192.0.2.1"),
        ):
            with self.assertRaises(VerificationError) as caught:
                verify(SERVER.own, name)
            self.assertEqual(
                explain(caught.exception), f"the server's certificate is not valid for {name!r}"
            )

    def test_alerts_of_the_handshake_and_no_others_are_refusals(self):
        for prefix in ("sslv3", "tlsv1", "tlsv13", "tls", "ssl/tls"):
            for name, refusal in (
                ("handshake failure", True),
                ("bad certificate", True),
                ("certificate required", True),
                ("access denied", True),
                ("unknown ca", True),
                ("decrypt error", True),
                ("internal error", False),
                ("bad record mac", False),
                ("unexpected message", False),
                ("decode error", False),
                ("user cancelled", False),
            ):
                error = SSL.Error([("SSL routines", "", f"{prefix} alert {name}")])
                self.assertIs(refused_in_handshake(error), refusal, error)

    def test_what_this_side_found_is_no_refusal(self):
        for reason in ("certificate verify failed", "unknown ca", "bad certificate"):
            self.assertFalse(refused_in_handshake(SSL.Error([("SSL routines", "", reason)])))
        for error in (ConnectionDone(), ConnectionLost(), ValueError("tls alert unknown ca")):
            self.assertFalse(refused_in_handshake(error))
