"""RetryPolicy: what each part says, the laws by which parts are joined, and how it reads."""

from __future__ import annotations

from itertools import product
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import AmbiguousWrite, ApiError, KeyNotFound, NotSent, ReplyLost, RequestTimedOut
from txetcd import TestFailed as ComparisonFailed
from txetcd.errors import (
    EndpointDown,
    LoadShed,
    NoEndpoints,
    QueueFull,
    RateLimited,
    RequestCancelled,
    ServiceClosed,
    UnexpectedResponse,
    WatcherCleared,
)
from txetcd.filters import retry
from txetcd.filters import when_safe as from_the_package
from txetcd.filters.retry_policy import RetryPolicy, when_safe
from txetcd.http import Request, Response
from txetcd.http.response_class import classify_response
from txetcd.model import Get, Refresh, Set
from txetcd.response_class import ResponseClass

READ, WRITE, WAIT = Get("/a"), Set("/a", b"1"), Get("/a", wait=True)


@attrs.frozen
class Odd:
    """A request that does not say what it is."""


REQUESTS: list[Any] = [READ, WRITE, WAIT, Refresh("/a", 10), Odd(), None]
ERRORS: list[BaseException] = [
    NotSent(),
    ReplyLost(),
    RequestTimedOut(1),
    RequestTimedOut(1, possibly_applied=False),
    AmbiguousWrite(WRITE),
    KeyNotFound(100),
    ComparisonFailed(101),
    UnexpectedResponse(503),
    QueueFull("full"),
    EndpointDown("gone"),
    WatcherCleared(400),
    ServiceClosed(),
    CancelledError(),
    RequestCancelled(sent=False),
    ValueError("a bug"),
]
OUTCOMES: list[Any] = [
    *map(Failure, ERRORS),
    None,
    "answer",
    Response(200),
    Response(503),
    Response(501),
]
#: Everything that a policy may be asked.
CASES = list(product(REQUESTS, OUTCOMES, range(5)))


def is_refresh(request: object, outcome: object) -> bool:
    return isinstance(request, Refresh)


def always(request: object, outcome: object) -> bool:
    return True


conditions = st.sampled_from(
    [NotSent, ReplyLost, ApiError, Exception, *ResponseClass, is_refresh, always, when_safe]
)
policies = st.recursive(
    st.just(when_safe) | st.lists(conditions, min_size=1).map(lambda some: RetryPolicy.on(*some)),
    lambda parts: st.one_of(
        st.builds(lambda one, other: one | other, parts, parts),
        st.builds(lambda one, other: one & other, parts, parts),
        st.builds(RetryPolicy.limit, parts, st.integers(0, 4)),
        st.builds(RetryPolicy.if_safe, parts),
        st.builds(lambda part, what: part.unless(what), parts, conditions),
    ),
    max_leaves=6,
)

quick = settings(deadline=None, max_examples=50)


class Case(SynchronousTestCase):
    def assertSame(self, one: RetryPolicy, other: RetryPolicy) -> None:
        """Fail unless two policies decide alike in every case."""
        for case in CASES:
            self.assertEqual(bool(one.decide(*case)), bool(other.decide(*case)), case)


class OnTests(Case):
    def test_a_class_of_exceptions_matches_failures_of_it_and_of_its_subclasses(self):
        policy = RetryPolicy.on(ApiError, ReplyLost)
        self.assertTrue(policy(READ, Failure(KeyNotFound(100))))
        self.assertTrue(policy(READ, Failure(ReplyLost())))
        self.assertFalse(policy(READ, Failure(NotSent())))
        self.assertFalse(policy(READ, "answer"))

    def test_an_exception_that_is_the_response_is_no_failure(self):
        self.assertFalse(RetryPolicy.on(KeyNotFound)(READ, KeyNotFound(100)))

    def test_a_class_of_outcomes_is_judged_by_the_classifier(self):
        self.assertTrue(RetryPolicy.on(ResponseClass.RETRYABLE)(READ, Failure(NotSent())))
        self.assertFalse(RetryPolicy.on(ResponseClass.RETRYABLE)(READ, Response(503)))
        policy = RetryPolicy.on(ResponseClass.RETRYABLE, classifier=classify_response)
        self.assertTrue(policy(READ, Response(503)))
        self.assertFalse(policy(READ, Response(501)))
        self.assertFalse(policy(READ, Response(200)))

    def test_the_classifier_sees_the_request_and_the_outcome(self):
        seen: list = []

        def classifier(request, outcome):
            seen.append((request, outcome))
            return ResponseClass.RETRYABLE

        policy = RetryPolicy.on(ResponseClass.RETRYABLE, classifier=classifier)
        self.assertTrue(policy(WRITE, "answer"))
        self.assertEqual(seen, [(WRITE, "answer")])

    def test_a_function_decides_by_the_request_as_well(self):
        policy = RetryPolicy.on(is_refresh)
        self.assertTrue(policy(Refresh("/a", 10), Failure(ValueError())))
        self.assertFalse(policy(READ, Failure(ValueError())))

    def test_any_of_several_conditions_is_enough(self):
        policy = RetryPolicy.on(KeyNotFound, ResponseClass.RETRYABLE, is_refresh)
        self.assertTrue(policy(READ, Failure(KeyNotFound(100))))
        self.assertTrue(policy(READ, Failure(NotSent())))
        self.assertTrue(policy(Refresh("/a", 10), "answer"))
        self.assertFalse(policy(READ, Failure(ComparisonFailed(101))))

    def test_it_implies_nothing_about_safety(self):
        self.assertTrue(RetryPolicy.on(ReplyLost)(WRITE, Failure(ReplyLost())))
        self.assertTrue(RetryPolicy.on(ReplyLost)(WAIT, Failure(ReplyLost())))

    def test_a_policy_with_a_limit_is_a_condition_with_a_limit(self):
        policy = RetryPolicy.on(RetryPolicy.on(NotSent).limit(1))
        self.assertTrue(policy.decide(READ, Failure(NotSent()), 0))
        self.assertFalse(policy.decide(READ, Failure(NotSent()), 1))

    def test_it_needs_a_condition(self):
        for make in (RetryPolicy.on, when_safe.unless):
            self.assertIn("at least one", str(self.assertRaises(ValueError, make)))

    def test_a_condition_of_another_kind_is_an_error(self):
        for wrong in ("KeyNotFound", 404, int, None, KeyNotFound(100)):
            for make in (RetryPolicy.on, when_safe.unless):
                error = self.assertRaises(TypeError, make, wrong)
                self.assertIn(repr(wrong), str(error))

    def test_a_cancellation_cannot_be_asked_for(self):
        for each in (CancelledError, RequestCancelled):
            error = self.assertRaises(ValueError, RetryPolicy.on, NotSent, each)
            self.assertIn(f"never sent again: on({each.__name__})", str(error))


class CancellationTests(Case):
    @quick
    @given(policies)
    def test_a_cancelled_request_is_never_sent_again(self, policy):
        for error in (CancelledError(), RequestCancelled(), RequestCancelled(sent=False)):
            self.assertFalse(policy.decide(READ, Failure(error), 0))

    def test_not_even_by_a_plain_function(self):
        for policy in (RetryPolicy.of(always), RetryPolicy.on(Exception), when_safe | always):
            self.assertFalse(policy(READ, Failure(CancelledError())))
            self.assertTrue(policy(READ, Failure(NotSent())))


class OfTests(Case):
    def test_a_plain_function_becomes_a_policy_that_asks_it(self):
        policy = RetryPolicy.of(is_refresh)
        self.assertTrue(policy(Refresh("/a", 10), "answer"))
        self.assertFalse(policy(READ, "answer"))
        self.assertEqual(repr(policy), "is_refresh")

    def test_a_policy_stays_what_it_is(self):
        self.assertIs(RetryPolicy.of(when_safe), when_safe)

    def test_a_class_is_no_policy_although_it_can_be_called(self):
        error = self.assertRaises(TypeError, RetryPolicy.of, KeyNotFound)
        self.assertIn("RetryPolicy.on(KeyNotFound)", str(error))

    def test_what_cannot_be_called_is_no_policy(self):
        for wrong in (None, 3, "when_safe"):
            self.assertIn(repr(wrong), str(self.assertRaises(TypeError, RetryPolicy.of, wrong)))


class UnlessTests(Case):
    def test_it_takes_away_what_any_condition_matches(self):
        policy = RetryPolicy.on(ApiError).unless(KeyNotFound, is_refresh)
        self.assertTrue(policy(READ, Failure(ComparisonFailed(101))))
        self.assertFalse(policy(READ, Failure(KeyNotFound(100))))
        self.assertFalse(policy(Refresh("/a", 10), Failure(ComparisonFailed(101))))

    def test_it_adds_nothing(self):
        self.assertFalse(RetryPolicy.on(KeyNotFound).unless(NotSent)(READ, Failure(ReplyLost())))

    def test_a_classifier_judges_what_it_takes_away(self):
        policy = RetryPolicy.on(always).unless(
            ResponseClass.SUCCESS, classifier=classify_response
        )
        self.assertFalse(policy(READ, Response(200)))
        self.assertTrue(policy(READ, Response(503)))

    @quick
    @given(policies, conditions, conditions)
    def test_one_after_the_other_is_both_at_once(self, policy, one, other):
        self.assertSame(policy.unless(one).unless(other), policy.unless(one, other))

    @quick
    @given(policies)
    def test_of_itself_nothing_is_left(self, policy):
        self.assertSame(policy.unless(policy), when_safe.limit(0))


class LimitTests(Case):
    def test_it_allows_so_many_retries_and_no_more(self):
        policy = RetryPolicy.on(NotSent).limit(2)
        decided = [policy.decide(READ, Failure(NotSent()), made) for made in range(4)]
        self.assertEqual(decided, [True, True, False, False])

    def test_all_retries_count_whichever_part_said_so(self):
        policy = RetryPolicy.on(NotSent).limit(1) | RetryPolicy.on(ReplyLost).limit(3)
        self.assertTrue(policy.decide(READ, Failure(NotSent()), 0))
        self.assertFalse(policy.decide(READ, Failure(NotSent()), 1))
        self.assertTrue(policy.decide(READ, Failure(ReplyLost()), 2))
        self.assertFalse(policy.decide(READ, Failure(ReplyLost()), 3))

    def test_a_call_asks_what_is_to_follow_the_first_attempt(self):
        self.assertTrue(RetryPolicy.on(NotSent).limit(1)(READ, Failure(NotSent())))
        self.assertFalse(RetryPolicy.on(NotSent).limit(0)(READ, Failure(NotSent())))

    def test_a_count_that_is_negative_or_no_whole_number_is_an_error(self):
        self.assertIn("not -1", str(self.assertRaises(ValueError, when_safe.limit, -1)))
        for wrong in (1.5, "3", None):
            self.assertRaises(TypeError, when_safe.limit, wrong)

    @quick
    @given(policies)
    def test_a_limit_of_0_is_never(self, policy):
        for case in CASES:
            self.assertFalse(policy.limit(0).decide(*case))

    @quick
    @given(policies, st.integers(0, 4), st.integers(0, 4))
    def test_the_smaller_of_two_limits_holds(self, policy, one, other):
        self.assertSame(policy.limit(one).limit(other), policy.limit(min(one, other)))

    @quick
    @given(policies, policies, st.integers(0, 4))
    def test_a_limit_of_a_union_is_that_of_each_part(self, one, other, count):
        self.assertSame((one | other).limit(count), one.limit(count) | other.limit(count))


class SafetyTests(Case):
    def outcomes(self, request: Any) -> list[type]:
        """The kinds of errors after which a request is sent again, if it is safe."""
        policy = RetryPolicy.on(always).if_safe()
        return [type(error) for error in ERRORS if policy(request, Failure(error))]

    def test_a_read_is_sent_again_after_anything(self):
        self.assertEqual(len(self.outcomes(READ)), len(ERRORS) - 2)
        self.assertTrue(RetryPolicy.on(always).if_safe()(READ, "answer"))

    def test_a_write_is_sent_again_if_it_was_certainly_not_carried_out(self):
        kinds = [
            NotSent,
            RequestTimedOut,
            KeyNotFound,
            ComparisonFailed,
            QueueFull,
            EndpointDown,
            WatcherCleared,
            ServiceClosed,
        ]
        for request in (WRITE, Odd(), None):
            self.assertEqual(self.outcomes(request), kinds)

    def test_a_write_that_was_answered_may_have_been_carried_out(self):
        policy = RetryPolicy.on(
            ResponseClass.RETRYABLE, classifier=classify_response
        ).if_safe()
        self.assertFalse(policy(Request("PUT", "/a"), Response(503)))
        self.assertTrue(policy(Request("GET", "/a"), Response(503)))

    def test_an_error_that_does_not_say_may_follow_a_write_that_was_carried_out(self):
        self.assertFalse(RetryPolicy.on(ValueError).if_safe()(WRITE, Failure(ValueError())))

    def test_a_wait_is_sent_again_if_it_never_left(self):
        self.assertEqual(self.outcomes(WAIT), [NotSent, QueueFull])
        for error in (NotSent(), QueueFull(), RateLimited(), LoadShed(), NoEndpoints()):
            self.assertTrue(when_safe(WAIT, Failure(error)))

    def test_a_wait_that_may_have_been_parked_is_not_though_it_changes_nothing(self):
        for error in (EndpointDown(), WatcherCleared(400), ReplyLost(), UnexpectedResponse(503)):
            self.assertTrue(when_safe(READ, Failure(error)))
            self.assertFalse(when_safe(WAIT, Failure(error)))

    def test_a_wait_that_was_answered_is_not_safe_either(self):
        for outcome in (None, "answer", Response(503)):
            self.assertFalse(RetryPolicy.on(always).if_safe()(WAIT, outcome))

    def test_a_wait_that_writes_is_judged_as_a_write_too(self):
        request, error = Request("PUT", "/a", long_poll=True), NotSent()
        self.assertTrue(when_safe(request, Failure(error)))
        # As of one that was sent again below.
        error.possibly_applied = True
        self.assertFalse(when_safe(request, Failure(error)))

    @quick
    @given(policies)
    def test_it_only_takes_away_and_twice_is_once(self, policy):
        safe = policy.if_safe()
        self.assertSame(safe & policy, safe)
        self.assertSame(safe.if_safe(), safe)

    def test_the_default_is_a_safe_retry_of_what_may_pass(self):
        self.assertSame(when_safe, RetryPolicy.on(ResponseClass.RETRYABLE).if_safe())

    def test_the_default_is_one_value_wherever_it_is_imported_from(self):
        self.assertIs(retry.when_safe, when_safe)
        self.assertIs(from_the_package, when_safe)

    def test_the_default_decides_alike_whatever_the_number_of_retries(self):
        self.assertSame(when_safe, RetryPolicy.of(when_safe.__call__))


class AlgebraTests(Case):
    @quick
    @given(policies, policies)
    def test_a_union_says_what_either_says_and_an_intersection_what_both_say(self, one, other):
        for case in CASES:
            first, second = bool(one.decide(*case)), bool(other.decide(*case))
            self.assertEqual(bool((one | other).decide(*case)), first or second)
            self.assertEqual(bool((one & other).decide(*case)), first and second)

    @quick
    @given(policies, policies, policies)
    def test_both_are_associative(self, a, b, c):
        self.assertSame((a | b) | c, a | (b | c))
        self.assertSame((a & b) & c, a & (b & c))

    @quick
    @given(policies, policies)
    def test_both_are_commutative(self, a, b):
        self.assertSame(a | b, b | a)
        self.assertSame(a & b, b & a)

    @quick
    @given(policies, policies, policies)
    def test_each_distributes_over_the_other(self, a, b, c):
        self.assertSame(a & (b | c), (a & b) | (a & c))
        self.assertSame(a | (b & c), (a | b) & (a | c))

    @quick
    @given(policies)
    def test_with_itself_or_with_never_a_policy_is_unchanged(self, policy):
        never = policy.limit(0)
        self.assertSame(policy | policy, policy)
        self.assertSame(policy & policy, policy)
        self.assertSame(policy | never, policy)
        self.assertSame(policy & never, never)

    def test_a_plain_function_joins_on_either_side(self):
        for policy in (when_safe | is_refresh, is_refresh | when_safe):
            self.assertSame(policy, when_safe | RetryPolicy.on(is_refresh))
        for policy in (when_safe & is_refresh, is_refresh & when_safe):
            self.assertSame(policy, when_safe & RetryPolicy.on(is_refresh))

    def test_what_is_no_policy_does_not_join(self):
        for wrong in (KeyNotFound, 3, None):
            for join in (
                lambda each: when_safe | each,
                lambda each: each | when_safe,
                lambda each: when_safe & each,
                lambda each: each & when_safe,
            ):
                self.assertRaises(TypeError, join, wrong)

    def test_the_second_part_is_asked_only_if_it_matters(self):
        def fails(request, outcome):
            raise ZeroDivisionError

        self.assertTrue((RetryPolicy.of(always) | fails)(READ, "answer"))
        self.assertFalse((when_safe & fails)(READ, "answer"))

    def test_a_policy_cannot_be_changed(self):
        with self.assertRaises(attrs.exceptions.FrozenInstanceError):
            when_safe._text = "never"  # type: ignore[misc]


class ReprTests(Case):
    def test_a_policy_reads_as_it_was_written(self):
        on, classes = RetryPolicy.on, ResponseClass
        for policy, text in (
            (when_safe, "when_safe"),
            (on(KeyNotFound, NotSent), "RetryPolicy.on(KeyNotFound, NotSent)"),
            (on(classes.RETRYABLE), "RetryPolicy.on(ResponseClass.RETRYABLE)"),
            (
                on(classes.RETRYABLE, classifier=classify_response).if_safe(),
                "RetryPolicy.on(ResponseClass.RETRYABLE, classifier=classify_response).if_safe()",
            ),
            (when_safe.unless(KeyNotFound), "when_safe.unless(KeyNotFound)"),
            (
                when_safe | on(ComparisonFailed).limit(3),
                "when_safe | RetryPolicy.on(TestFailed).limit(3)",
            ),
            (when_safe | is_refresh, "when_safe | is_refresh"),
            (is_refresh & when_safe, "is_refresh & when_safe"),
            (on(when_safe.limit(2)), "RetryPolicy.on(when_safe.limit(2))"),
        ):
            self.assertEqual(repr(policy), text)

    def test_brackets_are_where_they_are_needed_and_nowhere_else(self):
        a, b, c = RetryPolicy.of(is_refresh), RetryPolicy.of(always), when_safe
        for policy, text in (
            (a | b | c, "is_refresh | always | when_safe"),
            (a & b & c, "is_refresh & always & when_safe"),
            (a & b | c, "is_refresh & always | when_safe"),
            (a & (b | c), "is_refresh & (always | when_safe)"),
            ((a | b) & c, "(is_refresh | always) & when_safe"),
            ((a | b).limit(2), "(is_refresh | always).limit(2)"),
            ((a & b).if_safe(), "(is_refresh & always).if_safe()"),
            ((a | b).unless(NotSent) | c, "(is_refresh | always).unless(NotSent) | when_safe"),
        ):
            self.assertEqual(repr(policy), text)

    @quick
    @given(policies)
    def test_what_it_reads_as_decides_as_it_does(self, policy):
        names = {**globals(), "TestFailed": ComparisonFailed}
        self.assertSame(eval(repr(policy), names), policy)
