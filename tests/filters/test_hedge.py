"""Hedge: when a second copy is sent, which of the two is the outcome, and what becomes of both."""

from __future__ import annotations

import gc
import random
import weakref
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Filter, KeyNotFound, NotSent, ReplyLost, Service, Status
from txetcd import TestFailed as ComparisonFailed
from txetcd.errors import RequestCancelled, RequestTimedOut, ServiceClosed
from txetcd.filters import RetryBudget, Timeout
from txetcd.filters.hedge import Hedge
from txetcd.http import Request, Response
from txetcd.http.response_class import classify_response
from txetcd.inflight import InFlight
from txetcd.model import Get, Set

READ, WRITE, WAIT = Get("/a"), Set("/a", b"1"), Get("/a", wait=True)

quick = settings(deadline=None, max_examples=100)


@attrs.frozen
class Odd:
    """A request that does not say what it is."""


class Below(Service):
    """Keeps what it is asked, and gives Deferreds that the test fires."""

    def __init__(self):
        self.asked: list[Any] = []
        self.answers: list[Deferred] = []
        self.cancelled: list[int] = []

    def apply(self, request):
        n = len(self.answers)
        self.asked.append(request)
        self.answers.append(Deferred(lambda _: self.cancelled.append(n)))
        return self.answers[-1]


def in_turn(*answers: Deferred) -> Service:
    """A service that gives these, one after the other."""
    left = iter(answers)
    return Service.mk(lambda request: next(left))


def fails_with(error: BaseException, deferred: Deferred) -> None:
    deferred.errback(error)


def instead(other: Deferred, failure: Failure) -> Deferred:
    return other


def always(request) -> bool:
    return True


class Case(SynchronousTestCase):
    """A copy is sent after a second: the minimum is as long as the maximum."""

    def setUp(self):
        self.clock = Clock()
        self.below = Below()

    def tearDown(self):
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def hedge(self, **options) -> Hedge:
        options = {"minimum": 1, "maximum": 1, "samples": 1, **options}
        options.setdefault("budget", RetryBudget(self.clock, min_per_second=100))
        return Hedge(self.clock, **options)

    def over(self, below: Service | None = None, **options) -> Service:
        """A Hedge that knows enough to send a copy, over a service."""
        hedge = self.hedge(**options)
        self.successResultOf((hedge >> Service.mk(lambda request: "answer"))(READ))
        self.filter = hedge
        return hedge >> (below or self.below)

    def slow(self, request=READ, **options) -> Deferred:
        """A request of which two copies are under way."""
        answer = self.over(**options)(request)
        self.clock.advance(1)
        self.assertEqual(len(self.below.answers), 2)
        return answer


class SendingTests(Case):
    def test_an_answer_in_time_needs_no_copy(self):
        answer = self.over()(READ)
        self.clock.advance(0.99)
        self.below.answers[0].callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(10)
        self.assertEqual(len(self.below.asked), 1)

    def test_a_copy_is_sent_when_the_delay_has_passed_and_not_before(self):
        answer = self.over()(READ)
        self.clock.advance(0.99)
        self.assertEqual(self.below.asked, [READ])
        self.clock.advance(0.01)
        self.assertEqual(self.below.asked, [READ, READ])
        self.assertNoResult(answer)
        self.below.answers[0].callback("answer")
        self.successResultOf(answer)

    def test_there_is_no_third_copy(self):
        answer = self.slow()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(100)
        self.assertEqual(len(self.below.asked), 2)
        answer.cancel()
        self.failureResultOf(answer)

    def test_an_answer_at_once_needs_no_delayed_call(self):
        hedged = self.over(Service.mk(lambda request: request))
        self.assertIs(self.successResultOf(hedged(READ)), READ)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_writes_and_waits_and_what_does_not_say_pass_by(self):
        hedged = self.over()
        for n, request in enumerate((WRITE, WAIT, Odd(), None)):
            answer = hedged(request)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertIs(answer, self.below.answers[n])

    def test_which_requests_may_be_sent_twice_can_be_chosen(self):
        hedged = self.over(only=lambda request: request in (READ, "twice"))
        hedged("once")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        answer = hedged("twice")
        self.clock.advance(1)
        self.assertEqual(self.below.asked, ["once", "twice", "twice"])
        answer.cancel()
        self.failureResultOf(answer)

    def test_an_error_of_the_choice_is_the_outcome_and_nothing_is_sent(self):
        def fails(request):
            raise ZeroDivisionError

        hedged: Service = self.hedge(only=fails) >> self.below
        self.failureResultOf(hedged(READ), ZeroDivisionError)
        self.assertEqual(self.below.asked, [])

    def test_it_counts_the_copies_that_were_sent_and_that_won(self):
        hedged = self.over()
        self.assertEqual((self.filter.sent, self.filter.won), (0, 0))
        for winner in (0, 3, 4):
            answer = hedged(READ)
            self.clock.advance(1)
            self.below.answers[winner].callback("answer")
            self.successResultOf(answer)
        self.assertEqual((self.filter.sent, self.filter.won), (3, 1))


class WinningTests(Case):
    def test_the_first_answer_wins_and_the_other_copy_is_cancelled(self):
        for winner, loser in ((0, 1), (1, 0)):
            self.below = Below()
            answer = self.slow()
            self.below.answers[winner].callback("the winner")
            self.assertEqual(self.successResultOf(answer), "the winner")
            self.assertEqual(self.below.cancelled, [loser])

    def test_the_loser_is_cancelled_before_the_outcome_is_told(self):
        answer = self.slow()
        told: list = []
        answer.addCallback(lambda _: told.extend(self.below.cancelled))
        self.below.answers[1].callback("answer")
        self.assertEqual(told, [0])

    def test_an_answer_that_is_none_is_an_answer(self):
        answer = self.slow()
        self.below.answers[1].callback(None)
        self.assertIsNone(self.successResultOf(answer))

    def test_that_a_key_does_not_exist_is_an_answer(self):
        answer = self.slow()
        error = KeyNotFound(100)
        self.below.answers[1].errback(error)
        self.assertIs(self.failureResultOf(answer).value, error)
        self.assertEqual((self.below.cancelled, error.reasons), ([0], ()))
        self.assertFalse(error.possibly_applied)

    def test_a_copy_that_answers_at_once_wins(self):
        cancelled: list = []
        answer = self.over(in_turn(Deferred(cancelled.append), succeed("at once")))(READ)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(answer), "at once")
        self.assertEqual(len(cancelled), 1)

    def test_what_a_loser_says_late_is_dropped(self):
        for end in (
            lambda late: late.callback("late"),
            lambda late: late.errback(ReplyLost("late")),
        ):
            late: Deferred = Deferred()
            stubborn: Deferred = Deferred()
            # It does not end when it is cancelled, but waits for something else.
            stubborn.addErrback(partial(instead, late))
            answer = self.over(in_turn(stubborn, succeed("answer")))(READ)
            self.clock.advance(1)
            self.assertEqual(self.successResultOf(answer), "answer")
            end(late)
            self.assertIsNone(self.successResultOf(stubborn))

    def test_both_may_answer_in_the_same_turn(self):
        answer = self.slow()
        first, second = self.below.answers
        first.addCallback(lambda result: result)
        answer.addCallback(lambda result: (second.called, result))
        first.callback("first")
        self.assertEqual(self.successResultOf(answer), (True, "first"))


class FailingTests(Case):
    def test_a_failure_before_there_is_a_copy_passes_on_at_once(self):
        error = NotSent("refused")
        answer = self.over()(READ)
        self.below.answers[0].errback(error)
        self.assertIs(self.failureResultOf(answer, NotSent).value, error)
        self.assertEqual((error.reasons, error.possibly_applied), ((), False))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_failure_or_an_exception_at_once_passes_on(self):
        def raises(request):
            raise ValueError("a bug")

        for below in (Service.mk(lambda _: fail(ValueError("a bug"))), Service.mk(raises)):
            self.failureResultOf(self.over(below)(READ), ValueError)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_failure_of_one_copy_waits_for_the_other(self):
        for failed, other in ((0, 1), (1, 0)):
            self.below = Below()
            answer = self.slow()
            self.below.answers[failed].errback(NotSent("refused"))
            self.assertNoResult(answer)
            self.assertEqual(self.below.cancelled, [])
            self.below.answers[other].callback("answer")
            self.assertEqual(self.successResultOf(answer), "answer")

    def test_a_copy_that_fails_at_once_waits_for_the_first(self):
        first: Deferred = Deferred()
        answer = self.over(in_turn(first, fail(NotSent("refused"))))(READ)
        self.clock.advance(1)
        self.assertNoResult(answer)
        first.callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_if_both_fail_the_outcome_is_that_of_the_first_with_the_other_as_a_reason(self):
        for order in ((0, 1), (1, 0)):
            self.below = Below()
            errors = [NotSent("first"), RequestTimedOut(5, possibly_applied=False)]
            errors[1].reasons = (earlier := NotSent("earlier"),)
            answer = self.slow()
            for n in order:
                self.below.answers[n].errback(errors[n])
            error = self.failureResultOf(answer, NotSent).value
            self.assertIs(error, errors[0])
            self.assertEqual(error.reasons, (earlier, errors[1]))
            self.assertFalse(error.possibly_applied)
            self.assertEqual(self.below.cancelled, [])

    def test_one_and_the_same_error_of_both_is_no_reason_of_itself(self):
        answer = self.slow()
        error = NotSent()
        for each in self.below.answers:
            each.errback(error)
        self.assertIs(self.failureResultOf(answer).value, error)
        self.assertEqual(error.reasons, ())

    def test_an_error_that_is_not_ours_passes_unchanged(self):
        answer = self.slow()
        error = ValueError("a bug")
        self.below.answers[0].errback(error)
        self.below.answers[1].errback(NotSent())
        self.assertIs(self.failureResultOf(answer, ValueError).value, error)
        self.assertEqual(vars(error), {})

    def test_a_copy_that_was_cancelled_by_another_is_no_answer(self):
        for error in (CancelledError(), ServiceClosed()):
            self.below = Below()
            answer = self.slow()
            self.below.answers[1].errback(error)
            self.assertNoResult(answer)
            self.below.answers[0].callback("answer")
            self.assertEqual(self.successResultOf(answer), "answer")


class ClassifierTests(Case):
    """What is an answer is for the classifier to say."""

    def test_a_response_that_is_a_failure_waits_for_the_other_copy(self):
        answer = self.slow(Request("GET", "/"), classifier=classify_response)
        self.below.answers[1].callback(Response(503))
        self.assertNoResult(answer)
        self.below.answers[0].callback(Response(200))
        self.assertEqual(self.successResultOf(answer).status, 200)

    def test_of_two_responses_that_are_failures_the_first_copys_is_the_outcome(self):
        answer = self.slow(Request("GET", "/"), classifier=classify_response)
        self.below.answers[1].callback(Response(503))
        self.below.answers[0].callback(Response(502))
        self.assertEqual(self.successResultOf(answer).status, 502)

    def test_an_error_beside_a_response_that_is_a_failure_may_have_been_carried_out(self):
        answer = self.slow(Request("GET", "/"), classifier=classify_response)
        self.below.answers[1].callback(Response(503))
        self.below.answers[0].errback(NotSent())
        error = self.failureResultOf(answer, NotSent).value
        self.assertEqual((error.reasons, error.possibly_applied), ((), True))

    def test_an_error_of_its_own_is_a_failure_of_the_copy(self):
        def classifier(request, outcome):
            if outcome == "odd":
                raise ZeroDivisionError
            return classify_response(request, outcome)

        answer = self.slow(classifier=classifier)
        self.below.answers[1].callback("odd")
        self.below.answers[0].callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")
        self.below = Below()
        answer = self.over(classifier=classifier)(READ)
        self.below.answers[0].callback("odd")
        self.failureResultOf(answer, ZeroDivisionError)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WriteTests(Case):
    """Writes that the user lets be sent twice."""

    def outcome(self, first: Any, second: Any, order=(0, 1)) -> Any:
        self.below = Below()
        answer = self.slow(WRITE, only=always)
        for n in order:
            if not self.below.answers[n].called:
                self.below.answers[n].callback((first, second)[n])
        results: list = []
        answer.addBoth(results.append)
        [result] = results
        return result.value if isinstance(result, Failure) else result

    def test_an_answer_of_either_is_the_outcome(self):
        for order in ((0, 1), (1, 0)):
            self.assertEqual(self.outcome("done", Failure(ReplyLost()), order), "done")
            self.assertEqual(self.outcome(Failure(ReplyLost()), "done", order), "done")

    def test_a_refusal_may_be_due_to_the_other_copy_and_waits_for_it(self):
        for order in ((0, 1), (1, 0)):
            refused = Failure(ComparisonFailed(101))
            self.assertEqual(self.outcome("done", refused, order), "done")
            self.assertEqual(self.outcome(refused, "done", order), "done")

    def test_an_error_says_whether_either_may_have_been_carried_out(self):
        for order in ((0, 1), (1, 0)):
            for first, second, expected in (
                (NotSent(), NotSent(), False),
                (NotSent(), ReplyLost(), True),
                (ReplyLost(), NotSent(), True),
                (ComparisonFailed(101), NotSent(), False),
                (ComparisonFailed(101), ReplyLost(), True),
                (NotSent(), ValueError("who knows"), True),
            ):
                error = self.outcome(Failure(first), Failure(second), order)
                self.assertIs(error, first)
                self.assertIs(error.possibly_applied, expected)


class CancellationTests(Case):
    def test_cancelling_before_there_is_a_copy_cancels_the_request_and_the_delay(self):
        answer = self.over()(READ)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.below.cancelled, [0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_error_of_the_only_copy_passes_on(self):
        error = RequestCancelled(sent=False)
        answer = self.over(in_turn(Deferred(partial(fails_with, error))))(READ)
        answer.cancel()
        self.assertIs(self.failureResultOf(answer).value, error)
        self.assertFalse(error.possibly_applied)

    def test_cancelling_cancels_both_copies(self):
        answer = self.slow()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.below.cancelled, [0, 1])

    def test_the_error_says_whether_either_may_have_been_carried_out(self):
        for sent in ((False, False), (True, False), (False, True)):
            ends = [RequestCancelled(sent=each) for each in sent]
            copies: list[Deferred] = [Deferred(partial(fails_with, end)) for end in ends]
            answer = self.over(in_turn(*copies))(READ)
            self.clock.advance(1)
            answer.cancel()
            error = self.failureResultOf(answer, RequestCancelled).value
            self.assertIs(error.possibly_applied, any(sent))

    def test_what_failed_before_is_a_reason_and_the_error_is_a_cancellation(self):
        for failed in (0, 1):
            self.below = Below()
            answer = self.slow()
            error = NotSent("refused")
            self.below.answers[failed].errback(error)
            answer.cancel()
            cancelled = self.failureResultOf(answer, CancelledError).value
            self.assertEqual(cancelled.reasons, (error,))
            self.assertEqual(self.below.cancelled, [1 - failed])

    def test_a_copy_that_answers_when_cancelled_is_the_answer(self):
        quick: Deferred = Deferred(lambda each: each.callback("in time"))
        answer = self.over(in_turn(quick, Deferred()))(READ)
        self.clock.advance(1)
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "in time")

    def test_copies_that_do_not_end_when_cancelled_are_left_behind(self):
        for count in (1, 2):
            late: list[Deferred] = []
            cancels: list[Any] = []

            def stubborn(request, late=late, cancels=cancels):
                late.append(Deferred(cancels.append))
                waiting: Deferred = Deferred()
                return waiting.addErrback(partial(instead, late[-1]))

            answer = self.over(Service.mk(stubborn))(READ)
            self.clock.advance(count - 1)
            answer.cancel()
            error = self.failureResultOf(answer, RequestCancelled).value
            self.assertTrue(error.possibly_applied)
            self.assertEqual(len(late), count)
            # Cancelled once, they are left to end as they will.
            self.assertEqual(cancels, [])
            late[0].callback("late")
            for each in late[1:]:
                each.errback(ReplyLost("late"))

    def test_cancelling_after_the_outcome_does_nothing(self):
        answer = self.slow()
        self.below.answers[0].callback("answer")
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.below.cancelled, [1])

    def test_a_filter_above_that_gives_up_ends_both(self):
        bounded: Service = Timeout(3, self.clock) >> self.over()
        answer = bounded(READ)
        self.clock.advance(1)
        self.clock.advance(2)
        self.failureResultOf(answer, RequestTimedOut)
        self.assertEqual(self.below.cancelled, [0, 1])


class ReentrancyTests(Case):
    """The service below may do anything while it is asked."""

    def meddled(self, meddle) -> tuple[Deferred, Deferred]:
        """The answer, and the second copy; ``meddle`` is called while that is asked for."""
        second: Deferred = Deferred(lambda _: self.below.cancelled.append(1))

        def below(request):
            if not self.below.answers:
                return self.below(request)
            meddle()
            return second

        answer = self.answer = self.over(Service.mk(below))(READ)
        self.clock.advance(1)
        return answer, second

    def test_the_first_may_answer_while_the_copy_is_asked_for(self):
        answer, _ = self.meddled(lambda: self.below.answers[0].callback("answer"))
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.below.cancelled, [1])

    def test_the_first_may_fail_while_the_copy_is_asked_for(self):
        answer, second = self.meddled(lambda: self.below.answers[0].errback(NotSent()))
        self.assertNoResult(answer)
        second.callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_the_caller_may_cancel_while_the_copy_is_asked_for(self):
        def cancel():
            self.answer.cancel()

        answer, _ = self.meddled(cancel)
        error = self.failureResultOf(answer, RequestCancelled).value
        self.assertTrue(error.possibly_applied)
        self.assertEqual(self.below.cancelled, [0, 1])

    def test_the_caller_may_cancel_while_the_loser_is_cancelled(self):
        answer = self.slow()
        self.below.answers[0]._canceller = lambda _: answer.cancel()
        self.below.answers[1].callback("answer")
        self.failureResultOf(answer, CancelledError)
        self.below.answers.clear()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_request_may_be_made_in_the_callback_of_another(self):
        hedged = self.over()
        answer = hedged(READ)
        answer.addCallback(lambda _: hedged(READ))
        self.below.answers[0].callback("first")
        self.clock.advance(1)
        self.below.answers[2].callback("second")
        self.assertEqual(self.successResultOf(answer), "second")
        self.assertEqual(self.below.cancelled, [1])


class ContextTests(Case):
    def test_the_copy_runs_in_the_callers_context(self):
        caller: ContextVar[str] = ContextVar("caller", default="nobody")
        seen: list[str] = []

        def below(request):
            seen.append(caller.get())
            return Deferred()

        context = copy_context()
        context.run(caller.set, "ada")
        answer = context.run(self.over(Service.mk(below)), READ)
        self.clock.advance(1)
        self.assertEqual(seen, ["ada", "ada"])
        answer.cancel()
        self.failureResultOf(answer)


class BudgetTests(Case):
    def test_without_budget_the_first_copy_is_waited_for(self):
        answer = self.over(budget=RetryBudget(self.clock, min_per_second=0, ratio=0))(READ)
        self.clock.advance(100)
        self.assertEqual((len(self.below.asked), self.filter.sent), (1, 0))
        self.below.answers[0].callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_only_what_may_be_sent_twice_fills_it_and_only_a_copy_empties_it(self):
        budget = RetryBudget(self.clock, min_per_second=0, ratio=0.5)
        hedged = self.over(budget=budget)
        self.assertEqual(budget.balance, 0.5)
        hedged(WRITE)
        self.assertEqual(budget.balance, 0.5)
        answer = hedged(READ)
        self.assertEqual(budget.balance, 1)
        self.clock.advance(1)
        self.assertEqual((len(self.below.asked), budget.balance), (3, 0))
        answer.cancel()
        self.failureResultOf(answer)

    def test_one_of_its_own_allows_a_copy_for_ten_requests_and_one_in_ten_seconds(self):
        hedge = self.hedge(budget=None)
        (hedge >> Service.mk(lambda request: "answer"))(READ)
        hedged: Service = hedge >> self.below
        answers = [hedged(READ) for _ in range(199)]
        self.clock.advance(1)
        self.assertEqual(hedge.sent, 200 / 10 + 1)
        for answer in answers:
            answer.cancel()
            self.failureResultOf(answer)


class DelayTests(Case):
    """How the delay follows from the times that requests took."""

    def after(self, *seconds: float, **options) -> Hedge:
        """A Hedge that has seen answers come after these times."""
        hedge = self.hedge(**{"minimum": 0, "maximum": 1000, **options})
        below = Below()
        for n, each in enumerate(seconds):
            answer = (hedge >> below)(READ)
            # What is not in time is not to be mistaken for the answer of a copy.
            hedge._samples, samples = 10**9, hedge._samples
            self.clock.advance(each)
            hedge._samples = samples
            below.answers[n].callback("answer")
            self.successResultOf(answer)
        return hedge

    def assertDelay(self, hedge: Hedge, expected: float) -> None:
        self.assertIsNotNone(hedge.delay)
        self.assertLess(abs((hedge.delay or 0) / expected - 1), 0.051)

    def test_it_is_the_quantile_of_the_times_seen(self):
        draw = random.Random(7)
        seconds = [draw.uniform(0.01, 0.1) for _ in range(99)]
        for quantile, rank in ((0.5, 50), (0.9, 90), (0.95, 95)):
            hedge = self.after(*seconds, quantile=quantile, samples=200)
            self.assertIsNone(hedge.delay)
            hedge._samples = 99
            self.assertDelay(hedge, sorted(seconds)[rank - 1])

    def test_before_there_are_samples_enough_no_copy_is_sent(self):
        hedge = self.hedge(samples=3)
        for _ in range(2):
            self.successResultOf((hedge >> Service.mk(str))(READ))
        self.assertIsNone(hedge.delay)
        answer = (hedge >> self.below)(READ)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.below.answers[0].callback("answer")
        self.successResultOf(answer)
        self.assertEqual(hedge.delay, 1)

    def test_it_lies_between_the_minimum_and_the_maximum(self):
        self.assertEqual(self.after(0.001, minimum=0.02).delay, 0.02)
        self.assertEqual(self.after(5, maximum=2).delay, 2)
        self.assertDelay(self.after(0.1, minimum=0.02, maximum=2), 0.1)

    def test_times_older_than_the_window_do_not_count(self):
        hedge = self.after(0.1, window=10)
        self.clock.advance(10)
        self.assertIsNone(hedge.delay)

    def test_the_defaults_are_as_documented(self):
        hedge: Hedge = Hedge(self.clock)
        below: Service = hedge >> Service.mk(lambda request: "answer")
        for _ in range(99):
            below(READ)
        self.assertIsNone(hedge.delay)
        below(READ)
        self.assertEqual(hedge.delay, 0.001)
        self.clock.advance(30)
        self.assertIsNone(hedge.delay)
        self.assertEqual(hedge._maximum, 1.0)


class RecordingTests(Case):
    """Whose time counts."""

    def recorded(self) -> int:
        # One answer came before the test began.
        return len(self.filter._latencies) - 1

    def test_an_answer_counts_whether_in_time_or_not(self):
        hedged = self.over(budget=RetryBudget(self.clock, min_per_second=0, ratio=0))
        for n, seconds in enumerate((0.5, 3)):
            answer = hedged(READ)
            self.clock.advance(seconds)
            self.below.answers[n].callback("answer")
            self.successResultOf(answer)
            self.assertEqual(self.recorded(), n + 1)

    def test_a_failure_in_time_does_not_count(self):
        answer = self.over()(READ)
        self.clock.advance(0.5)
        self.below.answers[0].errback(NotSent())
        self.failureResultOf(answer)
        self.assertEqual(self.recorded(), 0)

    def test_a_request_that_is_cancelled_in_time_does_not_count(self):
        answer = self.over()(READ)
        self.clock.advance(0.5)
        answer.cancel()
        self.failureResultOf(answer)
        self.assertEqual(self.recorded(), 0)

    def test_a_first_copy_that_lost_counts_with_the_time_it_had_taken(self):
        self.slow(window=1000, quantile=0.99)
        self.clock.advance(4)
        self.below.answers[1].callback("answer")
        self.assertEqual(self.recorded(), 1)
        self.assertLess(abs((self.filter._latencies.quantile or 0) / 5 - 1), 0.051)

    def test_a_first_copy_that_failed_after_the_delay_counts(self):
        answer = self.slow()
        self.below.answers[0].errback(NotSent())
        self.assertEqual(self.recorded(), 1)
        self.below.answers[1].callback("answer")
        self.successResultOf(answer)

    def test_a_request_that_is_cancelled_after_the_delay_counts(self):
        answer = self.slow()
        answer.cancel()
        self.failureResultOf(answer)
        self.assertEqual(self.recorded(), 1)

    def test_the_second_copy_does_not_count(self):
        self.slow()
        self.below.answers[1].errback(NotSent())
        self.assertEqual(self.recorded(), 0)
        self.below.answers[0].callback("answer")
        self.assertEqual(self.recorded(), 1)

    def test_what_may_not_be_sent_twice_does_not_count(self):
        self.over(Service.mk(lambda request: "answer"))(WRITE)
        self.assertEqual(self.recorded(), 0)

    def test_the_share_of_copies_stays_where_the_quantile_says(self):
        """Without the times of the copies that lost, more and more would be sent."""
        clock, draw = Clock(), random.Random(3)
        hedge: Hedge = Hedge(
            clock, quantile=0.9, budget=RetryBudget(clock, ratio=1), minimum=0, maximum=100
        )

        def below(request):
            answer: Deferred = Deferred(lambda _: call.cancel())  # type: ignore[misc]
            call = clock.callLater(draw.expovariate(1), answer.callback, "answer")
            return answer

        hedged: Service = hedge >> Service.mk(below)
        count = 4000
        for _ in range(count):
            hedged(READ)
            clock.advance(0.05)
        while clock.getDelayedCalls():
            clock.advance(0.05)
        # Three standard deviations of a count of independent chances are 0.014; the delay,
        # which may be off by 5 %, adds as much.
        self.assertLess(abs(hedge.sent / count - 0.1), 0.03)
        # With these times, a copy that has waited is no nearer to its answer than a new one.
        self.assertLess(abs(hedge.won / hedge.sent - 0.5), 0.1)


class LawTests(SynchronousTestCase):
    @quick
    @given(
        st.lists(
            st.tuples(st.sampled_from(["answer", "fail", "cancel"]), st.integers(0, 1)),
            max_size=4,
        ),
        st.booleans(),
    )
    def test_in_whatever_order_things_end_there_is_one_outcome_and_nothing_is_left(
        self, steps, with_copy
    ):
        clock, below = Clock(), Below()
        hedge: Hedge = Hedge(clock, minimum=1, maximum=1, samples=1)
        (hedge >> Service.mk(lambda request: "answer"))(READ)
        outcomes: list = []
        answer = (hedge >> below)(READ)
        answer.addBoth(outcomes.append)
        if with_copy:
            clock.advance(1)
        for what, n in steps:
            copy = below.answers[n] if n < len(below.answers) else None
            if what == "cancel":
                answer.cancel()
            elif copy is not None and not copy.called:
                copy.callback("answer" if what == "answer" else Failure(NotSent()))
        answer.cancel()
        self.assertEqual(len(outcomes), 1)
        self.assertTrue(all(each.called for each in below.answers))
        self.assertEqual(clock.getDelayedCalls(), [])
        if ("answer", 0) in steps[:1]:
            self.assertEqual(outcomes, ["answer"])


class CompositionTests(Case):
    def test_closing_and_the_status_are_those_of_the_service_below(self):
        class Closable(Service):
            closed = False
            status = Status.BUSY

            def close(self):
                self.closed = True
                return succeed(None)

        below = Closable()
        hedged = self.hedge() >> below
        self.assertEqual(hedged.status, Status.BUSY)
        self.successResultOf(hedged.close())
        self.assertTrue(below.closed)

    def test_closing_what_is_below_ends_both_copies(self):
        under_way: InFlight = InFlight()
        begin = partial(under_way.add, Deferred)
        answer = self.over(Service.mk(lambda request: begin()))(READ)
        self.clock.advance(1)
        self.successResultOf(under_way.close())
        self.failureResultOf(answer, ServiceClosed)
        self.assertEqual(len(under_way), 0)

    def test_one_filter_may_stand_in_several_places(self):
        hedge = self.hedge()
        one: Service = hedge >> Service.mk(lambda request: "one")
        self.successResultOf(one(READ))
        answer = (hedge >> self.below)(READ)
        self.clock.advance(1)
        self.assertEqual(len(self.below.asked), 2)
        answer.cancel()
        self.failureResultOf(answer)

    def test_it_keeps_nothing_of_a_request_that_has_ended(self):
        class Reply:
            pass

        hedged = self.over(Service.mk(lambda request: Reply()))
        reply = weakref.ref(self.successResultOf(hedged(READ)))
        gc.collect()
        self.assertIsNone(reply())

    def test_it_composes_as_any_filter(self):
        hedge = self.hedge()
        self.assertIs(Filter.identity >> hedge, hedge)
        self.assertEqual(repr(hedge >> Below()), "Hedge(quantile=0.95) >> Below()")

    def test_bad_arguments_are_errors(self):
        for options in (
            {"quantile": 0},
            {"quantile": 1},
            {"quantile": 95},
            {"minimum": -1},
            {"minimum": float("nan")},
            {"minimum": 2, "maximum": 1},
            {"samples": 0},
            {"window": 0},
        ):
            error = self.assertRaises(ValueError, Hedge, self.clock, **options)
            self.assertIn("not ", str(error))
            self.assertIn(next(iter(options)), str(error))
