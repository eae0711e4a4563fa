"""What outcomes say of a service: the classes, and which of them each error is."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.test_errors import EXAMPLES
from txetcd import ApiError, NotSent, RequestCancelled, ServiceClosed
from txetcd.errors import (
    AmbiguousWrite,
    BackoffsExhausted,
    EndpointDown,
    KeyNotFound,
    LeaderElect,
    QueueFull,
    RaftInternal,
    ReplyLost,
    RequestTimedOut,
    UnexpectedResponse,
    WatchEnded,
    WriteForbidden,
)
from txetcd.response_class import ResponseClass, classify

SUCCESS, RETRYABLE = ResponseClass.SUCCESS, ResponseClass.RETRYABLE
NON_RETRYABLE, IGNORABLE = ResponseClass.NON_RETRYABLE, ResponseClass.IGNORABLE


class ResponseClassTests(SynchronousTestCase):
    def test_two_of_them_are_failures(self):
        self.assertEqual(
            [each for each in ResponseClass if each.is_failure], [RETRYABLE, NON_RETRYABLE]
        )


class ClassifyTests(SynchronousTestCase):
    def classes(self, expected: ResponseClass, *outcomes: Any) -> None:
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                outcome = Failure(outcome)
            self.assertIs(classify("any request", outcome), expected, outcome)

    def test_a_response_is_a_success_whatever_it_is(self):
        self.classes(SUCCESS, "answer", None, False, 500, object())
        self.assertIs(classify(None, NotSent("an error that is a response")), SUCCESS)

    def test_what_etcd_says_of_a_key_is_an_answer(self):
        self.classes(SUCCESS, KeyNotFound(100), ApiError(101), ApiError(401), ApiError(999))

    def test_what_etcd_says_of_itself_is_a_failure(self):
        self.classes(RETRYABLE, RaftInternal(300), LeaderElect(301), ApiError(400))

    def test_what_the_network_did_may_pass(self):
        self.classes(
            RETRYABLE,
            NotSent("refused"),
            ReplyLost("reset"),
            RequestTimedOut(5),
            UnexpectedResponse(502),
        )

    def test_so_may_what_a_policy_did(self):
        self.classes(RETRYABLE, QueueFull(), EndpointDown())
        self.classes(NON_RETRYABLE, WriteForbidden(), BackoffsExhausted("/a"))

    def test_other_errors_fail_again(self):
        self.classes(
            NON_RETRYABLE,
            ValueError("a bug"),
            OSError(5, "broken"),
            UnexpectedResponse(200, b"<html>"),
            AmbiguousWrite("set /a"),
        )

    def test_what_the_caller_did_says_nothing(self):
        self.classes(
            IGNORABLE,
            CancelledError(),
            RequestCancelled(),
            RequestCancelled(sent=False),
            ServiceClosed(),
            ServiceClosed(possibly_applied=True),
        )

    def test_a_wait_that_was_ended_says_nothing_either(self):
        """One is hung up by ourselves, each time that it is made anew."""
        self.classes(IGNORABLE, WatchEnded())

    def test_of_every_error_of_ours_the_flag_decides(self):
        for error, _ in EXAMPLES:
            verdict = classify(None, Failure(error))
            if isinstance(error, (CancelledError, ServiceClosed, WatchEnded)):
                self.assertIs(verdict, IGNORABLE)
            else:
                self.assertIs(verdict is RETRYABLE, error.retryable, error)

    def test_the_flag_of_the_error_at_hand_decides_not_that_of_its_class(self):
        error = ApiError(100)
        error.retryable = True
        self.classes(RETRYABLE, error)
