"""The exit status of each error, and the line that is said of it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    AmbiguousWrite,
    ApiError,
    BackoffsExhausted,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    ServiceClosed,
    UnexpectedResponse,
)
from txetcd.cli.exit_status import BadInput, DemoFailed, exit_status, one_line
from txetcd.errors import ApiDisabled
from txetcd.model import Set


class ExitStatusTests(SynchronousTestCase):
    def test_each_kind_of_error_has_its_own(self):
        for error, expected in (
            (BadInput("a directory"), 1),
            (ValueError("a ttl"), 1),
            (NotSent("refused"), 2),
            (ReplyLost("cut"), 2),
            (RequestTimedOut(5), 2),
            (ServiceClosed(), 2),
            (ApiError(110, "Insufficient credentials"), 3),
            (UnexpectedResponse(401, b"<html>"), 3),
            (UnexpectedResponse(403, b"<html>"), 3),
            (ApiError(100, "Key not found"), 4),
            (ApiError(101, "Compare failed"), 4),
            (ApiError(300, "Raft Internal Error"), 4),
            (AmbiguousWrite(Set("/a", b"1"), ReplyLost("cut")), 5),
            (UnexpectedResponse(200, b"<html>"), 6),
            (ApiDisabled(404, b"404 page not found"), 6),
            (DemoFailed("too late"), 7),
            (TypeError("a fault of ours"), 70),
            (KeyError("likewise"), 70),
            (OSError(28, "No space left on device"), 74),
            (BrokenPipeError(32, "Broken pipe"), 141),
            (BackoffsExhausted("/a", [NotSent("refused")]), 2),
            (BackoffsExhausted("/a", [NotSent("refused"), ApiError(110)]), 3),
        ):
            self.assertEqual(exit_status(error), expected, repr(error))


class OneLineTests(SynchronousTestCase):
    def test_the_words_of_the_error(self):
        self.assertEqual(one_line(BadInput("no value")), "no value")

    def test_neither_a_new_line_nor_an_escape_gets_through(self):
        line = one_line(ApiError(100, "Key\nnot\x1b[31m found", "/zoë\r"))
        self.assertEqual(line, "Key\\nnot\\x1b[31m found (/zoë\\r), code 100")

    def test_a_fault_of_ours_is_called_one(self):
        self.assertEqual(one_line(KeyError("x")), "a fault of txetcd itself, KeyError: 'x'")

    def test_an_error_without_words_says_its_name(self):
        self.assertEqual(one_line(ValueError()), "ValueError")

    def test_output_that_cannot_be_written_is_said_to_be_so(self):
        line = one_line(OSError(28, "No space left"))
        self.assertEqual(line, "the output could not be written: [Errno 28] No space left")
