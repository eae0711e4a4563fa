"""`pooled_service`: connections are kept, and closing leaves none; nothing is repeated."""

from __future__ import annotations

import builtins
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.error import TimeoutError as ConnectingTimedOut
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.http.wire import URL, RawServer, Wire
from txetcd import NotSent, ServiceClosed
from txetcd.errors import ResponseTooLarge
from txetcd.http import Request
from txetcd.http.pooled import KEPT, pooled_service

reactor: Any = _reactor

GET = Request("GET", "/a")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def wire(url: str = URL, **options: Any) -> Wire:
    return Wire(lambda reactor: pooled_service(reactor, url, connect_timeout=5, **options))


class ConnectionTests(SynchronousTestCase):
    def test_nothing_is_connected_before_the_first_request(self):
        self.assertEqual(wire().attempts, 0)

    def test_the_server_is_that_of_the_url(self):
        for url, host, port in (
            ("http://127.0.0.1:2379", "127.0.0.1", 2379),
            ("http://127.0.0.1", "127.0.0.1", 80),
            ("http://[::1]:2379", "::1", 2379),
        ):
            network = wire(url)
            network.service(GET).addErrback(lambda _: None)
            ((got_host, got_port, *_),) = network.reactor.tcpClients
            self.assertEqual((got_host, got_port), (host, port))

    def test_a_connection_is_kept_and_used_again(self):
        network = wire()
        first = network.service(GET)
        peer = network.accept()
        peer.send(OK)
        self.successResultOf(first)
        for _ in range(3):
            d = network.service(GET)
            peer.send(OK)
            self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertEqual(network.attempts, 1)

    def test_a_connection_that_the_server_does_not_keep_is_not_used_again(self):
        network = wire()
        d = network.service(GET)
        peer = network.accept()
        peer.send(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.successResultOf(d)
        self.assertTrue(peer.is_closed)
        network.service(GET).addErrback(lambda _: None)
        self.assertEqual(network.attempts, 2)

    def test_as_many_requests_as_one_likes_are_under_way_and_32_connections_are_kept(self):
        network = wire()
        requests = [network.service(GET) for _ in range(KEPT + 3)]
        peers = [network.accept() for _ in requests]
        self.assertEqual(KEPT, 32)
        for d, peer in zip(requests, peers, strict=True):
            peer.send(OK)
            self.successResultOf(d)
        self.assertEqual(sum(not peer.is_closed for peer in peers), 32)

    def test_connecting_takes_no_longer_than_the_timeout(self):
        network = wire()
        d = network.service(GET)
        ((_, _, _, timeout, _),) = network.reactor.tcpClients
        self.assertEqual(timeout, 5)
        network.refuse(ConnectingTimedOut())
        network.reactor.advance(1)
        self.failureResultOf(d, NotSent)
        self.assertEqual(network.reactor.getDelayedCalls(), [])

    def test_a_body_is_written_together_with_its_head(self):
        """treq's own producer writes it some turns of the reactor later."""
        network = wire()
        network.service(Request("PUT", "/a", body=b"x" * 1_000_000)).addErrback(lambda _: None)
        self.assertTrue(network.accept().received.endswith(b"\r\n\r\n" + b"x" * 1_000_000))

    def test_the_limit_of_a_body_is_passed_on(self):
        network = wire(max_body=1)
        d = network.service(GET)
        network.accept().send(OK)
        self.failureResultOf(d, ResponseTooLarge)

    def test_an_invalid_url_is_a_value_error(self):
        for url in ("127.0.0.1:2379", "http://", "ftp://a"):
            with self.assertRaises(ValueError):
                wire(url)


class TlsTests(SynchronousTestCase):
    def test_https_without_the_extra_is_a_value_error_that_says_what_to_install(self):
        imported = builtins.__import__

        def without_tls(name: str, *args: Any, **named: Any) -> Any:
            if name in ("twisted.internet.ssl", "OpenSSL"):
                raise ImportError(name)
            return imported(name, *args, **named)

        self.patch(builtins, "__import__", without_tls)
        with self.assertRaises(ValueError) as caught:
            wire("https://127.0.0.1:2379")
        self.assertIn("txetcd[tls]", str(caught.exception))

    def test_https_speaks_tls_and_sends_nothing_in_the_clear(self):
        try:
            import service_identity  # noqa: F401  # together with pyOpenSSL it makes the extra
            import twisted.internet.ssl  # noqa: F401
        except ImportError:
            self.skipTest("install txetcd[tls]")
        network = wire("https://127.0.0.1:2379")
        network.service(Request("GET", "/secret")).addErrback(lambda _: None)
        peer = network.accept()
        handshake, version = peer.received[:1], peer.received[1:2]
        self.assertEqual((handshake, version), (b"\x16", b"\x03"))
        self.assertNotIn(b"secret", peer.received)


class CloseTests(TestCase):
    timeout = 20

    async def test_kept_connections_are_closed_when_close_fires(self):
        """A connection that were left would make trial fail the test."""
        server = RawServer(reactor, lambda connection, request: connection.send(OK))
        self.addCleanup(server.stop)
        service = pooled_service(reactor, server.url, connect_timeout=5)
        for d in [service(GET) for _ in range(3)]:
            self.assertEqual((await d).body, b"ok")
        await service.close()
        self.assertEqual([r for r in reactor.getReaders() if _is_to(r, server.url)], [])
        await service.close()
        with self.assertRaises(ServiceClosed):
            await service(GET)


def _is_to(reader: Any, url: str) -> bool:
    """Whether a reader is a client's end of a connection to a URL."""
    addr: Any = getattr(reader, "addr", None)
    return bool(addr) and url.endswith(f":{addr[1]}")
