"""`TreqService`: one request, one reply, and a typed error that knows whether it was written."""

from __future__ import annotations

from typing import Any

import attrs
from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent, StringStubbingResource, StubTreq
from twisted.internet import error as internet
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    DNSLookupError,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
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

from tests.http.wire import URL, Wire
from txetcd import (
    NotSent,
    ReplyLost,
    RequestCancelled,
    ServiceClosed,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.http import Headers, Request, Response, TreqService
from txetcd.http.url import parse_url

GET = Request("GET", "/a")


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


class StockTreqTests(SynchronousTestCase):
    """What is only of treq and Twisted's own agent; all else is in `test_transports`."""

    def test_a_status_that_twisted_lets_pass_is_refused(self):
        for status in (b"99", b"0", b"-1"):
            wire = Wire()
            d = wire.service(GET)
            peer = wire.accept()
            peer.send(b"HTTP/1.1 " + status + b" Odd\r\nContent-Length: 100\r\n\r\n")
            error = self.failureResultOf(d, UnexpectedResponse).value
            self.assertIn("no such status", str(error))
            self.assertTrue(peer.is_closed)

    def test_cancelling_while_treq_writes_the_body_of_the_request(self):
        """Its producer writes some turns of the reactor later."""
        wire = Wire()
        d = wire.service(Request("PUT", "/a", body=b"x" * 1_000_000))
        peer = wire.accept()
        self.assertNotIn(b"xxx", peer.received)
        d.cancel()
        self.assertTrue(self.failureResultOf(d, RequestCancelled).value.possibly_applied)
        self.assertTrue(peer.is_aborted)

    def test_cancelling_by_whoever_is_told_of_a_head_that_is_to_be_refused(self):
        wire = Wire()
        under_way: list[Deferred] = []
        d = wire.service(attrs.evolve(GET, on_head=lambda head: under_way[0].cancel()))
        under_way.append(d)
        peer = wire.accept()
        peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\no"
        )
        self.assertTrue(self.failureResultOf(d, RequestCancelled).value.possibly_applied)
        self.assertTrue(peer.is_closed)


class CancelTests(SynchronousTestCase):
    """Cancelling, with clients that say odd things or nothing."""

    def cancelled(self, d: Deferred, sent: bool) -> None:
        d.cancel()
        error = self.failureResultOf(d).value
        self.assertIs(type(error), RequestCancelled)
        self.assertEqual(error.possibly_applied, sent)

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


class CloseTests(SynchronousTestCase):
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
