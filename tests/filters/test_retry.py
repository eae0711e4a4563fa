"""Retry: what is sent again, when, how often; and what never is."""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    AmbiguousWrite,
    ApiError,
    Backoff,
    Filter,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Service,
)
from txetcd.errors import (
    LeaderElect,
    RaftInternal,
    RequestCancelled,
    UnexpectedResponse,
    WatchEnded,
)
from txetcd.filters import Retry, RetryBudget, Timeout, when_safe
from txetcd.filters.deadline import Deadline, deadline
from txetcd.filters.retry import REASONS_KEPT
from txetcd.filters.retry_policy import RetryPolicy
from txetcd.http import Headers, Request, Response
from txetcd.http.response_class import classify_response
from txetcd.model import Create, Delete, Get, Set
from txetcd.response_class import ResponseClass

READ, WRITE, WAIT = Get("/a"), Set("/a", b"1"), Get("/a", wait=True)


@attrs.frozen
class Odd:
    """A request that does not say what it is."""


class Scripted(Service):
    """Gives the outcomes of a list: a value, an error to fail with, or a Deferred."""

    def __init__(self, clock, outcomes):
        self.clock = clock
        self.outcomes = list(outcomes)
        self.asked_at: list[float] = []

    def apply(self, request):
        self.asked_at.append(self.clock.seconds())
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Deferred):
            return outcome
        return fail(outcome) if isinstance(outcome, Exception) else succeed(outcome)


def instead(other: Deferred, failure: Failure) -> Deferred:
    return other


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def tearDown(self):
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def over(self, *outcomes, backoff=(1, 2, 3), **options) -> Service:
        """A Retry with delays of 1, 2 and 3 seconds over a service with these outcomes."""
        self.below = Scripted(self.clock, outcomes)
        options.setdefault("backoff", Backoff.from_iterable(backoff))
        return Retry(self.clock, **options) >> self.below

    def run_out(self) -> None:
        """Let all delays pass."""
        while self.clock.getDelayedCalls():
            self.clock.advance(1)


class SchedulingTests(Case):
    def test_a_response_is_passed_on_at_once(self):
        self.assertEqual(self.successResultOf(self.over("answer")(READ)), "answer")
        self.assertEqual(self.below.asked_at, [0])

    def test_attempts_follow_the_schedule_until_one_succeeds(self):
        answer = self.over(NotSent(), ReplyLost(), "answer")(READ)
        self.clock.advance(0.99)
        self.assertEqual(self.below.asked_at, [0])
        self.clock.advance(0.01)
        self.clock.advance(1.99)
        self.assertNoResult(answer)
        self.clock.advance(0.01)
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.below.asked_at, [0, 1, 3])

    def test_the_delay_counts_from_when_the_attempt_has_failed(self):
        slow: Deferred = Deferred()
        answer = self.over(slow, "answer")(READ)
        self.clock.advance(10)
        slow.errback(NotSent())
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.below.asked_at, [0, 11])

    def test_when_the_schedule_has_ended_the_last_error_is_the_outcome(self):
        failures = [NotSent("1"), NotSent("2"), NotSent("3"), ReplyLost("4")]
        answer = self.over(*failures)(READ)
        self.run_out()
        error = self.failureResultOf(answer, ReplyLost).value
        self.assertIs(error, failures[3])
        self.assertEqual(error.reasons, tuple(failures[:3]))
        self.assertEqual(self.below.asked_at, [0, 1, 3, 6])

    def test_an_empty_schedule_makes_one_attempt(self):
        answer = self.over(NotSent("1"), backoff=[])(READ)
        self.assertEqual(self.failureResultOf(answer, NotSent).value.reasons, ())

    def test_each_request_begins_the_schedule_afresh(self):
        service = self.over(*[NotSent()] * 8)
        for _ in range(2):
            answer = service(READ)
            self.run_out()
            self.failureResultOf(answer, NotSent)
        self.assertEqual(self.below.asked_at, [0, 1, 3, 6, 6, 7, 9, 12])

    def test_a_schedule_is_begun_at_the_first_failure_and_once(self):
        begun: list[str] = []

        def schedule():
            begun.append("schedule")
            return iter([1.0, 2.0])

        self.below = Scripted(self.clock, ["good", NotSent(), NotSent(), "good"])
        service: Service = Retry(self.clock, backoff=Backoff(schedule, "of a test")) >> self.below
        self.successResultOf(service(READ))
        self.assertEqual(begun, [])
        answer = service(READ)
        self.run_out()
        self.successResultOf(answer)
        self.assertEqual(begun, ["schedule"])

    def test_a_delay_of_0_is_a_turn_of_the_clock(self):
        answer = self.over(NotSent(), "answer", backoff=[0])(READ)
        self.assertNoResult(answer)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_the_default_schedule_makes_five_attempts_within_two_seconds(self):
        self.below = Scripted(self.clock, [NotSent()] * 5)
        retry: Retry = Retry(self.clock)
        answer = (retry >> self.below)(READ)
        self.clock.pump([0.001] * 2000)
        self.failureResultOf(answer, NotSent)
        self.assertEqual(len(self.below.asked_at), 5)
        self.assertAlmostEqual(self.below.asked_at[1], 0.010, places=3)


class DefaultPolicyTests(Case):
    """What is sent again unless somebody says otherwise."""

    def attempts(self, request, error) -> int:
        answer = self.over(error, "answer")(request)
        self.run_out()
        answer.addErrback(lambda failure: self.assertIs(failure.value, error))
        self.successResultOf(answer)
        return len(self.below.asked_at)

    def test_a_read_is_sent_again_after_any_failure_that_may_pass(self):
        for error in (
            NotSent(),
            ReplyLost(),
            RequestTimedOut(1),
            UnexpectedResponse(502),
            RaftInternal(300),
            LeaderElect(301),
        ):
            self.assertEqual(self.attempts(READ, error), 2, error)

    def test_a_write_is_sent_again_only_if_it_was_never_sent(self):
        for write in (WRITE, Create("/a", b"1"), Delete("/a")):
            self.assertEqual(self.attempts(write, NotSent()), 2)
            self.assertEqual(self.attempts(write, RequestTimedOut(1, None, False)), 2)
            for error in (
                ReplyLost(),
                RequestTimedOut(1),
                UnexpectedResponse(502),
                RaftInternal(300),
                LeaderElect(301),
                AmbiguousWrite(write, ReplyLost()),
            ):
                self.assertEqual(self.attempts(write, error), 1, error)

    def test_a_request_that_does_not_say_is_taken_for_a_write(self):
        self.assertEqual(self.attempts(Odd(), NotSent()), 2)
        self.assertEqual(self.attempts(Odd(), ReplyLost()), 1)
        self.assertEqual(self.attempts(None, ReplyLost()), 1)

    def test_a_wait_is_sent_again_only_if_it_never_left(self):
        self.assertEqual(self.attempts(WAIT, NotSent()), 2)
        for error in (ReplyLost(), WatchEnded(), RequestTimedOut(1)):
            self.assertEqual(self.attempts(WAIT, error), 1)

    def test_a_failure_that_will_not_pass_is_final(self):
        for error in (
            ApiError(100),
            ApiError(101),
            UnexpectedResponse(200),
            ValueError("a bug"),
            RuntimeError("of the user's"),
        ):
            self.assertEqual(self.attempts(READ, error), 1, error)

    def test_a_response_of_any_kind_is_final(self):
        for response in (None, False, UnexpectedResponse):
            answer = self.over(response)(READ)
            self.assertIs(self.successResultOf(answer), response)

    def test_a_cancelled_request_is_never_sent_again_whatever_the_policy(self):
        for error in (CancelledError(), RequestCancelled(sent=False), RequestCancelled()):
            answer = self.over(error, policy=lambda request, outcome: True)(READ)
            self.assertIs(self.failureResultOf(answer, CancelledError).value, error)
            self.assertEqual(self.below.asked_at, [self.clock.seconds()])

    def test_it_is_a_function_of_its_own(self):
        self.assertTrue(when_safe(READ, Failure(ReplyLost())))
        self.assertFalse(when_safe(WRITE, Failure(ReplyLost())))
        self.assertFalse(when_safe(READ, "a response"))


class PolicyTests(Case):
    def test_it_sees_the_request_and_each_outcome(self):
        seen: list = []

        def policy(request, outcome):
            seen.append((request, outcome))
            return outcome != "good"

        answer = self.over("bad", "good", policy=policy)(WRITE)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(answer), "good")
        self.assertEqual(seen, [(WRITE, "bad"), (WRITE, "good")])

    def test_a_response_that_it_refuses_to_the_end_is_the_outcome(self):
        answer = self.over(*["bad"] * 4, policy=lambda request, outcome: True)(READ)
        self.run_out()
        self.assertEqual(self.successResultOf(answer), "bad")
        self.assertEqual(self.below.asked_at, [0, 1, 3, 6])

    def test_an_error_of_its_own_is_the_outcome_and_ends_the_attempts(self):
        def policy(request, outcome):
            raise ZeroDivisionError

        for outcome in ("answer", NotSent("refused")):
            self.failureResultOf(self.over(outcome, policy=policy)(READ), ZeroDivisionError)
            self.assertEqual(len(self.below.asked_at), 1)

    def test_an_error_of_its_own_in_a_later_attempt_is_the_outcome_too(self):
        def policy(request, outcome):
            if isinstance(outcome.value, ReplyLost):
                raise ZeroDivisionError
            return True

        answer = self.over(NotSent(), ReplyLost(), policy=policy)(READ)
        self.clock.advance(1)
        self.failureResultOf(answer, ZeroDivisionError)

    def test_a_bad_delay_in_the_schedule_is_the_outcome(self):
        answer = self.over(NotSent(), NotSent(), backoff=[1, -1])(READ)
        self.clock.advance(1)
        self.assertIn("not -1", str(self.failureResultOf(answer, ValueError).value))

    def test_it_may_send_again_what_the_default_would_not(self):
        def policy(request, outcome):
            return isinstance(outcome, Failure)

        answer = self.over(ReplyLost(), "answer", policy=policy)(WRITE)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_the_repr_shows_the_schedule_and_the_policy(self):
        retry: Retry = Retry(self.clock, backoff=Backoff.constant(1).take(2))
        self.assertEqual(repr(retry), "Retry(Backoff.constant(1.0).take(2), when_safe)")

    def test_a_policy_may_be_any_callable(self):
        class Never:
            def __call__(self, request, outcome):
                return False

            def __repr__(self):
                return "Never()"

        retry: Retry = Retry(self.clock, policy=Never(), backoff=Backoff.constant(1))
        self.assertEqual(repr(retry), "Retry(Backoff.constant(1.0), Never())")
        self.failureResultOf((retry >> Scripted(self.clock, [NotSent()]))(READ), NotSent)


class PolicyValueTests(Case):
    """Policies that are put together from parts, at work."""

    def test_a_limit_counts_the_retries_of_each_request_by_itself(self):
        policy = RetryPolicy.on(NotSent).limit(2)
        service = self.over(*[NotSent(str(n)) for n in range(6)], policy=policy)
        for _ in range(2):
            answer = service(READ)
            self.run_out()
            self.failureResultOf(answer, NotSent)
        self.assertEqual(self.below.asked_at, [0, 1, 3, 3, 4, 6])

    def test_each_part_of_a_union_counts_all_retries(self):
        policy = RetryPolicy.on(NotSent).limit(2) | RetryPolicy.on(ReplyLost).limit(3)
        last = NotSent("4")
        answer = self.over(NotSent("1"), ReplyLost("2"), ReplyLost("3"), last, policy=policy)(READ)
        self.run_out()
        self.assertIs(self.failureResultOf(answer, NotSent).value, last)

    def test_a_response_may_be_one_that_is_sent_again(self):
        retryable = RetryPolicy.on(ResponseClass.RETRYABLE, classifier=classify_response)
        for request, policy, expected in (
            (Request("GET", "/"), retryable.if_safe(), 200),
            (Request("PUT", "/"), retryable.if_safe(), 503),
            (Request("PUT", "/"), retryable, 200),
        ):
            answer = self.over(Response(503), Response(200), policy=policy)(request)
            self.run_out()
            self.assertEqual(self.successResultOf(answer).status, expected)

    def test_what_is_no_policy_is_an_error_at_once(self):
        for wrong in (None, NotSent, "when_safe"):
            self.assertRaises(TypeError, Retry, self.clock, policy=wrong)

    def test_the_repr_shows_how_it_was_written(self):
        retry: Retry = Retry(
            self.clock, policy=when_safe | RetryPolicy.on(ValueError).limit(1)
        )
        self.assertIn(", when_safe | RetryPolicy.on(ValueError).limit(1))", repr(retry))

    def test_a_plain_function_shows_its_name(self):
        def now_and_then(request, outcome):
            return False

        self.assertIn(", now_and_then)", repr(Retry(self.clock, policy=now_and_then)))


class WishTests(Case):
    """A server may say how long it wishes to be left alone."""

    def wishing(self, *wishes: Any, backoff=(1, 2, 3), **options: Any) -> Any:
        """The answer to a request whose attempts end in these wishes, and then well."""
        outcomes = [Response(503, Headers({"Retry-After": str(wish)})) for wish in wishes]
        retryable = RetryPolicy.on(ResponseClass.RETRYABLE, classifier=classify_response)

        def wish(outcome):
            return float(outcome.headers["Retry-After"])

        options.setdefault("retry_after", wish)
        service = self.over(
            *outcomes, Response(200), backoff=backoff, policy=retryable, **options
        )
        answer = service(Request("GET", "/"))
        self.run_out()
        return self.successResultOf(answer)

    def test_the_delay_of_the_schedule_begins_when_the_server_has_had_its_wish(self):
        self.assertEqual(self.wishing(5, 10).status, 200)
        self.assertEqual(self.below.asked_at, [0, 5 + 1, 6 + 10 + 2])

    def test_a_wish_that_is_none_leaves_the_schedule_alone(self):
        for wish in (0, -3, "nan", "-inf"):
            self.assertEqual(self.wishing(wish).status, 200)
            began, again = self.below.asked_at
            self.assertEqual(again - began, 1)

    def test_a_server_that_does_not_say_is_asked_by_the_schedule(self):
        self.assertEqual(self.wishing(9, retry_after=lambda outcome: None).status, 200)
        self.assertEqual(self.below.asked_at, [0, 1])

    def test_a_wish_that_is_too_long_ends_the_attempts_with_the_outcome_at_hand(self):
        for wish in (60.5, "inf"):
            self.assertEqual(self.wishing(wish).status, 503)
            self.assertEqual(len(self.below.asked_at), 1)

    def test_the_longest_wish_is_granted_and_can_be_set(self):
        self.assertEqual(self.wishing(60).status, 200)
        self.assertEqual(self.wishing(8, longest_wish=8).status, 200)
        self.assertEqual(self.wishing(8.1, longest_wish=8).status, 503)
        self.assertEqual(self.wishing(0.1, longest_wish=0).status, 503)

    def test_what_is_not_granted_costs_nothing(self):
        budget = RetryBudget(self.clock, ttl=1, min_per_second=1, ratio=0)
        self.wishing(61, budget=budget)
        self.assertEqual(budget.balance, 1)

    def test_only_an_outcome_that_is_to_be_sent_again_is_asked(self):
        seen: list = []
        answer = self.over("good", retry_after=seen.append)(READ)
        self.assertEqual(self.successResultOf(answer), "good")
        self.assertEqual(seen, [])

    def test_it_is_asked_of_errors_too(self):
        error = NotSent()
        seen: list = []
        answer = self.over(error, "good", retry_after=seen.append)(READ)
        self.run_out()
        self.assertEqual(self.successResultOf(answer), "good")
        self.assertIs(seen[0].value, error)

    def test_an_error_of_its_own_is_the_outcome_and_ends_the_attempts(self):
        def fails(outcome):
            raise ZeroDivisionError

        self.failureResultOf(self.over(NotSent(), retry_after=fails)(READ), ZeroDivisionError)

    def test_bad_arguments_are_errors_at_once(self):
        for wrong in (-1, float("nan")):
            error = self.assertRaises(ValueError, Retry, self.clock, longest_wish=wrong)
            self.assertIn(f"not {wrong!r}", str(error))
        error = self.assertRaises(TypeError, Retry, self.clock, retry_after=5)
        self.assertIn("not 5", str(error))


class DeadlineTests(Case):
    """What could not begin in time is not waited for."""

    def test_an_attempt_that_would_begin_after_the_deadline_is_not_waited_for(self):
        with deadline(3, self.clock):
            answer = self.over(NotSent("1"), NotSent("2"))(READ)
        self.clock.advance(1)
        error = self.failureResultOf(answer, NotSent).value
        self.assertEqual((str(error), [str(each) for each in error.reasons]), ("2", ["1"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.below.asked_at, [0, 1])

    def test_an_attempt_that_can_begin_in_time_is_made(self):
        with deadline(3.1, self.clock):
            answer = self.over(NotSent("1"), NotSent("2"), "answer")(READ)
        self.run_out()
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_at_the_deadline_is_too_late(self):
        with deadline(1, self.clock):
            answer = self.over(NotSent("1"))(READ)
        self.failureResultOf(answer, NotSent)

    def test_a_deadline_that_has_passed_ends_the_attempts(self):
        slow: Deferred = Deferred()
        with deadline(2, self.clock):
            answer = self.over(slow, backoff=[0])(READ)
        self.clock.advance(5)
        slow.errback(NotSent("late"))
        self.failureResultOf(answer, NotSent)

    def test_a_response_that_stays_bad_is_the_outcome(self):
        with deadline(1, self.clock):
            answer = self.over("bad", policy=lambda request, outcome: True)(READ)
        self.assertEqual(self.successResultOf(answer), "bad")

    def test_it_is_the_deadline_of_the_caller_and_not_of_whoever_ends_the_attempt(self):
        slow: Deferred = Deferred()
        answer = self.over(slow, "answer")(READ)
        with deadline(0.5, self.clock):
            slow.errback(NotSent())
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_a_wish_counts_too(self):
        with deadline(5, self.clock):
            answer = self.over(NotSent("1"), retry_after=lambda outcome: 4)(READ)
        self.failureResultOf(answer, NotSent)

    def test_what_is_too_late_costs_nothing(self):
        budget = RetryBudget(self.clock, ttl=1, min_per_second=1, ratio=0)
        with deadline(1, self.clock):
            answer = self.over(NotSent(), budget=budget)(READ)
        self.failureResultOf(answer, NotSent)
        self.assertEqual(budget.balance, 1)

    def test_the_filter_above_that_bounds_the_whole_is_heeded(self):
        self.below = Scripted(self.clock, [NotSent("1"), NotSent("2")])
        retry: Retry = Retry(self.clock, backoff=Backoff.from_iterable([1, 2]))
        whole: Deadline = Deadline(2.5, self.clock)
        answer = (whole >> retry >> self.below)(READ)
        self.clock.advance(1)
        self.failureResultOf(answer, NotSent)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ContextTests(Case):
    """Every attempt runs in the context of whoever made the request."""

    caller: ContextVar[str] = ContextVar("caller", default="nobody")

    def test_later_attempts_see_what_the_first_saw(self):
        seen: list[str] = []

        def below(request):
            seen.append(self.caller.get())
            raise NotSent

        service: Service = Retry(
            self.clock, backoff=Backoff.constant(1).take(2)
        ) >> Service.mk(below)
        answers = []
        for name in ("ada", "grace"):
            context = copy_context()
            context.run(self.caller.set, name)
            answers.append(context.run(service, READ))
        self.run_out()
        for answer in answers:
            self.failureResultOf(answer, NotSent)
        self.assertEqual(seen, ["ada", "grace"] * 3)

    def test_what_a_later_attempt_sets_stays_out_of_the_callers_context(self):
        def below(request):
            if self.clock.seconds():
                self.caller.set("the service")
            raise NotSent

        service: Service = Retry(self.clock, backoff=Backoff.constant(1).take(1)) >> Service.mk(
            below
        )
        context = copy_context()
        answer = context.run(service, READ)
        self.run_out()
        self.failureResultOf(answer, NotSent)
        self.assertNotIn(self.caller, context)
        self.assertEqual(self.caller.get(), "nobody")


class BudgetTests(Case):
    def test_an_empty_budget_ends_the_attempts_with_the_error_at_hand(self):
        budget = RetryBudget(self.clock, ttl=1, min_per_second=2, ratio=0)
        failures = [NotSent(str(n)) for n in range(3)]
        answer = self.over(*failures, backoff=[0] * 9, budget=budget)(READ)
        self.clock.pump([0] * 9)
        error = self.failureResultOf(answer, NotSent).value
        self.assertIs(error, failures[2])
        self.assertEqual(error.reasons, tuple(failures[:2]))

    def test_it_is_one_for_all_requests(self):
        budget = RetryBudget(self.clock, ttl=1, min_per_second=3, ratio=0)
        service = self.over(*[NotSent(str(n)) for n in range(9)], backoff=[0] * 2, budget=budget)
        for _ in range(3):
            answer = service(READ)
            self.clock.pump([0] * 3)
            self.failureResultOf(answer, NotSent)
        self.assertEqual(len(self.below.asked_at), 3 + 3)

    def test_every_request_fills_it_and_every_retry_empties_it(self):
        budget = RetryBudget(self.clock, min_per_second=0, ratio=0.5)
        service = self.over("1", "2", NotSent(), "3", backoff=[0], budget=budget)
        service(READ)
        service(READ)
        self.assertEqual(budget.balance, 1)
        answer = service(READ)
        self.assertEqual(budget.balance, 0.5)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(answer), "3")

    def test_what_the_policy_refuses_costs_nothing(self):
        budget = RetryBudget(self.clock, ttl=1, min_per_second=1, ratio=0)
        self.failureResultOf(self.over(ApiError(100), budget=budget)(READ), ApiError)
        self.assertEqual(budget.balance, 1)

    def test_what_the_schedule_refuses_costs_nothing(self):
        budget = RetryBudget(self.clock, ttl=1, min_per_second=1, ratio=0)
        self.failureResultOf(self.over(NotSent(), backoff=[], budget=budget)(READ), NotSent)
        self.assertEqual(budget.balance, 1)

    def test_each_filter_has_one_of_its_own_unless_it_is_given_one(self):
        one: Retry = Retry(self.clock)
        other: Retry = Retry(self.clock)
        self.assertIsNot(one._budget, other._budget)
        self.assertEqual(one._budget.balance, 100)


class ReasonsTests(Case):
    def test_reasons_of_the_error_itself_come_after_those_of_the_attempts_before(self):
        first, inner, last = NotSent("first"), NotSent("inner"), ReplyLost("last")
        last.reasons = (inner,)
        answer = self.over(first, last, backoff=[1])(READ)
        self.clock.advance(1)
        self.assertEqual(self.failureResultOf(answer).value.reasons, (first, inner))

    def test_an_error_that_is_not_ours_passes_unchanged(self):
        error = ValueError("a bug")
        answer = self.over(NotSent(), error)(READ)
        self.clock.advance(1)
        self.assertIs(self.failureResultOf(answer, ValueError).value, error)
        self.assertEqual(vars(error), {})

    def test_what_it_cannot_carry_goes_to_the_log(self):
        first, error = NotSent("first"), ValueError("a bug")
        with capturedLogs() as logged:
            answer = self.over(first, error)(READ)
            self.clock.advance(1)
        self.failureResultOf(answer, ValueError)
        [event] = logged
        self.assertEqual(event["log_level"], LogLevel.debug)
        self.assertEqual((event["error"], event["before"]), (error, [first]))

    def test_one_that_had_none_before_it_is_not_logged(self):
        with capturedLogs() as logged:
            for outcomes in ([ValueError("a bug")], ["bad", ValueError("a bug")]):
                answer = self.over(
                    *outcomes, policy=lambda request, outcome: outcome == "bad"
                )(READ)
                self.run_out()
                self.failureResultOf(answer, ValueError)
        self.assertEqual(logged, [])

    def test_one_and_the_same_error_each_time_is_no_reason_of_itself(self):
        error = RequestTimedOut(1)
        answer = self.over(error, error, error, error)(READ)
        self.run_out()
        self.assertIs(self.failureResultOf(answer).value, error)
        self.assertEqual(error.reasons, ())
        self.assertEqual(str(error), "no reply within 1 s")

    def test_of_an_endless_schedule_the_last_reasons_are_kept(self):
        failures = [NotSent(str(n)) for n in range(REASONS_KEPT + 50)]
        budget = RetryBudget(self.clock, min_per_second=100)
        service = self.over(*failures, ApiError(100), backoff=Backoff.constant(0), budget=budget)
        answer = service(READ)
        self.clock.pump([0] * len(failures))
        error = self.failureResultOf(answer, ApiError).value
        self.assertEqual(error.reasons, tuple(failures[50:]))


class PossiblyAppliedTests(Case):
    """Where a policy sends a write again, the error speaks for every attempt."""

    def outcome(self, *outcomes) -> Any:
        answer = self.over(*outcomes, policy=lambda request, outcome: True, backoff=[1])(WRITE)
        self.clock.advance(1)
        return self.failureResultOf(answer).value

    def test_a_last_attempt_that_was_never_sent_does_not_hide_one_that_was(self):
        self.assertTrue(self.outcome(ReplyLost(), NotSent()).possibly_applied)
        self.assertTrue(self.outcome(AmbiguousWrite(WRITE), NotSent()).possibly_applied)
        self.assertTrue(self.outcome(ReplyLost(), ApiError(101)).possibly_applied)

    def test_what_was_never_sent_was_never_carried_out(self):
        self.assertFalse(self.outcome(NotSent(), NotSent()).possibly_applied)
        self.assertFalse(self.outcome(NotSent(), ApiError(101)).possibly_applied)

    def test_a_failure_that_does_not_say_may_have_been_carried_out(self):
        self.assertTrue(self.outcome(ValueError("who knows"), NotSent()).possibly_applied)

    def test_a_response_that_was_refused_was_an_answer_to_something(self):
        self.assertTrue(self.outcome("bad", NotSent()).possibly_applied)

    def test_nothing_of_a_read_was_carried_out_by_the_attempts_before(self):
        for first in (ReplyLost("reset"), UnexpectedResponse(503), RequestTimedOut(1)):
            for last in (NotSent("refused"), ApiError(100)):
                answer = self.over(first, last, backoff=[1])(READ)
                self.clock.advance(1)
                error = self.failureResultOf(answer).value
                self.assertIs(error, last)
                self.assertEqual(error.reasons, (first,))
                self.assertFalse(error.possibly_applied)

    def test_nor_by_a_response_that_was_refused(self):
        answer = self.over("bad", NotSent(), policy=lambda _, __: True, backoff=[1])(READ)
        self.clock.advance(1)
        self.assertFalse(self.failureResultOf(answer).value.possibly_applied)

    def test_what_the_last_attempt_at_a_read_says_of_itself_stays(self):
        answer = self.over(NotSent(), ReplyLost(), backoff=[1])(READ)
        self.clock.advance(1)
        self.assertTrue(self.failureResultOf(answer).value.possibly_applied)

    def test_a_request_that_does_not_say_is_taken_for_a_write(self):
        answer = self.over(ReplyLost(), NotSent(), policy=lambda _, __: True, backoff=[1])(Odd())
        self.clock.advance(1)
        self.assertTrue(self.failureResultOf(answer).value.possibly_applied)

    def test_cancelling_the_delay_does_not_hide_it_either(self):
        for first, expected in ((ReplyLost(), True), ("bad", True), (NotSent(), False)):
            answer = self.over(first, policy=lambda request, outcome: True)(WRITE)
            answer.cancel()
            error = self.failureResultOf(answer, RequestCancelled).value
            self.assertIs(error.possibly_applied, expected)


class CancellationTests(Case):
    def test_cancelling_an_attempt_ends_it_and_begins_no_other(self):
        cancelled: list[Deferred] = []
        first = NotSent("refused")
        answer = self.over(first, Deferred(cancelled.append))(READ)
        self.clock.advance(1)
        answer.cancel()
        error = self.failureResultOf(answer, CancelledError).value
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(error.reasons, (first,))
        self.assertTrue(error.possibly_applied)

    def test_cancelling_the_only_attempt_passes_its_error_on(self):
        error = RequestCancelled(sent=False)
        answer = self.over(Deferred(lambda attempt: attempt.errback(error)))(READ)
        answer.cancel()
        self.assertIs(self.failureResultOf(answer, RequestCancelled).value, error)

    def test_cancelling_a_delay_ends_it_and_leaves_no_delayed_call(self):
        first = NotSent("refused")
        answer = self.over(first)(READ)
        answer.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        error = self.failureResultOf(answer, RequestCancelled).value
        self.assertIsInstance(error, CancelledError)
        self.assertEqual(error.reasons, (first,))
        self.assertFalse(error.possibly_applied)

    def test_an_attempt_that_fails_in_another_way_when_cancelled_is_not_repeated(self):
        error = ReplyLost("reset")
        answer = self.over(Deferred(lambda attempt: attempt.errback(error)))(READ)
        answer.cancel()
        self.assertIs(self.failureResultOf(answer, ReplyLost).value, error)
        self.assertEqual(len(self.below.asked_at), 1)

    def test_an_attempt_that_answers_when_cancelled_is_the_answer(self):
        answer = self.over(Deferred(lambda attempt: attempt.callback("in time")))(READ)
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "in time")

    def test_an_attempt_that_does_not_end_when_cancelled_is_left_behind(self):
        for end in (
            lambda late: late.callback("late"),
            lambda late: late.errback(ReplyLost("late")),
        ):
            late: Deferred = Deferred()
            stubborn: Deferred = Deferred()
            stubborn.addErrback(partial(instead, late))
            answer = self.over(NotSent("refused"), stubborn)(READ)
            self.clock.advance(1)
            answer.cancel()
            error = self.failureResultOf(answer, RequestCancelled).value
            self.assertEqual(str(error.reasons[0]), "refused")
            self.assertTrue(error.possibly_applied)
            end(late)
            self.assertEqual(len(self.below.asked_at), 2)
            self.assertIsNone(self.successResultOf(stubborn))

    def test_what_the_service_cancels_while_it_is_asked_is_ended_too(self):
        cancelled: list[Deferred] = []
        answers: list[Deferred] = []

        class Cancels(Service):
            def apply(self, request):
                if not answers:
                    return fail(NotSent())
                answers[0].cancel()
                return Deferred(cancelled.append)

        retry: Retry = Retry(self.clock, backoff=Backoff.constant(1))
        answers.append((retry >> Cancels())(READ))
        self.clock.advance(1)
        self.failureResultOf(answers[0], CancelledError)
        self.assertEqual(len(cancelled), 1)


class ManyAttemptsTests(Case):
    def test_5000_attempts_without_a_delay_grow_no_stack(self):
        answer = self.endless(5000, "answer")
        self.clock.pump([0] * 5000)
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(len(self.below.asked_at), 5001)

    def test_nor_does_cancelling_after_them(self):
        cancelled: list[Deferred] = []
        answer = self.endless(5000, Deferred(cancelled.append))
        self.clock.pump([0] * 5000)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(len(cancelled), 1)

    def endless(self, failures, end) -> Deferred:
        budget = RetryBudget(self.clock, min_per_second=1000)
        outcomes = [*[NotSent()] * failures, end]
        return self.over(*outcomes, backoff=Backoff.constant(0), budget=budget)(READ)


class NestedTests(Case):
    """The default order: a deadline, above retries, above a timeout for each attempt."""

    def setUp(self):
        super().setUp()
        self.asked_at: list[float] = []
        self.ended_at: list[float] = []

        def silent(request):
            self.asked_at.append(self.clock.seconds())
            return Deferred(lambda _: self.ended_at.append(self.clock.seconds()))

        retry: Filter = Retry(self.clock, backoff=Backoff.constant(0.5))
        self.stack: Service = (
            Timeout(10, self.clock) >> retry >> Timeout(4, self.clock) >> Service.mk(silent)
        )

    def until_it_ends(self, answer: Deferred) -> tuple[float, Any]:
        ended: list = []
        answer.addErrback(lambda failure: ended.append(failure.value))
        while not ended:
            self.clock.advance(0.125)
        return self.clock.seconds(), ended[0]

    def test_a_silent_service_is_asked_again_until_the_deadline(self):
        ended_at, error = self.until_it_ends(self.stack(READ))
        self.assertEqual(self.asked_at, [0, 4.5, 9])
        self.assertEqual(self.ended_at, [4, 8.5, 10])
        self.assertEqual(ended_at, 10)
        self.assertIsInstance(error, RequestTimedOut)
        self.assertEqual(error.seconds, 10)
        self.assertEqual([each.seconds for each in error.reasons], [4, 4])
        self.assertEqual(str(error), "no reply within 10 s; last: no reply within 4 s")

    def test_a_write_is_asked_once_and_ends_with_its_attempt(self):
        ended_at, error = self.until_it_ends(self.stack(WRITE))
        self.assertEqual((self.asked_at, self.ended_at, ended_at), ([0], [4], 4))
        self.assertEqual((error.seconds, error.possibly_applied), (4, True))

    def test_a_deadline_within_a_delay_ends_it_and_knows_that_nothing_was_sent(self):
        refused = NotSent("refused")
        retry: Retry = Retry(self.clock, backoff=Backoff.constant(7))
        stack: Service = Timeout(10, self.clock) >> retry >> Service.mk(lambda _: fail(refused))
        ended_at, error = self.until_it_ends(stack(WRITE))
        self.assertEqual(ended_at, 10)
        self.assertIsInstance(error, RequestTimedOut)
        self.assertFalse(error.possibly_applied)
        self.assertEqual(str(error), "no reply within 10 s; last: refused")

    def test_a_wait_is_left_alone_by_all_of_them(self):
        answer = self.stack(WAIT)
        self.clock.pump([1000] * 10)
        self.assertNoResult(answer)
        self.assertEqual((self.asked_at, self.ended_at), ([0], []))
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.ended_at, [10_000])

    def test_cancelling_the_whole_ends_what_is_at_the_bottom_and_every_timer(self):
        answer = self.stack(READ)
        self.clock.advance(4)
        self.clock.advance(1)
        answer.cancel()
        self.failureResultOf(answer, RequestCancelled)
        self.assertEqual((self.asked_at, self.ended_at), ([0, 5], [4, 5]))
        self.assertEqual(self.clock.getDelayedCalls(), [])
