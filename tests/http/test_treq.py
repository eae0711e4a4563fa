"""`TreqService`: one request, one reply, and a typed error that knows whether it was written."""

from __future__ import annotations

import gzip
import re
import zlib
from typing import Any
from urllib.parse import quote

import attrs
from hypothesis import example, given, settings
from hypothesis import strategies as st
from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent, StringStubbingResource, StubTreq
from twisted.internet import error as internet
from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    DNSLookupError,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase
from twisted.web._newclient import RequestNotSent
from twisted.web.client import (
    PartialDownloadError,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.error import SchemeNotSupported
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from tests.http.wire import URL, Connection, RawServer, Wire, pooled_client
from txetcd import (
    NotSent,
    ReplyLost,
    RequestCancelled,
    ServiceClosed,
    Status,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.errors import ResponseTooLarge
from txetcd.http import Headers, Request, Response, TreqService
from txetcd.http.pooled import pooled_service
from txetcd.http.treq import parse_url

reactor: Any = _reactor

GET = Request("GET", "/a")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def stubbed(answer) -> TreqService:
    """A service over treq's own stub: ``answer`` is a function of what it documents."""
    client: Any = StubTreq(StringStubbingResource(answer))
    return TreqService(client, URL)


class StubClient:
    """A client that fails, or answers, as it is told."""

    def __init__(self, outcome) -> None:
        self.outcome = outcome
        self.asked: list[tuple] = []

    def request(self, method: str, url: str, **options: Any):
        self.asked.append((method, url, options))
        return self.outcome()


class FailureTests(SynchronousTestCase):
    """Each way in which Twisted says that a request failed."""

    def failed(self, raised: Exception, synchronously: bool = False) -> Any:
        def outcome():
            if synchronously:
                raise raised
            return fail(raised)

        client: Any = StubClient(outcome)
        error = self.failureResultOf(TreqService(client, URL)(GET)).value
        self.assertIsInstance(error, TxetcdError)
        self.assertEqual(error.endpoint, URL)
        self.assertIn(URL, str(error))
        return error

    def assertNotSent(self, error: Any, cause: Exception) -> None:
        self.assertIs(type(error), NotSent)
        self.assertEqual((error.retryable, error.possibly_applied), (True, False))
        self.assertIs(error.cause, cause)
        self.assertIs(error.__cause__, cause)
        self.assertIn(type(cause).__name__, str(error))

    def test_what_fails_before_the_connection_is_made_was_not_sent(self):
        for raised in (
            internet.ConnectionRefusedError("x"),
            internet.ConnectError("x"),
            internet.ConnectBindError("x"),
            internet.TimeoutError("x"),
            internet.TCPTimedOutError("x"),
            internet.NoRouteError("x"),
            internet.UnknownHostError("x"),
            internet.SSLError("x"),
            DNSLookupError("x"),
            SchemeNotSupported("x"),
            RequestNotSent("x"),
        ):
            self.assertNotSent(self.failed(raised), raised)

    def test_what_the_client_raises_at_once_was_not_sent(self):
        for raised in (ValueError("x"), TypeError("x"), RuntimeError("x")):
            self.assertNotSent(self.failed(raised, synchronously=True), raised)

    def test_what_fails_after_that_may_have_been_carried_out(self):
        lost = Failure(ConnectionLost("cut"))
        for raised, word in (
            (ResponseNeverReceived([lost]), "ConnectionLost"),
            (ResponseFailed([lost]), "ConnectionLost"),
            (RequestTransmissionFailed([lost]), "ConnectionLost"),
            (RequestGenerationFailed([Failure(ZeroDivisionError("x"))]), "ZeroDivisionError"),
            (ConnectionLost("cut"), "ConnectionLost"),
            (ConnectionDone("closed"), "ConnectionDone"),
            (PartialDownloadError(200), "PartialDownloadError"),
        ):
            error = self.failed(raised)
            self.assertIs(type(error), ReplyLost)
            self.assertEqual((error.retryable, error.possibly_applied), (True, True))
            self.assertIs(error.__cause__, raised)
            self.assertIn(word, str(error))

    def test_what_nobody_knows_may_have_been_carried_out(self):
        """It is the careful view of an error that Twisted is not known to raise."""
        for raised in (ValueError("x"), ResponseFailed([]), KeyError("x")):
            error = self.failed(raised)
            self.assertIs(type(error), ReplyLost)
            self.assertTrue(error.possibly_applied)

    def test_cancelling_that_the_client_reports_is_cancelling(self):
        cut = Failure(CancelledError())
        for raised, sent in (
            (ConnectingCancelledError(None), False),
            (CancelledError(), True),
            (ResponseNeverReceived([cut]), True),
            (ResponseFailed([Failure(ConnectionLost()), cut]), True),
            (RequestGenerationFailed([cut]), True),
        ):
            error = self.failed(raised)
            self.assertIs(type(error), RequestCancelled)
            self.assertIsInstance(error, CancelledError)
            self.assertEqual(error.possibly_applied, sent)

    def test_an_error_of_ours_passes_as_it_is(self):
        for synchronously in (False, True):
            raised = ServiceClosed()
            self.assertIs(self.failed(raised, synchronously), raised)


class StubTests(SynchronousTestCase):
    """It takes the stubs of ``treq.testing``, so that users can test without a network."""

    def test_the_request_arrives_and_the_reply_comes_back(self):
        asked = []

        def answer(method, url, params, headers, data):
            asked.append((method, url, params, headers[b"X-A"], data))
            return 418, {b"X-B": b"1"}, b"tea"

        request = Request("PUT", "/a/b", "c=d", Headers([("X-A", "2"), ("X-A", "1")]), b"body")
        response = self.successResultOf(stubbed(answer)(request))
        self.assertEqual(asked, [(b"PUT", f"{URL}/a/b", {b"c": [b"d"]}, [b"1", b"2"], b"body")])
        self.assertEqual((response.status, response.body), (418, b"tea"))
        self.assertEqual(response.headers["x-b"], "1")
        self.assertEqual(response.endpoint, URL)

    def test_an_agent_that_traverses_resources_will_do(self):
        resource = StringStubbingResource(lambda *request: (200, {}, b"ok"))
        agent: Any = RequestTraversalAgent(resource)
        response = self.successResultOf(TreqService(HTTPClient(agent), URL)(GET))
        self.assertEqual((response.status, response.body), (200, b"ok"))

    def test_every_status_that_there_is_comes_back(self):
        for status in (200, 201, 204, 301, 304, 307, 400, 401, 404, 500, 503, 599):
            response = self.successResultOf(stubbed(lambda *r, s=status: (s, {}, b""))(GET))
            self.assertEqual(response.status, status)

    def test_the_path_of_the_url_goes_before_that_of_the_request(self):
        asked = []

        def answer(method, url, *rest):
            asked.append(url)
            return 200, {}, b""

        client: Any = StubTreq(StringStubbingResource(answer))
        service = TreqService(client, URL + "/etcd/")
        self.successResultOf(service(GET))
        self.assertEqual(asked, [URL + "/etcd/a"])

    def test_a_long_poll_waits_until_the_server_answers(self):
        parked = []

        class Parking(Resource):
            isLeaf = True

            def render_GET(self, request):
                parked.append(request)
                request.write(b"")
                return NOT_DONE_YET

        stub: Any = StubTreq(Parking())
        heads: list[Response] = []
        d = TreqService(stub, URL)(attrs.evolve(GET, long_poll=True, on_head=heads.append))
        stub.flush()
        self.assertNoResult(d)
        self.assertEqual([head.status for head in heads], [200])
        parked[0].write(b"event")
        parked[0].finish()
        stub.flush()
        self.assertEqual(self.successResultOf(d).body, b"event")

    def test_a_redirect_is_not_followed(self):
        asked = []

        def answer(method, url, *rest):
            asked.append(url)
            return 307, {b"Location": b"http://other.example/"}, b""

        response = self.successResultOf(stubbed(answer)(GET))
        self.assertEqual(response.status, 307)
        self.assertEqual(asked, [f"{URL}/a"])

    def test_a_failure_in_the_server_is_an_ordinary_response(self):
        def answer(*request):
            raise ZeroDivisionError

        service = stubbed(answer)
        self.assertEqual(self.successResultOf(service(GET)).status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class WireTests(SynchronousTestCase):
    """The bytes that Twisted's own client writes for us, on a network in memory."""

    def sent(self, request: Request, wire: Wire | None = None) -> bytes:
        wire = wire or Wire()
        d = wire.service(request)
        peer = wire.accept()
        peer.send(OK)
        self.assertEqual(self.successResultOf(d).body, b"ok")
        return peer.received

    def test_a_get_is_these_bytes(self):
        self.assertEqual(
            self.sent(Request("GET", "/a", "b=c")),
            b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:2379\r\n\r\n",
        )

    def test_a_put_of_the_default_client_is_these_bytes(self):
        wire = Wire(lambda reactor: pooled_service(reactor, URL, connect_timeout=5))
        self.assertEqual(
            self.sent(Request("PUT", "/a", headers=Headers({"X": "é"}), body=b"v=1"), wire),
            b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\nX: \xe9\r\nHost: 127.0.0.1:2379\r\n\r\nv=1",
        )

    def test_compression_is_never_asked_for_and_no_user_agent_is_named(self):
        for method in ("GET", "DELETE"):
            head = self.sent(Request(method, "/a")).lower()
            self.assertNotIn(b"accept", head)
            self.assertNotIn(b"encoding", head)
            self.assertNotIn(b"user-agent", head)
            self.assertNotIn(b"cookie", head)

    def test_repeated_fields_are_sent_in_order(self):
        head = self.sent(Request("GET", "/a", headers=Headers([("x", "2"), ("X", "1")])))
        self.assertEqual(re.findall(rb"\r\nX: (\d)", head, re.IGNORECASE), [b"2", b"1"])

    def test_a_delete_without_a_body_says_so(self):
        """Twisted's pool takes the lack of a body for leave to repeat it."""
        self.assertIn(b"\r\nContent-Length: 0\r\n", self.sent(Request("DELETE", "/a")))

    def test_cookies_are_neither_kept_nor_sent(self):
        jar_of_its_own = Wire()
        default = Wire(lambda reactor: pooled_service(reactor, URL, connect_timeout=5))
        for wire in (jar_of_its_own, default):
            first = wire.service(GET)
            peer = wire.accept()
            peer.send(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=secret; Path=/\r\n\r\n"))
            self.assertEqual(
                self.successResultOf(first).headers["Set-Cookie"], "a=secret; Path=/"
            )
            second = wire.service(GET)
            peer.send(OK)
            self.successResultOf(second)
            self.assertEqual(wire.attempts, 1)
            self.assertEqual(peer.received.count(b"GET /a"), 2)
            self.assertNotIn(b"cookie", peer.received.lower())

    def test_a_cookie_that_the_caller_sets_is_sent(self):
        head = self.sent(Request("GET", "/a", headers=Headers({"Cookie": "a=b"})))
        self.assertIn(b"\r\nCookie: a=b\r\n", head)

    def test_a_redirect_makes_no_second_request(self):
        wire = Wire()
        d = wire.service(Request("GET", "/a", headers=Headers({"Authorization": "Basic x"})))
        peer = wire.accept()
        peer.send(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(self.successResultOf(d).status, 302)
        self.assertEqual(wire.attempts, 1)
        self.assertEqual(peer.received.count(b"HTTP/1.1"), 1)

    @settings(deadline=None, max_examples=150)
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
            line, _, _ = self.sent(Request("GET", path, query), Wire(url=url)).partition(b"\r\n")
            self.assertEqual(line, f"GET {path}?{query} HTTP/1.1".encode("ascii"))

    def test_an_ipv6_address_is_put_in_brackets(self):
        self.assertIn(
            b"\r\nHost: [::1]:2379\r\n", self.sent(GET, Wire(url="http://[::1]:2379"))
        )


class HeadTests(SynchronousTestCase):
    def exchange(self, *pieces: bytes, **fields: Any):
        wire = Wire()
        d = wire.service(attrs.evolve(GET, **fields))
        peer = wire.accept()
        for piece in pieces:
            peer.send(piece)
        return d, peer

    def test_on_head_is_told_the_head_before_the_body_has_come(self):
        heads: list[Response] = []
        d, peer = self.exchange(
            b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n",
            on_head=heads.append,
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

    def test_on_head_is_not_told_of_a_head_that_never_came_whole(self):
        heads: list[Response] = []
        d, peer = self.exchange(b"HTTP/1.1 200 OK\r\nX: 1\r\n", on_head=heads.append)
        peer.lose()
        self.failureResultOf(d, ReplyLost)
        self.assertEqual(heads, [])

    def test_on_head_that_raises_does_no_harm_and_is_logged(self):
        def on_head(head: Response) -> None:
            raise ZeroDivisionError

        d, peer = self.exchange(OK, on_head=on_head)
        self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertFalse(peer.is_closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_interim_response_is_passed_over(self):
        d, _ = self.exchange(b"HTTP/1.1 100 Continue\r\n\r\n", OK)
        self.assertEqual(self.successResultOf(d).status, 200)

    def test_http_1_0_is_understood(self):
        d, _ = self.exchange(OK.replace(b"1.1", b"1.0"))
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
            (b"HTTP/1.1 99 Odd", "no such status"),
            (b"HTTP/1.1 0 Odd", "no such status"),
            (b"HTTP/1.1 -1 Odd", "no such status"),
            (b"HTTP/1.1 200 OK\r\nX: a\0b", "NUL"),
        ):
            for body in (b"", b"x"):
                d, peer = self.exchange(head + rest + body)
                error = self.failureResultOf(d, UnexpectedResponse).value
                self.assertIn(reason, str(error), head)
                self.assertEqual(error.endpoint, URL)
                self.assertTrue(peer.is_closed, head)

    def test_a_head_that_is_no_http_is_a_lost_reply_and_the_connection_closed(self):
        for head in (
            b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 OK 200\r\n\r\n",
            b"HTTP/x.y 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX\0: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        ):
            d, peer = self.exchange(head)
            self.assertTrue(peer.is_closed, head[:60])
            peer.lose()
            error = self.failureResultOf(d, ReplyLost).value
            self.assertTrue(error.possibly_applied)


class CompressionTests(SynchronousTestCase):
    """It was not asked for; inflating is how 200 KB become 200 MB."""

    BOMB = gzip.compress(b"\0" * 1_000_000)

    def refused(self, encoding: bytes, body: bytes, length: int) -> Any:
        wire = Wire()
        d = wire.service(GET)
        peer = wire.accept()
        peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (encoding, length, body)
        )
        error = self.failureResultOf(d, UnexpectedResponse).value
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
            peer = self.refused(encoding, self.BOMB, len(self.BOMB) + 1)
            self.assertTrue(peer.is_closed, encoding)

    def test_the_connection_is_closed_even_if_no_byte_of_the_body_comes(self):
        self.assertTrue(self.refused(b"gzip", b"", 1000).is_closed)
        self.assertTrue(self.refused(b"br", b"", 1000).is_closed)

    def test_a_body_that_has_come_whole_is_refused_too(self):
        self.refused(b"gzip", self.BOMB, len(self.BOMB))
        self.refused(b"br", b"x", 1)

    def test_a_body_that_is_not_even_compressed_is_refused_alike(self):
        self.refused(b"gzip", b"not gzip", 8)

    def test_nothing_is_inflated(self):
        inflated: list[tuple] = []

        def decompressobj(*args: object) -> None:
            inflated.append(args)
            raise AssertionError("inflating")

        self.patch(zlib, "decompressobj", decompressobj)
        self.refused(b"gzip", self.BOMB, len(self.BOMB) + 1)
        self.refused(b"gzip, gzip", self.BOMB, len(self.BOMB))
        self.assertEqual(inflated, [])


class BodyTests(SynchronousTestCase):
    def begin(self, head: bytes, max_body: int = 1000):
        wire = Wire()
        wire.service._max_body = max_body
        d = wire.service(GET)
        peer = wire.accept()
        peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        return d, peer

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

    def test_the_connection_of_a_body_that_is_too_long_is_closed(self):
        d, peer = self.begin(b"Content-Length: 1000000\r\n", 10)
        peer.send(b"x" * 10)
        self.assertNoResult(d)
        peer.send(b"y")
        self.failureResultOf(d, ResponseTooLarge)
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
        d, peer = self.begin(b"Content-Length: 100\r\n", 10)
        peer.send(b"<html>")
        peer.send(b"some more and more")
        self.assertEqual(
            self.failureResultOf(d, ResponseTooLarge).value.body, b"<html>some more and more"
        )

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
            d, peer = self.begin(b"")
            peer.send(body)
            peer.lose(ConnectionDone())
            self.failureResultOf(d, ReplyLost)

    def test_a_broken_chunk_is_a_lost_reply_and_the_connection_closed(self):
        for body in (b"zz\r\n", b"-1\r\n", b"2\r\nokxx", b"2" * 5000):
            d, peer = self.begin(b"Transfer-Encoding: chunked\r\n")
            peer.send(body)
            self.failureResultOf(d, ReplyLost)
            self.assertTrue(peer.is_closed)

    def test_a_response_that_can_have_no_body_has_none(self):
        for status in (b"204 No Content", b"304 Not Modified"):
            wire = Wire()
            d = wire.service(GET)
            wire.accept().send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\n")
            self.assertEqual(self.successResultOf(d).body, b"")


class CancelTests(SynchronousTestCase):
    """Cancelling stops at once, in every state, and says whether the request was written."""

    def cancelled(self, d: Deferred, sent: bool) -> None:
        d.cancel()
        error = self.failureResultOf(d).value
        self.assertIs(type(error), RequestCancelled)
        self.assertIsInstance(error, CancelledError)
        self.assertEqual(error.possibly_applied, sent)
        self.assertEqual(error.endpoint, URL)

    def test_while_the_connection_is_being_made(self):
        wire = Wire()
        d = wire.service(GET)
        self.cancelled(d, sent=False)
        self.assertTrue(wire.reactor.connectors[0].stoppedConnecting)
        self.assertEqual(wire.reactor.getDelayedCalls(), [])

    def test_while_the_name_is_being_looked_up(self):
        """Twisted says that the look-up failed."""
        client: Any = StubClient(
            lambda: Deferred(lambda d: d.errback(DNSLookupError("cancelled")))
        )
        self.cancelled(TreqService(client, URL)(GET), sent=False)

    def test_with_a_client_that_does_not_answer_to_it(self):
        pending: list[Deferred] = []

        def outcome() -> Deferred:
            pending.append(Deferred(lambda _: None))
            return pending[-1]

        client: Any = StubClient(outcome)
        self.cancelled(TreqService(client, URL)(GET), sent=True)

    def test_while_the_connection_is_being_made_by_the_default_client(self):
        wire = Wire(lambda reactor: pooled_service(reactor, URL, connect_timeout=5))
        d = wire.service(GET)
        self.cancelled(d, sent=False)
        self.assertTrue(wire.reactor.connectors[0].stoppedConnecting)
        self.assertEqual(wire.reactor.getDelayedCalls(), [])

    def test_when_the_request_is_sent(self):
        wire = Wire()
        d = wire.service(GET)
        peer = wire.accept()
        self.assertIn(b"GET /a", peer.received)
        self.cancelled(d, sent=True)
        self.assertTrue(peer.is_aborted)

    def test_while_the_body_of_the_request_is_being_written(self):
        """treq's own producer writes it some turns of the reactor later."""
        wire = Wire()
        d = wire.service(Request("PUT", "/a", body=b"x" * 1_000_000))
        peer = wire.accept()
        self.assertNotIn(b"xxx", peer.received)
        self.cancelled(d, sent=True)
        self.assertTrue(peer.is_aborted)

    def test_while_the_head_is_being_read(self):
        wire = Wire()
        d = wire.service(GET)
        peer = wire.accept()
        peer.send(b"HTTP/1.1 200 OK\r\nX:")
        self.cancelled(d, sent=True)
        self.assertTrue(peer.is_aborted)

    def test_while_the_body_is_being_read(self):
        for piece in (b"", b"o"):
            wire = Wire()
            d = wire.service(GET)
            peer = wire.accept()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + piece)
            self.cancelled(d, sent=True)
            self.assertTrue(peer.is_closed)

    def test_by_whoever_is_told_of_the_head(self):
        """The request is on the call stack then."""
        for head in (b"Content-Length: 2\r\n", b"Content-Length: 9\r\nContent-Encoding: gzip\r\n"):
            wire = Wire()
            under_way: list[Deferred] = []

            def on_head(head: Response, under_way: list[Deferred] = under_way) -> None:
                under_way[0].cancel()

            d = wire.service(attrs.evolve(GET, on_head=on_head))
            under_way.append(d)
            peer = wire.accept()
            peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\no")
            error = self.failureResultOf(d).value
            self.assertIs(type(error), RequestCancelled)
            self.assertTrue(error.possibly_applied)
            self.assertTrue(peer.is_closed)

    def test_on_a_connection_that_was_kept(self):
        wire = Wire()
        first = wire.service(GET)
        peer = wire.accept()
        peer.send(OK)
        self.successResultOf(first)
        second = wire.service(GET)
        self.assertEqual(wire.attempts, 1)
        self.cancelled(second, sent=True)
        self.assertTrue(peer.is_aborted)

    def test_the_next_request_uses_another_connection(self):
        wire = Wire()
        wire.service(GET).addErrback(lambda _: None).cancel()
        wire.reactor.tcpClients.clear()
        wire.reactor.connectors.clear()
        d = wire.service(GET)
        peer = wire.accept()
        peer.send(OK)
        self.assertEqual(self.successResultOf(d).body, b"ok")
        cancelled = wire.service(GET)
        cancelled.cancel()
        self.failureResultOf(cancelled, RequestCancelled)
        peer.lose(ConnectionLost())
        after = wire.service(GET)
        wire.accept().send(OK)
        self.assertEqual(self.successResultOf(after).body, b"ok")

    def test_when_it_has_ended_cancelling_does_nothing(self):
        wire = Wire()
        d = wire.service(GET)
        peer = wire.accept()
        peer.send(OK)
        d.cancel()
        self.assertEqual(self.successResultOf(d).body, b"ok")
        self.assertFalse(peer.is_closed)


class CloseTests(SynchronousTestCase):
    def test_requests_under_way_fail_in_every_state_and_their_connections_are_closed(self):
        wire = Wire()
        requests = [wire.service(GET) for _ in range(4)]
        sent, reading_head, reading_body = (wire.accept() for _ in range(3))
        reading_head.send(b"HTTP/1.1 200 OK\r\n")
        reading_body.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        closed = wire.service.close()
        self.successResultOf(closed)
        errors = [self.failureResultOf(d, ServiceClosed).value for d in requests]
        self.assertEqual([e.possibly_applied for e in errors], [True, True, True, False])
        self.assertTrue(wire.reactor.connectors[3].stoppedConnecting)
        for peer in (sent, reading_head, reading_body):
            self.assertTrue(peer.is_closed)
        self.assertEqual(wire.reactor.getDelayedCalls(), [])

    def test_by_whoever_is_told_of_the_head(self):
        wire = Wire()
        closed: list[Deferred[None]] = []
        d = wire.service(
            attrs.evolve(GET, on_head=lambda head: closed.append(wire.service.close()))
        )
        peer = wire.accept()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        self.assertTrue(self.failureResultOf(d, ServiceClosed).value.possibly_applied)
        self.successResultOf(closed[0])
        self.assertTrue(peer.is_closed)

    def test_a_request_after_it_fails_and_nothing_is_sent(self):
        wire = Wire()
        self.assertEqual(wire.service.status, Status.OPEN)
        self.successResultOf(wire.service.close())
        self.assertEqual(wire.service.status, Status.CLOSED)
        error = self.failureResultOf(wire.service(GET), ServiceClosed).value
        self.assertFalse(error.possibly_applied)
        self.assertEqual(wire.attempts, 0)

    def test_on_close_is_called_once_and_waited_for(self):
        calls: list[Deferred[None]] = []

        def on_close() -> Deferred[None]:
            calls.append(Deferred())
            return calls[-1]

        client: Any = StubClient(Deferred)
        service = TreqService(client, URL, on_close=on_close)
        under_way = service(GET)
        closed = service.close()
        self.failureResultOf(under_way, ServiceClosed)
        self.assertNoResult(closed)
        calls[0].callback(None)
        self.successResultOf(closed)
        self.successResultOf(service.close())
        self.assertEqual(len(calls), 1)

    def test_on_close_may_return_none(self):
        client: Any = StubClient(Deferred)
        service = TreqService(client, URL, on_close=lambda: None)
        self.assertIsNone(self.successResultOf(service.close()))


class NoRepetitionTests(SynchronousTestCase):
    """A write is sent once, on whatever client (DESIGN, promise 2)."""

    def on_a_kept_connection_that_ends(self, method, wire):
        first = wire.service(GET)
        peer = wire.accept()
        peer.send(OK)
        self.successResultOf(first)
        second = wire.service(Request(method, "/a"))
        self.assertEqual(wire.attempts, 1)
        self.assertIn(method.encode() + b" /a", peer.received)
        peer.lose(ConnectionDone())
        return second

    def test_a_write_on_a_kept_connection_that_ends_is_not_repeated(self):
        for method in ("DELETE", "PUT", "POST"):
            for make in (None, lambda reactor: pooled_service(reactor, URL, connect_timeout=5)):
                wire = Wire(make)
                d = self.on_a_kept_connection_that_ends(method, wire)
                error = self.failureResultOf(d, ReplyLost).value
                self.assertTrue(error.possibly_applied)
                self.assertEqual(wire.attempts, 1)

    def test_a_read_may_be_repeated_by_a_client_that_does_so(self):
        """It shows that the test above would see a repetition."""
        wire = Wire()
        d = self.on_a_kept_connection_that_ends("GET", wire)
        self.assertEqual(wire.attempts, 2)
        wire.accept().send(OK)
        self.assertEqual(self.successResultOf(d).body, b"ok")

    def test_the_default_client_repeats_no_read_either(self):
        wire = Wire(lambda reactor: pooled_service(reactor, URL, connect_timeout=5))
        d = self.on_a_kept_connection_that_ends("GET", wire)
        self.failureResultOf(d, ReplyLost)
        self.assertEqual(wire.attempts, 1)


class RealSocketTests(TestCase):
    """The same over real sockets, where closing is real."""

    timeout = 20

    def serve(self, answer) -> RawServer:
        server = RawServer(reactor, answer)
        self.addCleanup(server.stop)
        return server

    def default(self, server: RawServer, **options: Any) -> TreqService:
        service = pooled_service(reactor, server.url, connect_timeout=5, **options)
        self.addCleanup(service.close)
        return service

    def users(self, server: RawServer) -> TreqService:
        """A service over a user's own client, whose pool repeats what it may."""
        client, close = pooled_client(reactor)
        service = TreqService(client, server.url, on_close=close)
        self.addCleanup(service.close)
        return service

    async def test_a_delete_on_a_kept_connection_that_the_server_closes_is_sent_once(self):
        def answer(connection: Connection, request: bytes) -> None:
            if request.startswith(b"GET"):
                connection.send(OK)
            else:
                connection.close()

        for make in (self.default, self.users):
            server = self.serve(answer)
            service = make(server)
            await service(GET)
            error = await failure_of(service(Request("DELETE", "/a")))
            self.assertIs(type(error), ReplyLost)
            self.assertEqual([r[:6] for r in server.requests], [b"GET /a", b"DELETE"])
            self.assertEqual(len(server.connections), 1)

    async def test_a_plain_treq_would_have_sent_it_twice(self):
        """It shows that the test above would see a repetition."""

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

    async def test_the_header_bytes_that_arrive(self):
        server = self.serve(lambda connection, request: connection.send(OK))
        host = server.url.removeprefix("http://").encode()
        for make in (self.default, self.users):
            await make(server)(Request("GET", "/a%20b", "c=%2B", Headers({"X-A": "1"})))
            self.assertEqual(
                server.requests[-1],
                b"GET /a%20b?c=%2B HTTP/1.1\r\nX-A: 1\r\nHost: " + host + b"\r\n\r\n",
            )
            await make(server)(Request("PUT", "/a", body=b"v"))
            self.assertEqual(
                server.requests[-1],
                b"PUT /a HTTP/1.1\r\nContent-Length: 1\r\nHost: " + host + b"\r\n\r\nv",
            )

    async def test_cancelling_closes_the_connection(self):
        for sent in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"):
            arrived: Deferred[Connection] = Deferred()

            def answer(
                connection: Connection,
                request: bytes,
                sent: bytes = sent,
                arrived: Deferred[Connection] = arrived,
            ) -> None:
                connection.send(sent)
                arrived.callback(connection)

            service = self.default(self.serve(answer))
            heads: Deferred[Response] = Deferred()
            d = service(attrs.evolve(GET, on_head=heads.callback))
            connection = await arrived
            if sent.endswith(b"\r\n\r\n"):
                await heads
            d.cancel()
            error = await failure_of(d)
            self.assertIs(type(error), RequestCancelled)
            self.assertTrue(error.possibly_applied)
            await connection.closed

    async def test_an_endless_body_is_refused_and_the_connection_closed(self):
        def answer(connection: Connection, request: bytes) -> None:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            more(connection)

        def more(connection: Connection) -> None:
            if not connection.closed.called:
                connection.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                reactor.callLater(0, more, connection)

        server = self.serve(answer)
        error = await failure_of(self.default(server, max_body=1_000_000)(GET))
        self.assertIs(type(error), ResponseTooLarge)
        await server.connections[0].closed

    async def test_a_refused_reply_closes_the_connection_though_the_server_says_no_more(self):
        def answer(connection: Connection, request: bytes) -> None:
            connection.send(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"
            )

        server = self.serve(answer)
        error = await failure_of(self.default(server)(GET))
        self.assertIs(type(error), UnexpectedResponse)
        await server.connections[0].closed

    async def test_a_reset_before_and_within_the_reply_is_a_lost_reply(self):
        for sent in (b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"):

            def answer(connection: Connection, request: bytes, sent: bytes = sent) -> None:
                connection.send(sent)
                reactor.callLater(0, connection.reset)

            error = await failure_of(self.default(self.serve(answer))(GET))
            self.assertIs(type(error), ReplyLost)
            self.assertTrue(error.possibly_applied)

    async def test_a_server_on_ipv6_is_reached(self):
        try:
            server = RawServer(
                reactor, lambda connection, request: connection.send(OK), interface="::1"
            )
        except CannotListenError:
            raise SkipTest("this machine has no IPv6") from None
        self.addCleanup(server.stop)
        for make in (self.default, self.users):
            self.assertEqual((await make(server)(GET)).body, b"ok")

    async def test_a_port_where_nobody_listens_is_not_sent(self):
        server = self.serve(lambda connection, request: None)
        service = self.default(server)
        await server.stop()
        error = await failure_of(service(GET))
        self.assertIs(type(error), NotSent)
        self.assertIn("refused", str(error))

    async def test_close_with_requests_in_flight_leaves_nothing(self):
        """What would be left makes trial fail the test."""
        arrived: list[Deferred[None]] = [Deferred() for _ in range(3)]
        waiting = iter(arrived)
        server = self.serve(lambda connection, request: next(waiting).callback(None))
        service = self.default(server)
        under_way = [service(GET) for _ in arrived]
        for each in arrived:
            await each
        await service.close()
        for d in under_way:
            self.assertIs(type(await failure_of(d)), ServiceClosed)
        for connection in server.connections:
            await connection.closed


async def failure_of(d: Deferred) -> Any:
    """The error that a Deferred fails with."""
    try:
        result = await d
    except Exception as error:
        return error
    raise AssertionError(f"{result!r} instead of an error")


class ParseUrlTests(SynchronousTestCase):
    def test_a_url_is_kept_without_the_slash_at_its_end(self):
        for url, kept in (
            ("http://a", "http://a"),
            ("http://a/", "http://a"),
            ("http://a:1/b/", "http://a:1/b"),
            ("https://a.example:2379", "https://a.example:2379"),
            ("HTTP://a", "http://a"),
            ("http://[::1]:2379", "http://[::1]:2379"),
        ):
            self.assertEqual(parse_url(url), kept)

    def test_what_is_no_endpoint_is_a_value_error_that_names_it(self):
        for url in (
            "",
            "a",
            "a:1",
            "127.0.0.1:2379",
            "//a",
            "http://",
            "http://:1",
            "ftp://a",
            "unix:///a",
            "http://a:x",
            "http://a:65536",
            "http://a:-1",
            "http://a:0",
            "http://a:",
            "http://a?b",
            "http://a#b",
            "http://a b",
            " http://a",
            "http://a\n",
            "http://a\nb",
            "http://ä",
            "http://[::1",
            "http://[::x]:1",
            "http://[fe80::1%25eth0]:1",
            "http://etcd_1:2379",
            "http://a..b",
            "http://-a",
            "http://" + "a" * 64,
        ):
            with self.assertRaises(ValueError) as caught:
                parse_url(url)
            self.assertIn(repr(url), str(caught.exception))

    def test_credentials_are_refused_and_never_told(self):
        for url in (
            "http://root:hunter2@a",
            "http://hunter2@a",
            "http://root:hunter2@a:x",
            "http://root:hunter2/@a",
            "http://root:hunter2@a\u2100b",
            "http://root:hun@hunter2@a",
            "ftp://root:hunter2@a",
            "root:hunter2@a",
        ):
            with self.assertRaises(ValueError) as caught:
                parse_url(url)
            error = caught.exception
            self.assertNotIn("hunter2", f"{error!r} {error} {error.__cause__!r}")

    def test_the_service_checks_its_url(self):
        client: Any = StubClient(Deferred)
        with self.assertRaises(ValueError):
            TreqService(client, "127.0.0.1:2379")

    def test_repr_shows_the_server(self):
        client: Any = StubClient(Deferred)
        self.assertEqual(
            repr(TreqService(client, "http://a:1/")), "TreqService('http://a:1')"
        )
