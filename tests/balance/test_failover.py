"""Failover: one endpoint at a time, and the next when the network fails it."""

from __future__ import annotations

import gc

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    ApiError,
    Backoff,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Service,
    ServiceClosed,
    Status,
    UnexpectedResponse,
)
from txetcd.balance import Failover
from txetcd.errors import RequestCancelled
from txetcd.filters import Retry, Timeout
from txetcd.model import Get


class Endpoint(Service):
    """Answers with its name, or fails as it is told to."""

    def __init__(self, name, asked):
        self.name = name
        self.asked = asked
        self.outcome = None
        self.closed = 0
        self.closing = succeed(None)
        self.state = Status.OPEN

    def apply(self, request):
        self.asked.append(self.name)
        if isinstance(self.outcome, Exception):
            return fail(self.outcome)
        return self.name if self.outcome is None else self.outcome

    def close(self):
        self.closed += 1
        return self.closing

    @property
    def status(self):
        return self.state

    def __repr__(self):
        return f"Endpoint({self.name!r})"


class Case(SynchronousTestCase):
    def setUp(self):
        self.asked: list[str] = []
        self.a, self.b, self.c = self.endpoints = [Endpoint(name, self.asked) for name in "abc"]
        self.service: Service = Failover(self.endpoints)


class ChoosingTests(Case):
    def test_all_requests_go_to_the_first_while_it_serves(self):
        for _ in range(5):
            self.assertEqual(self.successResultOf(self.service("request")), "a")
        self.assertEqual(self.asked, ["a"] * 5)

    def test_a_failure_of_the_network_sends_the_next_request_to_the_next_endpoint(self):
        for error in (NotSent(), ReplyLost(), RequestTimedOut(1), CancelledError()):
            self.setUp()
            self.a.outcome = error
            self.assertIs(self.failureResultOf(self.service("request")).value, error)
            self.assertEqual(self.asked, ["a"])
            self.assertEqual(self.successResultOf(self.service("request")), "b")
            self.assertEqual(self.successResultOf(self.service("request")), "b")

    def test_after_the_last_comes_the_first_again(self):
        for endpoint in self.endpoints:
            endpoint.outcome = NotSent()
        for _ in range(4):
            self.failureResultOf(self.service("request"), NotSent)
        self.assertEqual(self.asked, ["a", "b", "c", "a"])

    def test_an_answer_of_any_kind_is_no_failure_of_the_network(self):
        for error in (
            ApiError(300),
            UnexpectedResponse(502),
            ServiceClosed(),
            ValueError("a bug"),
        ):
            self.a.outcome = error
            self.failureResultOf(self.service("request"))
        self.assertEqual(set(self.asked), {"a"})

    def test_requests_that_fail_together_move_on_once(self):
        answers: list[Deferred] = [Deferred() for _ in range(3)]
        asked = []
        for answer in answers:
            self.a.outcome = answer
            asked.append(self.service("request"))
        for answer, each in zip(answers, asked, strict=True):
            answer.errback(ReplyLost())
            self.failureResultOf(each, ReplyLost)
        self.assertEqual(self.successResultOf(self.service("request")), "b")

    def test_a_late_failure_of_an_endpoint_left_behind_changes_nothing(self):
        late: Deferred = Deferred()
        self.a.outcome = late
        slow = self.service("request")
        self.a.outcome = NotSent()
        self.failureResultOf(self.service("request"), NotSent)
        self.b.outcome = NotSent()
        self.failureResultOf(self.service("request"), NotSent)
        late.errback(NotSent())
        self.failureResultOf(slow, NotSent)
        self.assertEqual(self.successResultOf(self.service("request")), "c")

    def test_one_endpoint_is_asked_again_and_again(self):
        service: Service = Failover([self.a])
        self.a.outcome = NotSent()
        self.failureResultOf(service("request"), NotSent)
        self.a.outcome = None
        self.assertEqual(self.successResultOf(service("request")), "a")

    def test_cancelling_reaches_the_endpoint(self):
        cancelled: list[Deferred] = []
        self.a.outcome = Deferred(cancelled.append)
        answer = self.service("request")
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(len(cancelled), 1)


class UnderOthersTests(Case):
    """What it is for: below a retry, and below a timeout."""

    def test_a_retry_above_it_tries_the_next_endpoint(self):
        clock = Clock()
        self.a.outcome, self.b.outcome = NotSent(), RequestTimedOut(1)
        retry: Retry = Retry(clock, backoff=Backoff.constant(1))
        answer = (retry >> self.service)(Get("/a"))
        clock.pump([1, 1])
        self.assertEqual(self.successResultOf(answer), "c")
        self.assertEqual(self.asked, ["a", "b", "c"])

    def test_an_endpoint_that_does_not_answer_in_time_is_left(self):
        clock = Clock()
        self.a.outcome = Deferred(lambda answer: answer.errback(RequestCancelled()))
        stack: Service = Timeout(5, clock) >> self.service
        answer = stack("request")
        clock.advance(5)
        self.failureResultOf(answer, RequestTimedOut)
        self.assertEqual(self.successResultOf(stack("request")), "b")


class TransparencyTests(Case):
    def test_the_status_is_the_best_of_its_services(self):
        self.assertIs(self.service.status, Status.OPEN)
        self.a.state = Status.CLOSED
        self.assertIs(self.service.status, Status.OPEN)
        self.b.state = self.c.state = Status.BUSY
        self.assertIs(self.service.status, Status.BUSY)
        self.b.state = self.c.state = Status.CLOSED
        self.assertIs(self.service.status, Status.CLOSED)

    def test_the_repr_shows_the_endpoint_in_use(self):
        self.assertEqual(repr(self.service), "Failover(Endpoint('a'), 2 more)")
        self.a.outcome = NotSent()
        self.failureResultOf(self.service("request"))
        self.assertEqual(repr(self.service), "Failover(Endpoint('b'), 2 more)")

    def test_it_needs_a_service(self):
        self.assertIn("at least one", str(self.assertRaises(ValueError, Failover, [])))

    def test_the_services_are_those_it_was_made_of(self):
        services = [self.a]
        service: Service = Failover(services)
        services.append(self.b)
        self.assertEqual(repr(service), "Failover(Endpoint('a'), 0 more)")


class CloseTests(Case):
    def test_it_closes_each_service_and_waits_for_all(self):
        closing: Deferred = Deferred()
        self.b.closing = closing
        closed = self.service.close()
        self.assertEqual([each.closed for each in self.endpoints], [1, 1, 1])
        self.assertNoResult(closed)
        closing.callback(None)
        self.assertIsNone(self.successResultOf(closed))

    def test_one_that_cannot_be_closed_keeps_no_other_from_it(self):
        closing: Deferred = Deferred()
        first, second = RuntimeError("first"), RuntimeError("second")
        self.a.closing, self.b.closing, self.c.closing = fail(first), fail(second), closing
        closed = self.service.close()
        self.assertNoResult(closed)
        closing.callback(None)
        self.assertIs(self.failureResultOf(closed, RuntimeError).value, first)
        self.assertEqual([each.closed for each in self.endpoints], [1, 1, 1])
        # Nor does a Deferred complain in the log that nobody has seen its failure.
        self.a.closing = self.b.closing = succeed(None)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_that_raises_when_it_is_closed_keeps_no_other_from_it(self):
        class Raises(Service):
            def close(self):
                raise RuntimeError("cannot close")

        service: Service = Failover([Raises(), self.b])
        self.failureResultOf(service.close(), RuntimeError)
        self.assertEqual(self.b.closed, 1)
