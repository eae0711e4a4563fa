"""`Bulkheads`: three ways to one server."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, FirstError, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Service, Status
from txetcd.http import Request
from txetcd.http.bulkheads import Bulkheads


class Stub(Service[Request, Any]):
    """Answers with its name, and is as healthy and as closed as a test says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.answer = lambda request: succeed((name, request))
        self.health = Status.OPEN
        self.closing: Deferred[None] = Deferred()
        self.closed = 0

    def apply(self, request):
        return self.answer(request)

    def close(self):
        self.closed += 1
        return self.closing

    @property
    def status(self):
        return self.health

    def __repr__(self):
        return self.name


class BulkheadsTests(SynchronousTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.requests, self.quorum = Stub("requests"), Stub("quorum")
        self.long_polls = Stub("long_polls")
        self.service = Bulkheads(self.requests, self.quorum, self.long_polls)

    def test_each_kind_of_request_goes_its_own_way(self):
        for request, name in [
            (Request("GET", "/"), "requests"),
            (Request("GET", "/", needs_quorum=True), "quorum"),
            (Request("PUT", "/", body=b"x", needs_quorum=True), "quorum"),
            (Request("GET", "/", long_poll=True), "long_polls"),
        ]:
            self.assertEqual(self.successResultOf(self.service(request)), (name, request))

    def test_what_fails_there_fails_here(self):
        self.long_polls.answer = lambda _: fail(ZeroDivisionError())
        self.failureResultOf(self.service(Request("GET", "/", long_poll=True)), ZeroDivisionError)

    def test_cancelling_reaches_what_is_under_way(self):
        under_way: Deferred[Any] = Deferred()
        self.requests.answer = lambda _: under_way
        reply = self.service(Request("GET", "/"))
        reply.cancel()
        self.assertTrue(under_way.called)
        self.failureResultOf(reply)

    def test_it_is_as_healthy_as_the_least_healthy(self):
        self.assertIs(self.service.status, Status.OPEN)
        self.long_polls.health = Status.BUSY
        self.assertIs(self.service.status, Status.BUSY)
        self.quorum.health = Status.DOWN
        self.assertIs(self.service.status, Status.DOWN)
        self.requests.health = Status.CLOSED
        self.assertIs(self.service.status, Status.CLOSED)

    def test_closing_closes_all_and_waits_for_all(self):
        closing = self.service.close()
        ways = [self.requests, self.quorum, self.long_polls]
        self.assertEqual([each.closed for each in ways], [1, 1, 1])
        self.long_polls.closing.callback(None)
        self.quorum.closing.callback(None)
        self.assertNoResult(closing)
        self.requests.closing.callback(None)
        self.assertIsNone(self.successResultOf(closing))

    def test_closing_fails_if_one_fails_though_the_others_are_closed_too(self):
        closing = self.service.close()
        self.requests.closing.errback(ZeroDivisionError())
        error: Any = self.failureResultOf(closing, FirstError).value
        error.subFailure.trap(ZeroDivisionError)
        self.assertEqual(self.long_polls.closed, 1)

    def test_it_shows_the_way_of_most(self):
        self.assertEqual(repr(self.service), "Bulkheads(requests)")
