"""Timeout: when it fires, what it says, and what it leaves behind (nothing)."""

from __future__ import annotations

import gc
import math
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Service,
    Status,
)
from txetcd.errors import RequestCancelled
from txetcd.filters import Timeout


@attrs.frozen
class Ask:
    """A request that may be a wait."""

    long_poll: bool = False


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.answers: list[Deferred] = []

    def tearDown(self):
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def over(self, *services, seconds=5.0, **options) -> Service:
        """A Timeout over a service that returns these Deferreds, one after the other."""
        self.answers.extend(services)
        answers = iter(services)
        return Timeout(seconds, self.clock, **options) >> Service.mk(lambda _: next(answers))


class ExpiryTests(Case):
    def test_it_fires_when_the_time_is_up_and_not_before(self):
        cancelled: list[Deferred] = []
        answer = self.over(Deferred(cancelled.append))(Ask())
        self.clock.advance(4.99)
        self.assertNoResult(answer)
        self.assertEqual(cancelled, [])
        self.clock.advance(0.01)
        error = self.failureResultOf(answer, RequestTimedOut).value
        self.assertEqual(str(error), "no reply within 5 s")
        self.assertEqual(error.seconds, 5)
        self.assertIsInstance(error.cause, CancelledError)
        self.assertEqual(cancelled, self.answers)

    def test_an_answer_in_time_is_passed_on_and_the_clock_left_alone(self):
        answer = self.over(Deferred())(Ask())
        self.clock.advance(4.99)
        self.answers[0].callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_answer_or_an_error_at_once_is_passed_on(self):
        service = self.over(succeed("answer"), fail(NotSent("refused")))
        self.assertEqual(self.successResultOf(service(Ask())), "answer")
        self.failureResultOf(service(Ask()), NotSent)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_error_in_time_keeps_its_type_even_if_it_is_a_cancellation(self):
        for error in (NotSent("refused"), ReplyLost("reset"), CancelledError(), ValueError("x")):
            answer = self.over(Deferred())(Ask())
            self.answers[-1].errback(error)
            self.assertIs(self.failureResultOf(answer).value, error)

    def test_each_request_has_its_own_time(self):
        service = self.over(Deferred(), Deferred())
        one = service(Ask())
        self.clock.advance(3)
        other = service(Ask())
        self.clock.advance(2)
        self.failureResultOf(one, RequestTimedOut)
        self.assertNoResult(other)
        self.clock.advance(3)
        self.failureResultOf(other, RequestTimedOut)

    def test_an_error_raised_below_is_passed_on(self):
        def raises(request):
            raise ValueError("a bug of the user's")

        service: Service = Timeout(5, self.clock) >> Service.mk(raises)
        self.failureResultOf(service(Ask()), ValueError)


class StubbornTests(Case):
    """What is below may not answer to being cancelled, or answer in its own way."""

    def stubborn(self) -> tuple[Deferred, Deferred]:
        """A Deferred that ignores the first cancellation, and what it waits for then."""
        late: Deferred = Deferred()
        waiting: Deferred = Deferred()
        return waiting.addErrback(lambda _: late), late

    def test_the_time_is_up_even_if_cancelling_ends_nothing(self):
        stubborn, _late = self.stubborn()
        answer = self.over(stubborn)(Ask())
        self.clock.advance(5)
        error = self.failureResultOf(answer, RequestTimedOut).value
        self.assertIsNone(error.cause)
        self.assertTrue(error.possibly_applied)

    def test_a_late_response_is_dropped(self):
        stubborn, late = self.stubborn()
        answer = self.over(stubborn)(Ask())
        self.clock.advance(5)
        self.failureResultOf(answer, RequestTimedOut)
        late.callback("late")
        self.assertIsNone(self.successResultOf(stubborn))

    def test_a_late_failure_is_dropped_without_a_word_in_the_log(self):
        stubborn, late = self.stubborn()
        answer = self.over(stubborn)(Ask())
        self.clock.advance(5)
        self.failureResultOf(answer, RequestTimedOut)
        late.errback(ReplyLost("late"))
        self.answers.clear()
        del stubborn, late, answer
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_response_to_being_cancelled_is_a_response(self):
        answer = self.over(Deferred(lambda answer: answer.callback("just in time")))(Ask())
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(answer), "just in time")

    def test_an_error_in_answer_to_being_cancelled_is_the_cause(self):
        cause = ReplyLost("reset")
        answer = self.over(Deferred(lambda answer: answer.errback(cause)))(Ask())
        self.clock.advance(5)
        error = self.failureResultOf(answer, RequestTimedOut).value
        self.assertIs(error.cause, cause)
        self.assertEqual(str(error), "no reply within 5 s; last: reset")

    def test_a_bug_in_the_cancelling_does_not_keep_it_from_firing(self):
        def raises(_):
            raise ZeroDivisionError

        answer = self.over(Deferred(raises))(Ask())
        self.assertRaises(ZeroDivisionError, self.clock.advance, 5)
        self.failureResultOf(answer, RequestTimedOut)


class CancellationTests(Case):
    def test_cancelling_cancels_what_is_below(self):
        cancelled: list[Deferred] = []
        answer = self.over(Deferred(cancelled.append))(Ask())
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(cancelled, self.answers)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_error_is_that_of_what_is_below(self):
        error = RequestCancelled(sent=False)
        answer = self.over(Deferred(lambda answer: answer.errback(error)))(Ask())
        answer.cancel()
        self.assertIs(self.failureResultOf(answer, RequestCancelled).value, error)

    def test_cancelling_what_does_not_end_fires_at_once_and_leaves_no_delayed_call(self):
        late: Deferred = Deferred()
        stubborn = Deferred().addErrback(lambda _: late)
        answer = self.over(stubborn)(Ask())
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        late.callback("late")

    def test_a_response_to_being_cancelled_is_a_response(self):
        answer = self.over(Deferred(lambda answer: answer.callback("just in time")))(Ask())
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "just in time")

    def test_cancelling_after_the_time_is_up_does_nothing(self):
        cancelled: list[Deferred] = []
        answer = self.over(Deferred(cancelled.append))(Ask())
        self.clock.advance(5)
        answer.cancel()
        self.failureResultOf(answer, RequestTimedOut)
        self.assertEqual(len(cancelled), 1)

    def test_cancelling_after_the_answer_does_nothing(self):
        answer = self.over(Deferred())(Ask())
        self.answers[0].callback("answer")
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "answer")


class ExemptionTests(Case):
    def test_a_request_that_waits_has_all_the_time_it_wants(self):
        answer = self.over(Deferred())(Ask(long_poll=True))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1_000_000)
        self.assertNoResult(answer)
        self.answers[0].callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_a_request_that_does_not_say_is_bounded(self):
        answer = self.over(Deferred())("any request")
        self.clock.advance(5)
        self.failureResultOf(answer, RequestTimedOut)

    def test_the_exemption_is_the_users_to_choose(self):
        service = self.over(Deferred(), Deferred(), unless=lambda request: request == "slow")
        slow, wait = service("slow"), service(Ask(long_poll=True))
        self.clock.advance(5)
        self.assertNoResult(slow)
        self.failureResultOf(wait, RequestTimedOut)

    def test_an_exemption_that_raises_fails_the_request_and_asks_nothing(self):
        asked: list = []
        failing: Timeout = Timeout(5, self.clock, unless=lambda request: request.missing)
        service = failing >> Service.mk(asked.append)
        self.failureResultOf(service(Ask()), AttributeError)
        self.assertEqual(asked, [])


class ErrorTests(Case):
    def expired(self, cause: Exception) -> Any:
        answer = self.over(Deferred(lambda answer: answer.errback(cause)))(Ask())
        self.clock.advance(5)
        return self.failureResultOf(answer, RequestTimedOut).value

    def test_it_says_whether_the_request_may_have_been_carried_out(self):
        for cause, expected in [
            (RequestCancelled(sent=False), False),
            (RequestCancelled(sent=True), True),
            (NotSent("refused"), False),
            (ReplyLost("reset"), True),
            (RequestTimedOut(1, None, False), False),
            (CancelledError(), True),
            (ValueError("who knows"), True),
        ]:
            self.assertIs(self.expired(cause).possibly_applied, expected, cause)

    def test_it_knows_the_operation_the_endpoint_and_the_reasons_that_its_cause_knows(self):
        cause = RequestCancelled()
        cause.locate("get /a", "http://127.0.0.1:2379")
        cause.reasons = (NotSent("refused"),)
        error = self.expired(cause)
        self.assertEqual(
            str(error), "no reply within 5 s; last: refused [get /a at http://127.0.0.1:2379]"
        )
        self.assertEqual(error.reasons, cause.reasons)
        self.assertIs(error.__cause__, cause)

    def test_a_request_may_be_tried_again(self):
        self.assertTrue(self.expired(CancelledError()).retryable)


class ArgumentTests(Case):
    def test_the_time_must_be_more_than_0_and_is_named(self):
        for wrong in (0, -1, 0.0, -0.0, math.nan, -math.inf):
            error = self.assertRaises(ValueError, Timeout, wrong, self.clock)
            self.assertIn(f"not {wrong!r}", str(error))

    def test_the_least_time_there_is_is_a_time(self):
        answer = self.over(Deferred(), seconds=5e-324)(Ask())
        self.assertNoResult(answer)
        self.clock.advance(0.001)
        self.failureResultOf(answer, RequestTimedOut)

    def test_the_repr_shows_the_time(self):
        self.assertEqual(repr(Timeout(2.5, self.clock)), "Timeout(2.5)")

    def test_close_and_status_reach_through(self):
        self.assertIs(self.over().status, Status.OPEN)
        self.successResultOf(self.over().close())
