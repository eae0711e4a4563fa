"""`LongPollsApart`: two ways to one server."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, FirstError, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Service, Status
from txetcd.http import Request
from txetcd.http.long_polls import LongPollsApart


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


class LongPollsApartTests(SynchronousTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.requests, self.long_polls = Stub("requests"), Stub("long_polls")
        self.service = LongPollsApart(self.requests, self.long_polls)

    def test_a_long_poll_goes_one_way_and_all_else_the_other(self):
        for request, name in [
            (Request("GET", "/"), "requests"),
            (Request("PUT", "/", body=b"x"), "requests"),
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

    def test_it_is_as_healthy_as_the_less_healthy(self):
        self.assertIs(self.service.status, Status.OPEN)
        self.long_polls.health = Status.BUSY
        self.assertIs(self.service.status, Status.BUSY)
        self.requests.health = Status.CLOSED
        self.assertIs(self.service.status, Status.CLOSED)

    def test_closing_closes_both_and_waits_for_both(self):
        closing = self.service.close()
        self.assertEqual((self.requests.closed, self.long_polls.closed), (1, 1))
        self.long_polls.closing.callback(None)
        self.assertNoResult(closing)
        self.requests.closing.callback(None)
        self.assertIsNone(self.successResultOf(closing))

    def test_closing_fails_if_one_fails_though_the_other_is_closed_too(self):
        closing = self.service.close()
        self.requests.closing.errback(ZeroDivisionError())
        error: Any = self.failureResultOf(closing, FirstError).value
        error.subFailure.trap(ZeroDivisionError)
        self.assertEqual(self.long_polls.closed, 1)

    def test_it_shows_the_way_of_most(self):
        self.assertEqual(repr(self.service), "LongPollsApart(requests)")
