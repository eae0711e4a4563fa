"""One contract for all clients: stock treq, treq over our agent, direct, and streamed."""

from __future__ import annotations

import builtins
import gzip
import select
import socket
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    CannotListenError,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import TimeoutError as ConnectingTimedOut
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from tests.http.wire import (
    CONNECT_TIMEOUT,
    URL,
    ClientService,
    Connection,
    Direct,
    OurTreq,
    Peer,
    RawServer,
    StockTreq,
    Streamed,
    Wire,
    first_request,
    pooled_client,
)
from txetcd import (
    NotSent,
    ReplyLost,
    RequestCancelled,
    ServiceClosed,
    Status,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.clock import sleep
from txetcd.errors import MalformedResponse, QueueFull, ResponseTooLarge
from txetcd.http import Headers, Limits, PoolLimits, Request, Response

reactor: Any = _reactor

GET = Request("GET", "/a")
PUT = Request("PUT", "/a", body=b"v")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WITH_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

if TYPE_CHECKING:

    class Case(StockTreq, SynchronousTestCase):
        """What the contract is mixed with."""

    class SocketCase(StockTreq, TestCase):
        """The same, on a real reactor."""

else:
    Case = SocketCase = object


class InMemory(Case):
    """A client on a network in memory."""

    def wire(self, url: str = URL, **options: Any) -> Wire:
        return Wire(lambda reactor: self.make(reactor, url, **options))

    def exchange(self, *pieces: bytes, request: Request = GET, **options: Any):
        """A request, on a connection of its own, that is answered with some bytes."""
        wire = self.wire(**options)
        d = wire.service(request)
        peer = wire.accept()
        for piece in pieces:
            peer.send(piece)
        return d, peer

    def assert_not_kept(self, reply: bytes) -> None:
        """After such a response the next request has another connection."""
        wire = self.wire()
        d = wire.service(GET)
        peer = wire.accept()
        peer.send(reply)
        self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertTrue(peer.is_closed)
        wire.service(GET).addErrback(lambda _: None)
        self.assertEqual(wire.attempts, 2)

    def kept(self, **options: Any) -> tuple[Wire, Peer]:
        """A client with one connection, which has carried a request and is idle."""
        wire = self.wire(**options)
        first = wire.service(GET)
        peer = wire.accept()
        peer.send(OK)
        self.successResultOf(first)
        return wire, peer

    def assert_refused(self, d: Deferred, peer: Peer, expected: type[TxetcdError]) -> Any:
        """The error of a reply after which the connection is of no use."""
        self.assertTrue(peer.is_closed)
        peer.lose()
        error: Any = self.failureResultOf(d).value
        self.assertIs(type(error), expected)
        self.assertTrue(error.possibly_applied)
        self.assertEqual(error.endpoint, URL)
        return error


# --- the contract --------------------------------------------------------------------------


class Connecting(InMemory):
    def test_nothing_is_connected_before_the_first_request(self):
        self.assertEqual(self.wire().attempts, 0)

    def test_the_server_is_that_of_the_url(self):
        for url, host, port in (
            ("http://127.0.0.1:2379", "127.0.0.1", 2379),
            ("http://127.0.0.1", "127.0.0.1", 80),
        ):
            wire = self.wire(url)
            wire.service(GET).addErrback(lambda _: None)
            ((got_host, got_port, *_),) = wire.reactor.tcpClients
            self.assertEqual((got_host, got_port), (host, port))

    def test_an_invalid_url_is_a_value_error(self):
        for url in ("127.0.0.1:2379", "http://", "ftp://a", "http://root:hunter2@a"):
            with self.assertRaises(ValueError):
                self.wire(url)

    def test_a_connection_that_cannot_be_made_is_not_sent(self):
        for reason in (Refused(), ConnectingTimedOut()):
            for request in (GET, PUT):
                wire = self.wire()
                d = wire.service(request)
                wire.refuse(reason)
                wire.reactor.advance(1)
                error = self.failureResultOf(d, NotSent).value
                self.assertEqual((error.retryable, error.possibly_applied), (True, False))
                self.assertEqual(error.endpoint, URL)
                self.assertIsInstance(error.cause, type(reason))
                self.assertEqual(wire.reactor.getDelayedCalls(), [])

    def test_connecting_is_given_its_timeout(self):
        wire = self.wire()
        wire.service(GET).addErrback(lambda _: None)
        ((_, _, _, timeout, _),) = wire.reactor.tcpClients
        self.assertEqual(timeout, CONNECT_TIMEOUT)

    def test_a_connection_is_kept_and_used_again(self):
        wire, peer = self.kept()
        for _ in range(3):
            d = wire.service(GET)
            peer.send(OK)
            self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertEqual(wire.attempts, 1)

    def test_a_connection_that_the_server_does_not_keep_is_not_used_again(self):
        self.assert_not_kept(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    def test_a_connection_that_the_server_has_closed_is_not_used_again(self):
        wire, peer = self.kept()
        peer.lose()
        d = wire.service(PUT)
        wire.accept().send(OK)
        self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertEqual(peer.received.count(b"PUT"), 0)

    def test_a_connection_on_which_the_server_speaks_unasked_is_closed(self):
        for unasked in (OK, b"\r\n", b"x"):
            wire, peer = self.kept()
            peer.send(unasked)
            self.assertTrue(peer.is_closed)
            wire.settle()
            d = wire.service(GET)
            other = wire.accept()
            self.assertNoResult(d)
            other.send(OK.replace(b"ok", b"ja"))
            self.assertEqual(self.successResultOf(d).body, b"ja")

    def test_requests_at_the_same_time_have_a_connection_each(self):
        wire = self.wire()
        requests = [wire.service(GET) for _ in range(5)]
        peers = [wire.accept() for _ in requests]
        for n, (d, peer) in enumerate(zip(requests, peers, strict=True)):
            self.assertNoResult(d)
            peer.send(OK.replace(b"ok", b"%02d" % n))
        for n, d in enumerate(requests):
            self.assertEqual(self.successResultOf(d).body, b"%02d" % n)


class Writing(InMemory):
    """The bytes that leave."""

    def sent(self, request: Request, url: str = URL) -> bytes:
        d, peer = self.exchange(OK, request=request, url=url)
        self.assertEqual(self.successResultOf(d).body, b"ok")
        return peer.received

    def fields(self, request: Request, url: str = URL) -> list[bytes]:
        """The lines of the head but for the first, with names in lower case."""
        head, _, _ = self.sent(request, url).partition(b"\r\n\r\n")
        pairs = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
        return [name.lower() + b": " + value for name, _, value in pairs]

    def test_a_get_is_these_bytes(self):
        self.assertEqual(
            self.sent(Request("GET", "/a", "b=c")),
            b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:2379\r\n\r\n",
        )

    def test_the_fields_of_a_put_are_these(self):
        request = Request("PUT", "/a", headers=Headers({"X": "é"}), body=b"v=1")
        self.assertEqual(
            sorted(self.fields(request)),
            [b"content-length: 3", b"host: 127.0.0.1:2379", b"x: \xe9"],
        )

    def test_the_body_of_a_put_is_written_at_once_or_some_turns_later(self):
        d, peer = self.exchange(request=Request("PUT", "/a", body=b"x" * 1_000_000))
        whole = peer.received.endswith(b"\r\n\r\n" + b"x" * 1_000_000)
        self.assertEqual(whole, self.writes_at_once)
        d.addErrback(lambda _: None).cancel()

    def test_compression_is_never_asked_for_and_no_user_agent_is_named(self):
        for method in ("GET", "DELETE"):
            head = self.sent(Request(method, "/a")).lower()
            for word in (b"accept", b"encoding", b"user-agent", b"cookie"):
                self.assertNotIn(word, head)

    def test_repeated_fields_are_sent_in_order(self):
        fields = self.fields(Request("GET", "/a", headers=Headers([("x", "2"), ("X", "1")])))
        self.assertEqual([each for each in fields if each[:2] == b"x:"], [b"x: 2", b"x: 1"])

    def test_a_write_without_a_body_says_so(self):
        """Twisted's pool takes the lack of a body for leave to repeat a DELETE."""
        for method in ("DELETE", "PUT", "POST"):
            self.assertIn(b"content-length: 0", self.fields(Request(method, "/a")))

    def test_cookies_are_neither_kept_nor_sent(self):
        wire = self.wire()
        first = wire.service(GET)
        peer = wire.accept()
        peer.send(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=secret; Path=/\r\n\r\n"))
        self.assertEqual(self.successResultOf(first).headers["Set-Cookie"], "a=secret; Path=/")
        second = wire.service(GET)
        peer.send(OK)
        self.successResultOf(second)
        self.assertEqual(wire.attempts, 1)
        self.assertEqual(peer.received.count(b"GET /a"), 2)
        self.assertNotIn(b"cookie", peer.received.lower())

    def test_a_cookie_that_the_caller_sets_is_sent(self):
        fields = self.fields(Request("GET", "/a", headers=Headers({"Cookie": "a=b"})))
        self.assertIn(b"cookie: a=b", fields)

    def test_a_redirect_makes_no_second_request(self):
        wire = self.wire()
        d = wire.service(Request("GET", "/a", headers=Headers({"Authorization": "Basic x"})))
        peer = wire.accept()
        peer.send(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(self.successResultOf(d).status, 302)
        self.assertEqual(wire.attempts, 1)
        self.assertEqual(peer.received.count(b"HTTP/1.1"), 1)

    # It is run for one client after the other, and fails for each alike.
    @settings(
        deadline=None,
        max_examples=60,
        suppress_health_check=[HealthCheck.differing_executors],
    )
    @given(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        st.text("%=;:@?/+&~", max_size=12),
    )
    @example("%+;?#&~ \n%2F%00ü🦊.//..", "%2B=;:@?/+&~")
    @example("'\"<>[]{}|\\^`!$()*,", "")
    def test_the_target_on_the_wire_is_byte_for_byte_that_of_the_request(self, name, more):
        """Neither treq nor the parser of URLs below it encodes anything once more."""
        path = "/v2/keys/" + quote(name + more)
        query = "prevValue=" + quote(name + more, safe="") + "&wait=true"
        for url in (URL, "http://[::1]:2379"):
            line, _, _ = self.sent(Request("GET", path, query), url).partition(b"\r\n")
            self.assertEqual(line, f"GET {path}?{query} HTTP/1.1".encode("ascii"))

    def test_an_ipv6_address_is_put_in_brackets(self):
        self.assertIn(b"host: [::1]:2379", self.fields(GET, "http://[::1]:2379"))

    def test_the_path_of_the_url_goes_before_that_of_the_request(self):
        line, _, _ = self.sent(GET, URL + "/etcd/").partition(b"\r\n")
        self.assertEqual(line, b"GET /etcd/a HTTP/1.1")


class Heads(InMemory):
    def test_the_status_the_fields_and_the_body_come_back(self):
        d, _ = self.exchange(
            b"HTTP/1.1 404 Not Found\r\nx-b: 1\r\nX-B: \xe9\r\nContent-Length: 2\r\n\r\nok"
        )
        response = self.successResultOf(d)
        self.assertEqual((response.status, response.body), (404, b"ok"))
        self.assertEqual(response.headers.get_all("X-B"), ("1", "é"))
        self.assertEqual(response.endpoint, URL)

    def test_on_head_is_told_the_head_before_the_body_has_come(self):
        heads: list[Response] = []
        d, peer = self.exchange(
            CHUNKED.replace(b"\r\n\r\n", b"\r\nX-Etcd-Index: 7\r\n\r\n"),
            request=attrs.evolve(GET, on_head=heads.append),
        )
        self.assertNoResult(d)
        (head,) = heads
        self.assertEqual((head.status, head.body, head.endpoint), (200, b"", URL))
        self.assertEqual(head.headers["X-Etcd-Index"], "7")
        peer.send(b"2\r\nok\r\n0\r\n\r\n")
        response = self.successResultOf(d)
        self.assertEqual(response.body, b"ok")
        self.assertEqual(response.headers, head.headers)
        self.assertEqual(len(heads), 1)

    def test_on_head_is_told_of_a_response_that_comes_in_one_piece_too(self):
        heads: list[Response] = []
        d, _ = self.exchange(OK, request=attrs.evolve(GET, on_head=heads.append))
        self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertEqual([(head.status, head.body) for head in heads], [(200, b"")])

    def test_on_head_is_not_told_of_a_head_that_never_came_whole(self):
        heads: list[Response] = []
        d, peer = self.exchange(
            b"HTTP/1.1 200 OK\r\nX: 1\r\n", request=attrs.evolve(GET, on_head=heads.append)
        )
        peer.lose()
        self.failureResultOf(d, ReplyLost)
        self.assertEqual(heads, [])

    def test_on_head_that_raises_does_no_harm_and_is_logged(self):
        def on_head(head: Response) -> None:
            raise ZeroDivisionError

        d, peer = self.exchange(OK, request=attrs.evolve(GET, on_head=on_head))
        self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertFalse(peer.is_closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_interim_response_is_passed_over(self):
        for interim in (b"100 Continue", b"103 Early Hints"):
            d, _ = self.exchange(b"HTTP/1.1 " + interim + b"\r\n\r\n", OK)
            self.assertEqual(self.successResultOf(d).status, 200)

    def test_http_1_0_is_understood(self):
        d, _ = self.exchange(OK.replace(b"1.1", b"1.0"))
        self.assertEqual(self.successResultOf(d).body, b"ok")

    def test_a_head_that_comes_byte_by_byte_is_read_alike(self):
        d, _ = self.exchange(*(bytes([byte]) for byte in OK))
        self.assertEqual(self.successResultOf(d).body, b"ok")

    def test_a_head_that_cannot_be_trusted_is_refused_and_the_connection_closed(self):
        rest = b"\r\nContent-Length: 100\r\n\r\n"
        for head, reason in (
            (b"HTTP/9.9 200 OK", "version"),
            (b"HTTP/2.0 200 OK", "version"),
            (b"HTTP/0.9 200 OK", "version"),
            (b"ICY/1.1 200 OK", "version"),
            (b"HTTP/1.1 999 Odd", "no such status"),
            (b"HTTP/1.1 600 Odd", "no such status"),
            (b"HTTP/1.1 200 OK\r\nX: a\0b", "NUL"),
        ):
            for body in (b"", b"x"):
                d, peer = self.exchange(head + rest + body)
                error = self.assert_refused(d, peer, self.odd_head)
                self.assertIn(reason, str(error), head)

    def test_a_status_that_is_none_is_refused_and_the_connection_closed(self):
        for status in (b"99", b"0", b"-1"):
            d, peer = self.exchange(
                b"HTTP/1.1 " + status + b" Odd\r\nContent-Length: 100\r\n\r\n"
            )
            self.assert_refused(d, peer, self.odd_head)

    def test_what_is_no_http_is_a_typed_error_and_the_connection_closed(self):
        for head in (
            b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 OK 200\r\n\r\n",
            b"HTTP/x.y 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX\0: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        ):
            d, peer = self.exchange(head)
            self.assert_refused(d, peer, self.not_http)


class Compression(InMemory):
    """It was not asked for; inflating is how 200 KB become 200 MB."""

    BOMB = gzip.compress(b"\0" * 1_000_000)

    def encoded(self, encoding: bytes, body: bytes, length: int) -> Peer:
        d, peer = self.exchange(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (encoding, length, body)
        )
        error = self.failureResultOf(d, UnexpectedResponse).value
        self.assertIs(type(error), self.odd_head)
        self.assertIn("compressed", str(error))
        self.assertEqual((error.status, error.endpoint), (200, URL))
        return peer

    def test_any_encoding_is_refused_and_the_connection_closed(self):
        for encoding in (
            b"gzip",
            b"GZIP",
            b"x-gzip",
            b"deflate",
            b"br",
            b"zstd",
            b"identity",
            b"gzip, gzip",
            b"br, gzip",
            b"gzip, br",
        ):
            peer = self.encoded(encoding, self.BOMB, len(self.BOMB) + 1)
            self.assertTrue(peer.is_closed, encoding)

    def test_the_connection_is_closed_even_if_no_byte_of_the_body_comes(self):
        self.assertTrue(self.encoded(b"gzip", b"", 1000).is_closed)
        self.assertTrue(self.encoded(b"br", b"", 1000).is_closed)

    def test_a_body_that_has_come_whole_is_refused_too(self):
        self.encoded(b"gzip", self.BOMB, len(self.BOMB))
        self.encoded(b"br", b"x", 1)

    def test_a_body_that_is_not_even_compressed_is_refused_alike(self):
        self.encoded(b"gzip", b"not gzip", 8)

    def test_nothing_is_inflated(self):
        inflated: list[tuple] = []

        def decompressobj(*args: object) -> None:
            inflated.append(args)
            raise AssertionError("inflating")

        self.patch(zlib, "decompressobj", decompressobj)
        self.encoded(b"gzip", self.BOMB, len(self.BOMB) + 1)
        self.encoded(b"gzip, gzip", self.BOMB, len(self.BOMB))
        self.assertEqual(inflated, [])


class Bodies(InMemory):
    def begin(self, head: bytes, max_body: int = 1000):
        return self.exchange(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", max_body=max_body)

    def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not(self):
        for limit in (0, 1, 10):
            for framing in (self.with_length, self.chunked, self.in_single_bytes):
                d, peer = framing(limit, limit)
                self.assertEqual(self.successResultOf(d).body, b"x" * limit)
                self.assertFalse(peer.is_closed)
                d, peer = framing(limit, limit + 1)
                error = self.failureResultOf(d, ResponseTooLarge).value
                self.assertIn(f"longer than {limit} bytes", str(error))
                self.assertEqual((error.status, error.endpoint), (200, URL))
                self.assertTrue(peer.is_closed)

    def with_length(self, limit, size):
        d, peer = self.begin(b"Content-Length: %d\r\n" % size, limit)
        peer.send(b"x" * size)
        return d, peer

    def in_single_bytes(self, limit, size):
        d, peer = self.begin(b"Content-Length: %d\r\n" % size, limit)
        for _ in range(size):
            peer.send(b"x")
        return d, peer

    def chunked(self, limit, size):
        d, peer = self.begin(b"Transfer-Encoding: chunked\r\n", limit)
        for _ in range(size):
            peer.send(b"1\r\nx\r\n")
        peer.send(b"0\r\n\r\n")
        return d, peer

    def test_a_body_that_says_that_it_is_too_long_is_not_waited_for(self):
        d, peer = self.begin(b"Content-Length: 1000000\r\n", 10)
        error = self.failureResultOf(d, ResponseTooLarge).value
        self.assertTrue(error.possibly_applied)
        self.assertTrue(peer.is_closed)

    def test_an_endless_body_ends_at_the_limit(self):
        d, peer = self.begin(b"Transfer-Encoding: chunked\r\n", 10_000)
        pieces = 0
        while not peer.is_closed:
            peer.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
            pieces += 1
        self.failureResultOf(d, ResponseTooLarge)
        self.assertEqual(pieces, 10)

    def test_the_error_shows_how_the_body_begins(self):
        d, peer = self.begin(b"Transfer-Encoding: chunked\r\n", 10)
        peer.send(b"6\r\n<html>\r\n")
        peer.send(b"12\r\nsome more and more\r\n")
        error = self.failureResultOf(d, ResponseTooLarge).value
        self.assertEqual(error.body, b"<html>some more and more")

    def test_a_body_of_many_pieces_is_put_together(self):
        d, peer = self.begin(b"Transfer-Encoding: chunked\r\n", 100_000)
        for n in range(5_000):
            peer.send(b"4\r\n%04d\r\n" % n)
        peer.send(b"0\r\n\r\n")
        self.assertEqual(self.successResultOf(d).body, b"".join(b"%04d" % n for n in range(5_000)))

    def test_a_large_body_is_read_to_its_end(self):
        """It is longer than what may wait for a reader."""
        size = 1_000_000
        d, peer = self.begin(b"Content-Length: %d\r\n" % size, size)
        for _ in range(10):
            self.assertFalse(peer.is_paused)
            peer.send(b"x" * 100_000)
        self.assertEqual(self.successResultOf(d).body, b"x" * size)

    def test_a_body_that_is_cut_short_is_a_lost_reply(self):
        for head, body in (
            (b"Content-Length: 3\r\n", b""),
            (b"Content-Length: 3\r\n", b"ok"),
            (b"Transfer-Encoding: chunked\r\n", b""),
            (b"Transfer-Encoding: chunked\r\n", b"2\r\nok\r\n"),
            (b"Transfer-Encoding: chunked\r\n", b"2\r\nok\r\n0\r\n"),
            (b"Transfer-Encoding: chunked\r\n", b"2\r\no"),
        ):
            d, peer = self.begin(head)
            peer.send(body)
            self.assertNoResult(d)
            peer.lose()
            error = self.failureResultOf(d, ReplyLost).value
            self.assertEqual((error.retryable, error.possibly_applied), (True, True))
            self.assertEqual(error.endpoint, URL)

    def test_a_body_that_ends_with_the_connection_is_a_lost_reply(self):
        """Nothing tells whether it was cut short, and etcd sends none."""
        for body in (b"", b"whole, for all we know"):
            for head in (b"Connection: close\r\n", b"Connection: close\r\nX: 1\r\n"):
                d, peer = self.begin(head)
                peer.send(body)
                peer.lose(ConnectionDone())
                self.failureResultOf(d, ReplyLost)

    def test_a_broken_chunk_is_a_typed_error_and_the_connection_closed(self):
        for body in (b"zz\r\n", b"-1\r\n", b"2\r\nokxx", b"2" * 5000):
            d, peer = self.begin(b"Transfer-Encoding: chunked\r\n")
            peer.send(body)
            self.assertTrue(peer.is_closed)
            peer.lose()
            self.failureResultOf(d, self.not_http)

    def test_a_response_that_can_have_no_body_has_none(self):
        for status in (b"204 No Content", b"304 Not Modified"):
            d, peer = self.exchange(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\n")
            self.assertEqual(self.successResultOf(d).body, b"")
            self.assertFalse(peer.is_closed)

    def test_the_response_to_head_has_no_body(self):
        d, _ = self.exchange(WITH_LENGTH, request=Request("HEAD", "/a"))
        self.assertEqual(self.successResultOf(d).body, b"")


class Cancelling(InMemory):
    """It stops at once, in every state, and says whether the request was written."""

    def cancelled(self, d: Deferred, sent: bool) -> None:
        d.cancel()
        error = self.failureResultOf(d).value
        self.assertIs(type(error), RequestCancelled)
        self.assertIsInstance(error, CancelledError)
        self.assertEqual(error.possibly_applied, sent)
        self.assertEqual(error.endpoint, URL)

    def test_while_the_connection_is_being_made(self):
        wire = self.wire()
        d = wire.service(GET)
        self.cancelled(d, sent=False)
        self.assertTrue(wire.reactor.connectors[0].stoppedConnecting)
        self.assertEqual(wire.reactor.getDelayedCalls(), [])

    def test_when_the_request_is_sent(self):
        for request in (GET, PUT):
            d, peer = self.exchange(request=request)
            self.assertIn(b" /a HTTP/1.1\r\n", peer.received)
            self.cancelled(d, sent=True)
            self.assertTrue(peer.is_aborted)

    def test_while_the_head_is_being_read(self):
        d, peer = self.exchange(b"HTTP/1.1 200 OK\r\nX:")
        self.cancelled(d, sent=True)
        self.assertTrue(peer.is_aborted)

    def test_while_the_body_is_being_read(self):
        for piece in (b"", b"o"):
            d, peer = self.exchange(WITH_LENGTH + piece)
            self.cancelled(d, sent=True)
            self.assertTrue(peer.is_closed)

    def test_by_whoever_is_told_of_the_head(self):
        """The request is on the call stack then."""
        for reply in (WITH_LENGTH + b"o", WITH_LENGTH + b"ok"):
            wire = self.wire()
            under_way: list[Deferred] = []

            def on_head(head: Response, under_way: list[Deferred] = under_way) -> None:
                under_way[0].cancel()

            under_way.append(wire.service(attrs.evolve(GET, on_head=on_head)))
            peer = wire.accept()
            peer.send(reply)
            error = self.failureResultOf(under_way[0]).value
            self.assertIs(type(error), RequestCancelled)
            self.assertTrue(error.possibly_applied)
            if reply.endswith(b"k"):
                # It had come whole, so the connection may be kept.
                self.assertEqual(wire.attempts, 1)
            else:
                self.assertTrue(peer.is_closed)

    def test_on_a_connection_that_was_kept(self):
        wire, peer = self.kept()
        second = wire.service(GET)
        self.assertEqual(wire.attempts, 1)
        self.cancelled(second, sent=True)
        self.assertTrue(peer.is_aborted)

    def test_the_next_request_uses_another_connection(self):
        wire, peer = self.kept()
        cancelled = wire.service(GET)
        cancelled.cancel()
        self.failureResultOf(cancelled, RequestCancelled)
        for lost in (False, True):
            if lost:
                peer.lose(ConnectionLost())
            after = wire.service(GET)
            other = wire.accept() if not lost else wire.peers[-1]
            other.send(OK)
            self.assertEqual(self.successResultOf(after).body, b"ok")
        self.assertEqual(wire.attempts, 2)

    def test_one_of_several_leaves_the_others_alone(self):
        wire = self.wire()
        requests = [wire.service(GET) for _ in range(3)]
        peers = [wire.accept() for _ in requests]
        self.cancelled(requests[1], sent=True)
        for peer, d in zip(peers[::2], requests[::2], strict=True):
            peer.send(OK)
            self.assertEqual(self.successResultOf(d).body, b"ok")

    def test_when_it_has_ended_cancelling_does_nothing(self):
        d, peer = self.exchange(OK)
        d.cancel()
        self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertFalse(peer.is_closed)


class Closing(InMemory):
    def assert_closes(self, wire: Wire, closed: Deferred) -> None:
        """It fires when the connections are gone, and leaves nothing."""
        for peer in wire.peers:
            self.assertTrue(peer.is_closed)
        if self.waits_for_the_sockets:
            self.assertNoResult(closed)
        wire.settle()
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual(wire.reactor.getDelayedCalls(), [])

    def test_requests_under_way_fail_in_every_state_and_their_connections_are_closed(self):
        wire = self.wire()
        requests = [wire.service(GET) for _ in range(4)]
        _, reading_head, reading_body = (wire.accept() for _ in range(3))
        reading_head.send(b"HTTP/1.1 200 OK\r\n")
        reading_body.send(WITH_LENGTH)
        closed = wire.service.close()
        errors = [self.failureResultOf(d, ServiceClosed).value for d in requests]
        self.assertEqual([e.possibly_applied for e in errors], [True, True, True, False])
        self.assertTrue(wire.reactor.connectors[3].stoppedConnecting)
        self.assert_closes(wire, closed)

    def test_by_whoever_is_told_of_the_head(self):
        for reply in (WITH_LENGTH + b"o", WITH_LENGTH + b"ok"):
            wire = self.wire()
            closed: list[Deferred[None]] = []

            def on_head(head: Response, wire=wire, closed=closed) -> None:
                closed.append(wire.service.close())

            d = wire.service(attrs.evolve(GET, on_head=on_head))
            peer = wire.accept()
            peer.send(reply)
            self.assertTrue(self.failureResultOf(d, ServiceClosed).value.possibly_applied)
            wire.settle()
            self.successResultOf(closed[0])
            self.assertTrue(peer.is_closed)

    def test_kept_connections_are_closed(self):
        wire, _ = self.kept()
        self.assert_closes(wire, wire.service.close())

    def test_a_request_after_it_fails_and_nothing_is_sent(self):
        wire = self.wire()
        self.assertEqual(wire.service.status, Status.OPEN)
        closed = wire.service.close()
        wire.settle()
        self.successResultOf(closed)
        self.assertEqual(wire.service.status, Status.CLOSED)
        error = self.failureResultOf(wire.service(GET), ServiceClosed).value
        self.assertFalse(error.possibly_applied)
        self.assertEqual(wire.attempts, 0)

    def test_twice_does_no_harm(self):
        wire, _ = self.kept()
        both = [wire.service.close(), wire.service.close()]
        wire.settle()
        for closed in [*both, wire.service.close()]:
            self.assertIsNone(self.successResultOf(closed))


class NoRepetition(InMemory):
    """A write is sent once (DESIGN, promise 2)."""

    def on_a_kept_connection_that_ends(self, method: str) -> tuple[Deferred, Wire]:
        wire, peer = self.kept()
        second = wire.service(Request(method, "/a"))
        self.assertEqual(wire.attempts, 1)
        self.assertIn(method.encode() + b" /a", peer.received)
        peer.lose(ConnectionDone())
        return second, wire

    def test_a_write_on_a_kept_connection_that_ends_is_not_repeated(self):
        for method in ("DELETE", "PUT", "POST"):
            d, wire = self.on_a_kept_connection_that_ends(method)
            error = self.failureResultOf(d, ReplyLost).value
            self.assertTrue(error.possibly_applied)
            self.assertEqual(wire.attempts, 1)

    def test_a_read_is_repeated_only_by_a_client_that_does_so(self):
        """That stock treq repeats it shows that the test above would see a repetition."""
        d, wire = self.on_a_kept_connection_that_ends("GET")
        if self.repeats_reads:
            wire.accept().send(OK)
            self.assertEqual(self.successResultOf(d).body, b"ok")
        else:
            self.failureResultOf(d, ReplyLost)
        self.assertEqual(wire.attempts, 2 if self.repeats_reads else 1)


class Contract(
    Connecting, Writing, Heads, Compression, Bodies, Cancelling, Closing, NoRepetition
):
    """What holds for each of the clients."""


class StockTreqTests(Contract, StockTreq, SynchronousTestCase):
    pass


# --- where ours are stricter ---------------------------------------------------------------


class Stricter(InMemory):
    """What Twisted's own agent takes, or never ends, or does not limit."""

    def assert_refused_at_once(self, d: Deferred, peer: Peer, reason: str = "") -> None:
        self.assertTrue(d.called)
        error = self.assert_refused(d, peer, MalformedResponse)
        self.assertIn(reason, str(error))

    def test_what_is_refused_is_refused_before_the_connection_has_ended(self):
        for head in (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"):
            self.assert_refused_at_once(*self.exchange(head))

    def test_two_ways_to_tell_a_length_are_refused(self):
        for fields, reason in (
            (b"Content-Length: 2\r\nTransfer-Encoding: chunked", "Content-Length"),
            (b"Transfer-Encoding: chunked\r\nContent-Length: 2", "Content-Length"),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding"),
            (b"Transfer-Encoding: gzip, chunked", "Transfer-Encoding"),
        ):
            d, peer = self.exchange(
                b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            )
            self.assert_refused_at_once(d, peer, reason)

    def test_a_body_of_which_nothing_tells_the_end_is_refused(self):
        d, peer = self.exchange(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assert_refused_at_once(d, peer, "nothing tells where its body ends")

    def test_another_protocol_is_refused(self):
        d, peer = self.exchange(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")
        self.assert_refused_at_once(d, peer, "changes the protocol")

    def endless(self, begin: bytes, more: bytes) -> tuple[Deferred, Peer, int]:
        """A response that goes on until the connection is closed; and its length."""
        d, peer = self.exchange(begin)
        length = len(begin)
        while not peer.is_closed and length < 1_000_000:
            peer.send(more)
            length += len(more)
        return d, peer, length

    def test_interim_responses_for_ever_are_refused(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        d, peer, length = self.endless(interim, interim)
        self.assertEqual(length, 9 * len(interim))
        self.assert_refused_at_once(d, peer, "interim")

    def test_header_lines_for_ever_are_refused(self):
        for line in (b"X: y\r\n", b"X: " + b"y" * 1000 + b"\r\n"):
            d, peer, length = self.endless(b"HTTP/1.1 200 OK\r\n", line)
            self.assertLess(length, 65_536 + 2_000)
            self.assert_refused_at_once(d, peer)

    def test_more_fields_than_a_head_may_have_are_refused(self):
        d, peer = self.exchange(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 129 + b"\r\n")
        self.assert_refused_at_once(d, peer, "more than 128 fields")

    def test_a_head_for_ever_is_refused(self):
        for begin in (b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\nX: "):
            d, peer, length = self.endless(begin, b"x" * 100)
            self.assertLess(length, 65_536 + 200)
            self.assert_refused_at_once(d, peer, "the head is longer")

    def test_what_surrounds_chunks_for_ever_is_refused(self):
        for begin, more in (
            (CHUNKED + b"1;", b"x" * 100),
            (CHUNKED + b"1;x=", b"y" * 100),
            (CHUNKED, b"0" * 100),
            (CHUNKED + b"0\r\n", b"X: y\r\n"),
            (CHUNKED + b"0\r\nX: ", b"y" * 100),
            (CHUNKED, b"1;" + b"x" * 100 + b"\r\ny\r\n"),
        ):
            d, peer, length = self.endless(begin, more)
            # One byte of a body in 110, and six of its framing, are not counted.
            self.assertLess(length, 65_536 * 110 // 104 + 200)
            self.assert_refused_at_once(d, peer)

    def test_an_address_is_not_looked_up(self):
        for host in ("::1", "127.0.0.1"):
            wire = self.wire("http://[::1]:2379" if host == "::1" else URL)
            no_resolver: Any = None
            wire.reactor.nameResolver = no_resolver
            wire.service(GET).addErrback(lambda _: None)
            ((got, *_),) = wire.reactor.tcpClients
            self.assertEqual(got, host)

    def test_a_connection_of_http_1_0_is_not_used_again(self):
        self.assert_not_kept(OK.replace(b"1.1", b"1.0"))

    def test_of_two_responses_the_first_counts_and_the_connection_is_closed(self):
        d, peer = self.exchange(OK + OK.replace(b"ok", b"no"))
        self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertTrue(peer.is_closed)

    def test_connecting_takes_no_longer_than_the_timeout_whatever_the_reactor_does(self):
        wire = self.wire()
        d = wire.service(GET)
        wire.reactor.advance(CONNECT_TIMEOUT - 0.25)
        self.assertNoResult(d)
        wire.reactor.advance(0.25)
        error = self.failureResultOf(d, NotSent).value
        self.assertIn("no connection within 5 s", str(error))
        self.assertTrue(wire.reactor.connectors[0].stoppedConnecting)
        self.assertEqual(wire.reactor.getDelayedCalls(), [])

    def test_a_connection_that_is_idle_for_too_long_is_closed(self):
        wire, peer = self.kept(limits=PoolLimits(idle_time=10))
        wire.reactor.advance(9.5)
        self.assertFalse(peer.is_closed)
        wire.reactor.advance(0.5)
        self.assertTrue(peer.is_closed)
        self.assertEqual(wire.reactor.getDelayedCalls(), [])

    def test_requests_beyond_the_limit_wait_and_beyond_that_are_refused(self):
        wire = self.wire(limits=PoolLimits(connections=1, waiting=1))
        first, second, third = (wire.service(GET) for _ in range(3))
        error = self.failureResultOf(third, QueueFull).value
        self.assertEqual((error.retryable, error.possibly_applied), (True, False))
        self.assertEqual(error.endpoint, URL)
        peer = wire.accept()
        peer.send(OK)
        self.assertEqual(self.successResultOf(first).body, b"ok")
        self.assertNoResult(second)
        peer.send(OK)
        self.assertEqual(self.successResultOf(second).body, b"ok")
        self.assertEqual(wire.attempts, 1)

    def test_one_that_waits_and_is_cancelled_was_not_sent_and_makes_room(self):
        wire = self.wire(limits=PoolLimits(connections=1, waiting=1))
        first, second = wire.service(GET), wire.service(GET)
        second.cancel()
        self.assertFalse(self.failureResultOf(second, RequestCancelled).value.possibly_applied)
        third = wire.service(GET)
        self.assertNoResult(third)
        peer = wire.accept()
        for d in (first, third):
            peer.send(OK)
            self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertEqual(peer.received.count(b"GET"), 2)

    def test_https_without_the_extra_is_a_value_error_that_says_what_to_install(self):
        imported = builtins.__import__

        def without_tls(name: str, *args: Any, **named: Any) -> Any:
            if name in ("twisted.internet.ssl", "OpenSSL"):
                raise ImportError(name)
            return imported(name, *args, **named)

        self.patch(builtins, "__import__", without_tls)
        with self.assertRaises(ValueError) as caught:
            self.wire("https://127.0.0.1:2379")
        self.assertIn("txetcd[tls]", str(caught.exception))

    def test_https_speaks_tls_and_sends_nothing_in_the_clear(self):
        try:
            import service_identity  # noqa: F401  # together with pyOpenSSL it makes the extra
            import twisted.internet.ssl  # noqa: F401
        except ImportError:
            self.skipTest("install txetcd[tls]")
        wire = self.wire("https://127.0.0.1:2379")
        wire.service(Request("GET", "/secret")).addErrback(lambda _: None)
        peer = wire.accept()
        handshake, version = peer.received[:1], peer.received[1:2]
        self.assertEqual((handshake, version), (b"\x16", b"\x03"))
        self.assertNotIn(b"secret", peer.received)


class OurTreqTests(OurTreq, Contract, Stricter, SynchronousTestCase):
    pass


class DirectTests(Direct, Contract, Stricter, SynchronousTestCase):
    pass


class StreamedTests(Streamed, Contract, Stricter, SynchronousTestCase):
    pass


# --- long-polls ------------------------------------------------------------------------------


class LongPolls(InMemory):
    """They have connections of their own: they cannot starve other requests."""

    ONE = PoolLimits(connections=1, waiting=0)
    POLL = Request("GET", "/a", "wait=true", long_poll=True)

    def both(self) -> Wire:
        """A client that may have one connection for long-polls, and one for the rest."""
        return Wire(
            lambda reactor: self.build(reactor, URL, limits=self.ONE, long_poll_limits=self.ONE)
        )

    def test_a_parked_long_poll_leaves_other_requests_alone(self):
        wire = self.both()
        parked = wire.service(self.POLL)
        polling = wire.accept()
        for n in range(3):
            d = wire.service(GET)
            if n == 0:
                wire.accept()
            wire.peers[1].send(OK)
            self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertNoResult(parked)
        self.assertEqual(wire.attempts, 2)
        polling.send(OK)
        self.assertEqual(self.successResultOf(parked).body, b"ok")

    def test_more_of_either_than_may_wait_are_refused_and_the_other_kind_is_not(self):
        for request, other in ((self.POLL, GET), (GET, self.POLL)):
            wire = self.both()
            first = wire.service(request)
            error = self.failureResultOf(wire.service(request), QueueFull).value
            self.assertFalse(error.possibly_applied)
            peer = wire.accept()
            error = self.failureResultOf(wire.service(request), QueueFull).value
            d = wire.service(other)
            wire.accept().send(OK)
            self.assertEqual(self.successResultOf(d).body, b"ok")
            peer.send(OK)
            self.assertEqual(self.successResultOf(first).body, b"ok")
            d = wire.service(request)
            peer.send(OK)
            self.assertEqual(self.successResultOf(d).body, b"ok")

    def test_closing_ends_both_kinds(self):
        wire = self.both()
        under_way = [wire.service(self.POLL), wire.service(GET)]
        for _ in under_way:
            wire.accept()
        closed = wire.service.close()
        for d in under_way:
            self.failureResultOf(d, ServiceClosed)
        self.assertNoResult(closed)
        wire.settle()
        self.successResultOf(closed)
        self.assertEqual(wire.reactor.getDelayedCalls(), [])


class OurTreqLongPollTests(OurTreq, LongPolls, SynchronousTestCase):
    pass


class DirectLongPollTests(Direct, LongPolls, SynchronousTestCase):
    pass


# --- the same over real sockets, where closing is real -----------------------------------------


class SocketContract(SocketCase):
    """What memory cannot show."""

    #: Seconds, for a test that waits for what does not come.
    timeout = 30

    def serve(self, answer: Any, **options: Any) -> RawServer:
        server = RawServer(reactor, answer, **options)
        self.addCleanup(server.stop)
        return server

    def client(self, server: RawServer, **options: Any) -> ClientService:
        service = self.make(reactor, server.url, **options)
        self.addCleanup(service.close)
        return service

    async def test_a_delete_on_a_kept_connection_that_the_server_closes_is_sent_once(self):
        def answer(connection: Connection, request: bytes) -> None:
            if request.startswith(b"GET"):
                connection.send(OK)
            else:
                connection.close()

        server = self.serve(answer)
        service = self.client(server)
        await service(GET)
        error = await failure_of(service(Request("DELETE", "/a")))
        self.assertIs(type(error), ReplyLost)
        self.assertEqual([r[:6] for r in server.requests], [b"GET /a", b"DELETE"])
        self.assertEqual(len(server.connections), 1)

    async def test_the_bytes_that_arrive(self):
        server = self.serve(lambda connection, request: connection.send(OK))
        service = self.client(server)
        host = server.url.removeprefix("http://").encode()
        await service(Request("GET", "/a%20b", "c=%2B", Headers({"X-A": "1"})))
        await service(PUT)
        for request, first, fields in zip(
            server.requests,
            (b"GET /a%20b?c=%2B HTTP/1.1", b"PUT /a HTTP/1.1"),
            ([b"host: " + host, b"x-a: 1"], [b"content-length: 1", b"host: " + host]),
            strict=True,
        ):
            line, *rest = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
            self.assertEqual(line, first)
            self.assertEqual(sorted(each.lower() for each in rest), fields)
        self.assertTrue(server.requests[1].endswith(b"\r\n\r\nv"))

    async def test_cancelling_closes_the_connection(self):
        for sent in (b"", b"HTTP/1.1 200 OK\r\n", WITH_LENGTH):
            arrived: Deferred[Connection] = Deferred()

            def answer(connection: Connection, request: bytes, sent=sent, arrived=arrived) -> None:
                connection.send(sent)
                arrived.callback(connection)

            service = self.client(self.serve(answer))
            heads: Deferred[Response] = Deferred()
            d = service(attrs.evolve(GET, on_head=heads.callback))
            connection = await arrived
            if sent == WITH_LENGTH:
                await heads
            d.cancel()
            error = await failure_of(d)
            self.assertIs(type(error), RequestCancelled)
            self.assertTrue(error.possibly_applied)
            await connection.closed

    async def test_an_endless_body_is_refused_and_the_connection_closed(self):
        def answer(connection: Connection, request: bytes) -> None:
            connection.send(CHUNKED)
            more(connection)

        def more(connection: Connection) -> None:
            if not connection.closed.called:
                connection.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                reactor.callLater(0, more, connection)

        server = self.serve(answer)
        error = await failure_of(self.client(server, max_body=1_000_000)(GET))
        self.assertIs(type(error), ResponseTooLarge)
        await server.connections[0].closed

    async def test_a_body_of_some_megabytes_is_read(self):
        body = bytes(range(256)) * 16_384
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        server = self.serve(lambda connection, request: connection.send(head + body))
        service = self.client(server)
        for _ in range(2):
            self.assertEqual((await service(GET)).body, body)
        self.assertEqual(len(server.connections), 1)

    async def test_a_refused_reply_closes_the_connection_though_the_server_says_no_more(self):
        def answer(connection: Connection, request: bytes) -> None:
            connection.send(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"
            )

        server = self.serve(answer)
        error = await failure_of(self.client(server)(GET))
        self.assertIs(type(error), self.odd_head)
        await server.connections[0].closed

    async def test_a_reset_before_and_within_the_reply_is_a_lost_reply(self):
        for sent in (b"", b"HTTP/1.1 200", WITH_LENGTH + b"o"):

            def answer(connection: Connection, request: bytes, sent: bytes = sent) -> None:
                connection.send(sent)
                reactor.callLater(0, connection.reset)

            error = await failure_of(self.client(self.serve(answer))(GET))
            self.assertIs(type(error), ReplyLost)
            self.assertTrue(error.possibly_applied)

    async def test_a_server_on_ipv6_is_reached(self):
        try:
            server = self.serve(lambda connection, request: connection.send(OK), interface="::1")
        except CannotListenError:
            raise SkipTest("this machine has no IPv6") from None
        self.assertEqual((await self.client(server)(GET)).body, b"ok")

    async def test_a_port_where_nobody_listens_is_not_sent(self):
        server = self.serve(lambda connection, request: None)
        service = self.client(server)
        await server.stop()
        error = await failure_of(service(PUT))
        self.assertIs(type(error), NotSent)
        self.assertIn("refused", str(error))

    async def test_close_with_requests_in_flight_leaves_nothing(self):
        """What would be left makes trial fail the test."""
        arrived: list[Deferred[None]] = [Deferred() for _ in range(3)]
        waiting = iter(arrived)
        server = self.serve(lambda connection, request: next(waiting).callback(None))
        service = self.client(server)
        under_way = [service(GET) for _ in arrived]
        for each in arrived:
            await each
        await service.close()
        for d in under_way:
            self.assertIs(type(await failure_of(d)), ServiceClosed)
        for connection in server.connections:
            await connection.closed

    async def test_kept_connections_are_closed_when_close_fires(self):
        server = self.serve(lambda connection, request: connection.send(OK))
        service = self.client(server)
        for d in [service(GET) for _ in range(3)]:
            self.assertEqual((await d).body, b"ok")
        await service.close()
        self.assertEqual([r for r in reactor.getReaders() if _is_to(r, server.url)], [])
        await service.close()
        self.assertIs(type(await failure_of(service(GET))), ServiceClosed)


class PlainServer:
    """A server of plain blocking sockets: what it does, it does without the reactor."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self._sockets = [self._listener]
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    async def accept(self) -> socket.socket:
        """The next connection, once it has been made."""
        await turns_until(lambda: self.is_asked)
        connection, _ = self._listener.accept()
        connection.settimeout(10)
        self._sockets.append(connection)
        return connection

    @property
    def is_asked(self) -> bool:
        """Whether somebody has connected who was not accepted yet."""
        return is_readable(self._listener)

    def stop(self) -> None:
        for each in self._sockets:
            each.close()


async def turns_until(condition: Callable[[], bool]) -> None:
    """Let the reactor run until something is so."""
    while not condition():
        await sleep(reactor, 0)


def is_readable(readable: Any, seconds: float = 0) -> bool:
    """Whether a socket or a reader has something to read; it waits for it without the reactor."""
    return bool(select.select([readable], [], [], seconds)[0])


async def receive(connection: socket.socket) -> bytes:
    """The next request on a connection."""
    received = b""
    while not first_request(received):
        await turns_until(lambda: is_readable(connection))
        received += connection.recv(65_536)
    return received


class StaleContract(SocketCase):
    """A connection that the server has closed is found out before it costs a write."""

    timeout = 30

    async def kept(self) -> tuple[PlainServer, ClientService, socket.socket]:
        """A client that keeps a connection, and the server's end of that."""
        server = PlainServer()
        self.addCleanup(server.stop)
        service = self.make(reactor, server.url)
        self.addCleanup(service.close)
        first = service(GET)
        connection = await server.accept()
        await receive(connection)
        connection.sendall(OK)
        self.assertEqual((await first).body, b"ok")
        return server, service, connection

    def assert_arrived(self, server: PlainServer) -> None:
        """What the server has done has reached the client, whose reactor has not run since."""
        (reader,) = [each for each in reactor.getReaders() if _is_to(each, server.url)]
        self.assertTrue(is_readable(reader, 10))

    async def assert_sent_on_another(self, server: PlainServer, service: ClientService) -> None:
        d = service(PUT)
        other = await server.accept()
        request = await receive(other)
        self.assertTrue(request.startswith(b"PUT /a HTTP/1.1\r\n"))
        self.assertEqual(request.count(b"PUT"), 1)
        other.sendall(OK)
        self.assertEqual((await d).body, b"ok")
        self.assertFalse(is_readable(other))
        self.assertFalse(server.is_asked)

    async def test_a_write_after_the_server_has_closed_is_sent_once_on_a_new_connection(self):
        server, service, connection = await self.kept()
        connection.shutdown(socket.SHUT_WR)
        self.assert_arrived(server)
        await self.assert_sent_on_another(server, service)
        self.assert_nothing_came(connection)

    async def test_a_write_after_the_server_has_reset_is_sent_once_on_a_new_connection(self):
        server, service, connection = await self.kept()
        # Closing then resets the connection.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        self.assert_arrived(server)
        await self.assert_sent_on_another(server, service)

    async def test_a_write_after_the_server_has_spoken_is_sent_once_on_a_new_connection(self):
        server, service, connection = await self.kept()
        connection.sendall(OK.replace(b"ok", b"no"))
        self.assert_arrived(server)
        await self.assert_sent_on_another(server, service)
        self.assert_nothing_came(connection)

    def assert_nothing_came(self, connection: socket.socket) -> None:
        """The client has closed a connection, and has sent nothing on it before."""
        try:
            self.assertEqual(connection.recv(1), b"")
        except ConnectionResetError:
            # That is how it was closed.
            pass

    async def test_a_write_that_was_sent_before_the_connection_died_is_not_sent_again(self):
        server, service, connection = await self.kept()
        d = service(PUT)
        self.assertIn(b"PUT", await receive(connection))
        connection.close()
        error = await failure_of(d)
        self.assertIs(type(error), ReplyLost)
        self.assertTrue(error.possibly_applied)
        self.assertFalse(server.is_asked)


    async def test_a_write_after_tls_has_ended_is_sent_once_on_a_new_connection(self):
        """TLS has read that the server has closed, and the connection is there for one turn."""
        try:
            from tests.http.certificates import Authority, listen
            from txetcd.http import TLS
        except ImportError:
            raise SkipTest("install txetcd[tls]") from None
        root = Authority()
        certificate = root.issue("127.0.0.1")
        server = RawServer(
            reactor,
            lambda connection, request: connection.send(OK),
            listen=lambda factory: listen(reactor, factory, certificate=certificate),
        )
        self.addCleanup(server.stop)
        service = self.build(
            reactor,
            server.url,
            tls=TLS(ca=root.pem),
            limits=PoolLimits(),
            response_limits=Limits(),
        )
        self.addCleanup(service.close)
        await service(GET)
        (connection,) = server.connections
        # Else the system might keep back what is sent next.
        connection.transport.setTcpNoDelay(True)
        connection.close()
        await turns_until(lambda: not any(_is_to(r, server.url) for r in reactor.getReaders()))
        self.assertFalse(connection.closed.called)
        self.assertEqual((await service(PUT)).body, b"ok")
        self.assertEqual([r[:4] for r in server.requests], [b"GET ", b"PUT "])
        self.assertEqual(len(server.connections), 2)


class OurTreqStaleTests(OurTreq, StaleContract, TestCase):
    pass


class DirectStaleTests(Direct, StaleContract, TestCase):
    pass


class StreamedStaleTests(Streamed, StaleContract, TestCase):
    pass


def _is_to(reader: Any, url: str) -> bool:
    """Whether a reader is a client's end of a connection to a URL."""
    addr: Any = getattr(reader, "addr", None)
    return bool(addr) and url.endswith(f":{addr[1]}")


async def failure_of(d: Deferred) -> Any:
    """The error that a Deferred fails with."""
    try:
        result = await d
    except Exception as error:
        return error
    raise AssertionError(f"{result!r} instead of an error")


class StockTreqSocketTests(SocketContract, StockTreq, TestCase):
    async def test_a_plain_treq_would_have_sent_a_delete_twice(self):
        """It shows that the test of the contract would see a repetition."""

        def answer(connection: Connection, request: bytes) -> None:
            if request.startswith(b"GET") or len(server.connections) > 1:
                connection.send(OK)
            else:
                connection.close()

        server = self.serve(answer)
        client, close = pooled_client(reactor)
        self.addCleanup(close)
        await (await client.get(server.url + "/a")).content()
        await (await client.delete(server.url + "/a")).content()
        self.assertEqual([r[:6] for r in server.requests], [b"GET /a", b"DELETE", b"DELETE"])


class OurTreqSocketTests(OurTreq, SocketContract, TestCase):
    pass


class DirectSocketTests(Direct, SocketContract, TestCase):
    pass


class StreamedSocketTests(Streamed, SocketContract, TestCase):
    pass
