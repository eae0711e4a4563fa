"""Timeout: when it fires, what it says, and what it leaves behind (nothing)."""

from __future__ import annotations

import gc
import math
import weakref
from functools import partial
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
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


class Below(Service):
    """Keeps what it was asked, with the Deferreds that it gave."""

    def __init__(self):
        self.given: list[Deferred] = []

    def apply(self, request):
        self.given.append(Deferred())
        return self.given[-1]


class SharedCallTests(Case):
    """Requests under way at a time share one delayed call."""

    def setUp(self):
        super().setUp()
        self.below = Below()
        self.service: Service = Timeout(5, self.clock) >> self.below

    def begin(self, *times: float) -> list[Deferred]:
        """One request at each of these times."""
        asked = []
        for time in times:
            self.clock.advance(time - self.clock.seconds())
            asked.append(self.service(Ask()))
        return asked

    def begin_again(self, begun: list[Deferred], failure: object) -> None:
        begun.append(self.service(Ask()))

    def times_out_at(self, time: float, *asked: Deferred) -> None:
        """These time out at that time, not earlier, and not later."""
        self.clock.advance(time - 0.001 - self.clock.seconds())
        for each in asked:
            self.assertNoResult(each)
        self.clock.advance(time - self.clock.seconds())
        for each in asked:
            self.failureResultOf(each, RequestTimedOut)

    def test_there_is_one_while_something_is_under_way_and_none_otherwise(self):
        asked = self.begin(0, 1, 2)
        for n in (1, 0, 2):
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            self.below.given[n].callback(n)
            self.assertEqual(self.successResultOf(asked[n]), n)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_is_gone_before_the_last_outcome_is_told(self):
        for end in (lambda below: below.callback("answer"), lambda below: below.errback(NotSent())):
            (asked,) = self.begin(0)
            asked.addBoth(lambda _: list(self.clock.getDelayedCalls()))
            end(self.below.given[-1])
            self.assertEqual(self.successResultOf(asked), [])

    def test_whichever_is_answered_the_others_keep_their_time(self):
        for n in range(3):
            self.setUp()
            asked = self.begin(0, 1, 3)
            self.below.given[n].callback("answer")
            self.assertEqual(self.successResultOf(asked[n]), "answer")
            for time, each in zip((5, 6, 8), asked, strict=True):
                if each is not asked[n]:
                    self.times_out_at(time, each)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whichever_is_cancelled_the_others_keep_their_time(self):
        for n in range(3):
            self.setUp()
            asked = self.begin(0, 1, 3)
            asked[n].cancel()
            self.failureResultOf(asked[n], CancelledError)
            for time, each in zip((5, 6, 8), asked, strict=True):
                if each is not asked[n]:
                    self.times_out_at(time, each)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_time_that_passes_several_deadlines_ends_all_in_order(self):
        ended: list[int] = []
        asked = self.begin(0, 1, 2, 3)
        for n, each in enumerate(asked):
            each.addErrback(partial(_note, ended, n))
        self.clock.advance(4)
        self.assertEqual(ended, [0, 1, 2])
        self.times_out_at(8)
        self.assertEqual(ended, [0, 1, 2, 3])

    def test_requests_of_one_moment_time_out_together(self):
        asked = self.begin(1, 1, 1)
        self.times_out_at(6, *asked)

    def test_a_request_that_begins_as_another_times_out_has_its_own_time(self):
        for others in ((), (2,)):
            self.setUp()
            first, *rest = self.begin(0, *others)
            again: list[Deferred] = []
            first.addErrback(partial(self.begin_again, again))
            self.clock.advance(5 - self.clock.seconds())
            self.assertEqual(len(again), 1)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            for each in rest:
                self.times_out_at(7, each)
            self.times_out_at(10, *again)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_request_that_begins_as_the_last_is_answered_has_its_own_time(self):
        (first,) = self.begin(0)
        again = first.addCallback(lambda _: self.service(Ask()))
        self.clock.advance(3)
        self.below.given[0].callback("answer")
        self.times_out_at(8, again)

    def test_one_that_times_out_may_end_the_others_that_are_due(self):
        first, other = self.begin(0, 0)
        first.addErrback(lambda _: self.below.given[1].callback("answer"))
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(other), "answer")

    def test_one_that_times_out_may_cancel_the_others_that_are_due(self):
        first, other = self.begin(0, 0)
        first.addErrback(lambda _: other.cancel())
        self.clock.advance(5)
        self.failureResultOf(other, CancelledError)

    def test_a_failure_of_another_as_one_times_out_keeps_its_type(self):
        first, other = self.begin(0, 0)
        first.addErrback(lambda _: self.below.given[1].errback(ReplyLost("reset")))
        self.clock.advance(5)
        self.failureResultOf(other, ReplyLost)

    def test_a_request_that_ends_at_once_makes_no_delayed_call(self):
        service: Service = Timeout(5, self.clock) >> Service.mk(lambda answer: answer)
        waiting: Deferred = Deferred()
        asked = service(waiting)
        self.assertEqual(self.successResultOf(service("answer")), "answer")
        self.failureResultOf(service(fail(NotSent("refused"))), NotSent)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        waiting.callback(None)
        self.successResultOf(asked)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_bug_in_a_cancelling_keeps_none_of_the_others_from_timing_out(self):
        def raises(_):
            raise ZeroDivisionError

        self.service = self.over(Deferred(raises), Deferred(), Deferred())
        first, second, third = self.begin(0, 0, 1)
        self.assertRaises(ZeroDivisionError, self.clock.advance, 4)
        self.failureResultOf(first, RequestTimedOut)
        self.clock.advance(0)
        self.failureResultOf(second, RequestTimedOut)
        self.times_out_at(6, third)

    def test_the_cancelling_of_what_is_due_may_cancel_what_the_user_holds(self):
        asked: list[Deferred] = []
        self.service = self.over(Deferred(lambda _: asked[0].cancel()))
        asked += self.begin(0)
        self.clock.advance(5)
        self.failureResultOf(asked[0], CancelledError)

    def test_a_clock_that_is_set_back_delays_no_request_that_begins_then(self):
        (before,) = self.begin(1000)
        self.clock.rightNow = 10.0
        (after,) = self.begin(10)
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)
        self.times_out_at(15, after)
        self.times_out_at(1005, before)

    def test_after_it_was_set_back_nothing_is_left_either(self):
        asked = self.begin(1000)
        self.clock.rightNow = 10.0
        asked += self.begin(10)
        for below in self.below.given:
            below.callback("answer")
        self.assertEqual([self.successResultOf(each) for each in asked], ["answer"] * 2)

    def test_what_has_timed_out_is_not_kept(self):
        asked = weakref.ref(self.begin(0)[0].addErrback(lambda _: None))
        self.clock.advance(5)
        self.below.given.clear()
        gc.collect()
        self.assertIsNone(asked())

    def test_what_one_filter_bounds_in_two_stacks_shares_the_call_too(self):
        timeout: Timeout = Timeout(5, self.clock)
        one, other = timeout >> self.below, timeout >> self.below
        asked = [one(Ask()), other(Ask())]
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.times_out_at(5, *asked)


def _note(ended: list[int], n: int, failure: object) -> None:
    ended.append(n)


class AnyOrderTests(Case):
    """Whatever happens in whatever order, each request has its own time, to the bit."""

    GAPS = st.sampled_from([0, 0.1, 0.3, 0.7, 1, 2.5, 4.9, 5, 7])
    STEPS = st.tuples(GAPS, st.sampled_from(["begin", "begin", "answer", "cancel"]), st.integers(0))

    @settings(deadline=None, max_examples=200)
    @given(st.floats(0, 1e9), st.lists(STEPS, max_size=25))
    def test_each_ends_as_if_it_were_alone(self, start, steps):
        clock, below = Clock(), Below()
        clock.rightNow = start
        service: Service = Timeout(5, clock) >> below
        # What is under way: the Deferred, the one below, and when its time is up.
        open_: list[tuple[Deferred, Deferred, float]] = []
        for gap, step, which in steps:
            clock.advance(gap)
            due = [each for each in open_ if each[2] <= clock.seconds()]
            open_ = [each for each in open_ if each not in due]
            for asked, _, _ in due:
                self.failureResultOf(asked, RequestTimedOut)
            if step == "begin":
                asked = service(Ask())
                open_.append((asked, below.given[-1], clock.seconds() + 5))
            elif open_:
                asked, answer, _ = open_.pop(which % len(open_))
                asked.cancel() if step == "cancel" else answer.callback("answer")
                asked.addErrback(lambda failure: failure.trap(CancelledError))
                self.successResultOf(asked)
            for asked, _, _ in open_:
                self.assertNoResult(asked)
            self.assertEqual(len(clock.getDelayedCalls()), 1 if open_ else 0)
        for asked, _, _ in open_:
            asked.cancel()
            self.failureResultOf(asked, CancelledError)
        self.assertEqual(clock.getDelayedCalls(), [])


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

    def test_a_share_must_be_a_part_of_the_whole_and_is_named(self):
        for wrong in (0, -0.5, 1.01, math.nan, math.inf):
            error = self.assertRaises(ValueError, Timeout, 5, self.clock, share=wrong)
            self.assertEqual(
                str(error), f"share must be more than 0 and at most 1, not {wrong!r}"
            )

    def test_the_repr_shows_the_time_and_the_share(self):
        self.assertEqual(repr(Timeout(2.5, self.clock)), "Timeout(2.5)")
        self.assertEqual(repr(Timeout(2.5, self.clock, share=0.5)), "Timeout(2.5, share=0.5)")

    def test_close_and_status_reach_through(self):
        self.assertIs(self.over().status, Status.OPEN)
        self.successResultOf(self.over().close())
