"""`settle`: what the failure of an operation means for the one who asked."""

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    AmbiguousWrite,
    ApiError,
    KeyNotFound,
    NotSent,
    ReplyLost,
    RequestCancelled,
    RequestTimedOut,
    ServiceClosed,
    UnexpectedResponse,
)
from txetcd.errors import ApiDisabled, ResponseTooLarge, WatchEnded
from txetcd.model import CompareAndSwap, Create, CreateInOrder, Delete, Get, Refresh, Set
from txetcd.model.outcome import settle

READ = Get("/a")
WRITES = (
    Set("/a", b"1"),
    Create("/a", b"1"),
    CreateInOrder("/a", b"1"),
    CompareAndSwap("/a", b"1", 1),
    Delete("/a"),
    Refresh("/a", 1),
)
#: Failures after which a write may have been carried out.
UNKNOWN = (
    lambda: ReplyLost("reset"),
    lambda: RequestTimedOut(1),
    lambda: UnexpectedResponse(502, b"<html>"),
    lambda: ResponseTooLarge(500),
    lambda: ServiceClosed(possibly_applied=True),
    lambda: ApiError(300, "raft"),
    lambda: ApiError(301, "election"),
)
#: Failures after which nobody wonders.
KNOWN = (
    lambda: NotSent("refused"),
    lambda: RequestTimedOut(1, possibly_applied=False),
    ServiceClosed,
    lambda: KeyNotFound(100, "Key not found", "/a", 7),
    lambda: ApiError(105, "Key already exists"),
    lambda: ApiDisabled(404),
    lambda: RequestCancelled(sent=False),
)


class SettleTests(SynchronousTestCase):
    def settled(self, error, op):
        return settle(Failure(error), op).value

    def test_a_write_that_may_have_been_carried_out_is_ambiguous(self):
        for op in WRITES:
            for make in UNKNOWN:
                cause = make()
                error = self.settled(cause, op)
                self.assertIsInstance(error, AmbiguousWrite)
                self.assertIs(error.op, op)
                self.assertIs(error.cause, cause)
                self.assertIs(error.__cause__, cause)
                self.assertTrue(error.possibly_applied)

    def test_a_write_that_was_not_carried_out_fails_as_it_did(self):
        for op in WRITES:
            for make in KNOWN:
                error = make()
                self.assertIs(self.settled(error, op), error)

    def test_a_read_fails_as_it_did(self):
        for make in (*UNKNOWN, *KNOWN):
            error = make()
            self.assertIs(self.settled(error, READ), error)

    def test_each_error_is_told_its_operation(self):
        for make in (*UNKNOWN, *KNOWN):
            error = make()
            self.settled(error, READ)
            self.assertIs(error.op, READ)
            self.assertIn("get /a", str(error))

    def test_the_operation_that_an_error_knows_stays(self):
        error = NotSent("refused")
        error.locate(READ)
        self.settled(error, WRITES[0])
        self.assertIs(error.op, READ)

    def test_a_cancelled_write_stays_cancelled_since_its_caller_knows(self):
        error = RequestCancelled(sent=True)
        self.assertIs(self.settled(error, WRITES[0]), error)
        plain = CancelledError()
        self.assertIs(self.settled(plain, WRITES[0]), plain)

    def test_an_answer_below_500_that_cannot_be_read_did_arrive(self):
        for error in (UnexpectedResponse(200, b"{"), ResponseTooLarge(201), WatchEnded()):
            self.assertIs(self.settled(error, WRITES[0]), error)
            self.assertTrue(error.possibly_applied)

    def test_ambiguity_is_told_once(self):
        error = AmbiguousWrite(WRITES[0], ReplyLost("reset"))
        self.assertIs(self.settled(error, WRITES[0]), error)

    def test_the_endpoint_of_the_cause_is_that_of_the_ambiguous_write(self):
        cause = ReplyLost("reset")
        cause.locate(endpoint="http://a:1")
        error = self.settled(cause, WRITES[0])
        self.assertEqual(error.endpoint, "http://a:1")
        self.assertEqual(
            str(error),
            "the write was sent and its outcome is unknown: reset [set /a at http://a:1]",
        )

    def test_what_is_no_error_of_ours_passes(self):
        failure = Failure(ZeroDivisionError())
        self.assertIs(settle(failure, WRITES[0]), failure)
