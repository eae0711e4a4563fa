"""What all keys of a client share: what is under way, and the promise about writes."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    AmbiguousWrite,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Service,
    ServiceClosed,
    Status,
)
from txetcd.errors import UnexpectedResponse
from txetcd.keys import Session
from txetcd.model import Get, Set

READ, WRITE = Get("/a"), Set("/a", b"1")


class OutcomeTests(SynchronousTestCase):
    def outcome(self, op, error):
        session = Session(Service.mk(lambda op: fail(error)), Clock())
        return self.failureResultOf(session(op)).value

    def test_a_write_that_may_have_been_carried_out_is_ambiguous_whatever_filters_stand_below(self):
        for cause in (RequestTimedOut(1), ReplyLost("reset"), UnexpectedResponse(502)):
            error = self.outcome(WRITE, cause)
            self.assertIsInstance(error, AmbiguousWrite)
            self.assertIs(error.op, WRITE)
            self.assertIs(error.cause, cause)

    def test_a_write_that_was_never_sent_says_so(self):
        error = NotSent("refused")
        self.assertIs(self.outcome(WRITE, error), error)
        self.assertIs(error.op, WRITE)

    def test_a_read_is_never_ambiguous(self):
        error = ReplyLost("reset")
        self.assertIs(self.outcome(READ, error), error)

    def test_errors_that_are_not_ours_pass_unchanged(self):
        error = RuntimeError("a bug of a filter's")
        self.assertIs(self.outcome(WRITE, error), error)


class CloseTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.asked: list[Deferred] = []

        def service(op):
            self.asked.append(Deferred())
            return self.asked[-1]

        self.session = Session(Service.mk(service), self.clock)

    def test_what_is_under_way_ends_when_the_session_is_closed(self):
        read, write, pause = self.session(READ), self.session(WRITE), self.session.sleep(5)
        self.successResultOf(self.session.close())
        self.failureResultOf(read, ServiceClosed)
        self.failureResultOf(write, AmbiguousWrite)
        self.failureResultOf(pause, ServiceClosed)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIs(self.session.status, Status.CLOSED)

    def test_nothing_is_asked_after_it_was_closed(self):
        self.session.close()
        self.failureResultOf(self.session(WRITE), ServiceClosed)
        self.assertEqual(self.asked, [])

    def test_cancelling_one_request_leaves_the_others(self):
        one, other = self.session(READ), self.session(READ)
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertNoResult(other)
        other.cancel()
        self.failureResultOf(other)
