"""Deadline: what it bounds, how the caller's time is carried, and that none of it leaks."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Backoff, Filter, NotSent, ReplyLost, RequestTimedOut, Service, Status
from txetcd.errors import RequestCancelled
from txetcd.filters import Deadline, Retry, Timeout, deadline, remaining


@attrs.frozen
class Ask:
    """A read, which may be a wait."""

    long_poll: bool = False
    is_write: bool = False


class Below(Service):
    """Keeps what time was left at each request, with the Deferreds that it gave."""

    def __init__(self):
        self.left: list[float | None] = []
        self.given: list[Deferred] = []

    def apply(self, request):
        self.left.append(remaining())
        self.given.append(Deferred())
        return self.given[-1]


def instead(failure: object, other: Deferred) -> Deferred:
    return other


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.below = Below()

    def tearDown(self):
        self.assertIsNone(remaining())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def over(self, seconds: float | None = 5.0, **options) -> Service:
        return Deadline(seconds, self.clock, **options) >> self.below

    def of(self, seconds: float | None, function: Callable[[Any], Any]) -> Service:
        """A Deadline over a service of a function."""
        bounded: Filter = Deadline(seconds, self.clock)
        return bounded >> Service.mk(function)

    def within(self, seconds: float | None, service: Service, request: Any = Ask()) -> Deferred:
        """Ask in a block that has so many seconds."""
        with deadline(seconds, self.clock):
            return service(request)

    def ends_at(self, time: float, answer: Deferred) -> Any:
        """It times out at that time, and not earlier; the error."""
        self.clock.advance(time - self.clock.seconds() - 0.001)
        self.assertNoResult(answer)
        self.clock.advance(time - self.clock.seconds())
        return self.failureResultOf(answer, RequestTimedOut).value


class BlockTests(Case):
    def test_without_a_block_there_is_no_deadline(self):
        self.assertIsNone(remaining())

    def test_time_is_counted_from_the_beginning_of_the_block(self):
        self.clock.advance(100)
        with deadline(2, self.clock):
            self.assertEqual(remaining(), 2)
            self.clock.advance(1.5)
            self.assertEqual(remaining(), 0.5)
            self.clock.advance(1.5)
            self.assertEqual(remaining(), -1)

    def test_0_or_less_has_passed_already(self):
        for seconds in (0, -0.0, -3):
            with deadline(seconds, self.clock):
                self.assertEqual(remaining(), seconds)

    def test_of_two_the_earlier_counts(self):
        with deadline(5, self.clock):
            for inner, expected in ((2, 2), (5, 5), (9, 5), (-1, -1)):
                with deadline(inner, self.clock):
                    self.assertEqual(remaining(), expected)
                self.assertEqual(remaining(), 5)
            self.clock.advance(4)
            with deadline(2, self.clock):
                self.assertEqual(remaining(), 1)

    def test_none_lifts_it_for_the_block(self):
        with deadline(5, self.clock):
            with deadline(None):
                self.assertIsNone(remaining())
                with deadline(9, self.clock):
                    self.assertEqual(remaining(), 9)
                self.assertIsNone(remaining())
            self.assertEqual(remaining(), 5)

    def test_an_error_ends_the_block_as_its_end_does(self):
        with deadline(5, self.clock):
            for seconds in (2, None):
                with self.assertRaises(ZeroDivisionError), deadline(seconds, self.clock):
                    raise ZeroDivisionError
                self.assertEqual(remaining(), 5)

    def test_each_is_counted_by_its_own_clock(self):
        other = Clock()
        other.advance(1_000_000)
        with deadline(5, self.clock):
            with deadline(2, other):
                self.clock.advance(1)
                self.assertEqual(remaining(), 2)
                other.advance(0.5)
                self.assertEqual(remaining(), 1.5)
            with deadline(9, other):
                other.advance(100)
                self.assertEqual(remaining(), 4)

    def test_the_clock_is_the_systems_unless_one_is_given(self):
        with deadline(1e6):
            left = remaining()
            assert left is not None
            self.assertTrue(0 < left <= 1e6)
            with deadline(1e5, self.clock):
                self.assertEqual(remaining(), 1e5)

    def test_a_time_that_is_not_finite_is_refused_and_changes_nothing(self):
        for wrong in (math.nan, math.inf, -math.inf):
            with self.assertRaises(ValueError) as caught, deadline(wrong, self.clock):
                self.fail("the block was begun")
            self.assertIn(f"not {wrong!r}", str(caught.exception))
            self.assertIsNone(remaining())

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.none() | st.integers(-9, 9), st.integers(0, 5)), max_size=8))
    def test_what_is_left_is_the_least_of_all_since_the_last_that_lifted(self, blocks):
        clock, ends = Clock(), [math.inf]
        with ExitStack() as stack:
            for seconds, passes in blocks:
                stack.enter_context(deadline(seconds, clock))
                ends = [math.inf] if seconds is None else [*ends, clock.seconds() + seconds]
                clock.advance(passes)
                left = remaining()
                expected = min(ends) - clock.seconds()
                self.assertEqual(math.inf if left is None else left, expected)
        self.assertIsNone(remaining())


class CoroutineTests(Case):
    def test_each_of_several_that_take_turns_has_its_own(self):
        turns: list[Deferred] = [Deferred() for _ in range(6)]
        seen: dict[str, list[float | None]] = {"a": [], "b": [], "c": []}

        async def run(name, seconds, mine):
            seen[name].append(remaining())
            with deadline(seconds, self.clock):
                for turn in mine:
                    await turn
                    seen[name].append(remaining())
            seen[name].append(remaining())

        running = [
            Deferred.fromCoroutine(run(name, seconds, turns[n::3]))
            for n, (name, seconds) in enumerate([("a", 10), ("b", 20), ("c", None)])
        ]
        self.assertIsNone(remaining())
        for turn in turns:
            self.clock.advance(1)
            turn.callback(None)
            self.assertIsNone(remaining())
        for each in running:
            self.successResultOf(each)
        self.assertEqual(
            seen, {"a": [None, 9, 6, None], "b": [None, 18, 15, None], "c": [None] * 4}
        )

    def test_one_that_is_begun_in_a_block_keeps_its_deadline_when_the_block_has_ended(self):
        service = self.over(None)

        async def twice():
            await service(Ask())
            await service(Ask())

        with deadline(5, self.clock):
            running = Deferred.fromCoroutine(twice())
        self.clock.advance(3)
        self.below.given[0].callback("answer")
        self.assertEqual(self.below.left, [5, 2])
        error = self.ends_at(5, running)
        self.assertEqual(error.seconds, 2)

    def test_what_it_asks_too_late_fails_and_is_not_sent(self):
        service = self.over(None)

        async def slow():
            with deadline(5, self.clock):
                await waiting
                await service(Ask())

        waiting: Deferred = Deferred()
        running = Deferred.fromCoroutine(slow())
        self.clock.advance(5)
        waiting.callback(None)
        self.failureResultOf(running, RequestTimedOut)
        self.assertEqual(self.below.given, [])

    def test_cancelling_one_within_its_block_leaves_no_trace(self):
        async def waits():
            with deadline(5, self.clock):
                await self.over(None)(Ask())

        running = Deferred.fromCoroutine(waits())
        running.cancel()
        self.failureResultOf(running, CancelledError)

    def test_one_that_is_given_up_in_its_block_is_collected_without_a_word(self):
        async def waits():
            with deadline(1, self.clock):
                await Deferred()

        unraisable: list[Any] = []
        self.patch(sys, "unraisablehook", unraisable.append)
        Deferred.fromCoroutine(waits())
        gc.collect()
        self.assertEqual([each.exc_value for each in unraisable], [])

    def test_a_callback_has_the_deadline_of_where_it_runs(self):
        service = self.over(None)
        answer = self.within(5, service)
        again = answer.addCallback(lambda _: service(Ask()))
        self.below.given[0].callback("answer")
        self.assertEqual(self.below.left, [5, None])
        self.below.given[1].callback("again")
        self.assertEqual(self.successResultOf(again), "again")


class CallersTests(Case):
    """The deadline of the block around a call."""

    def test_it_ends_the_request_below_and_fires_then(self):
        answer = self.within(2, self.over(None))
        error = self.ends_at(2, answer)
        self.assertEqual((error.seconds, str(error)), (2, "no reply within 2 s"))
        self.assertIsNone(self.successResultOf(self.below.given[0]))

    def test_several_requests_of_a_block_share_its_time(self):
        service = self.over(None)
        with deadline(2, self.clock):
            one = service(Ask())
            self.clock.advance(1.5)
            other = service(Ask())
        self.assertEqual(self.below.left, [2, 0.5])
        self.clock.advance(0.5)
        self.failureResultOf(one, RequestTimedOut)
        self.failureResultOf(other, RequestTimedOut)

    def test_a_request_that_comes_too_late_is_not_begun(self):
        for seconds in (0, -1):
            for own in (None, 5):
                answer = self.within(seconds, self.over(own))
                error = self.failureResultOf(answer, RequestTimedOut).value
                self.assertFalse(error.possibly_applied)
                self.assertTrue(error.retryable)
        self.assertEqual(self.below.given, [])

    def test_without_one_and_without_its_own_the_request_is_left_alone(self):
        answer = self.over(None)(Ask())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIs(answer, self.below.given[0])

    def test_one_that_is_lifted_is_none(self):
        with deadline(2, self.clock):
            answer = self.within(None, self.over(None))
        self.clock.advance(100)
        self.assertNoResult(answer)

    def test_it_may_be_by_another_clock_than_the_filters(self):
        other = Clock()
        other.advance(1000)
        with deadline(2, other):
            other.advance(0.5)
            answer = self.over(None)(Ask())
        self.ends_at(1.5, answer)

    def test_an_answer_in_time_is_passed_on_and_nothing_is_left(self):
        answer = self.within(2, self.over(None))
        self.clock.advance(1.9)
        self.below.given[0].callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_answer_or_an_error_at_once_is_passed_on(self):
        for seconds in (1, 9, None):
            for outcome, own in ((succeed, None), (succeed, 5), (fail, 5)):
                value: Any = NotSent("refused") if outcome is fail else "answer"
                service = self.of(own, lambda _: outcome(value))  # noqa: B023
                answer = self.within(seconds, service)
                answer.addErrback(lambda failure: failure.value)
                self.assertIs(self.successResultOf(answer), value)
                self.assertEqual(self.clock.getDelayedCalls(), [])


class OwnTests(Case):
    """The time of the filter itself."""

    def test_it_counts_where_the_caller_has_none(self):
        self.assertEqual(self.ends_at(5, self.over()(Ask())).seconds, 5)

    def test_the_earlier_of_both_counts(self):
        for callers, expected in ((2, 2), (4.9, 4.9), (5, 5), (9, 5)):
            self.setUp()
            answer = self.within(callers, self.over())
            self.assertEqual(self.below.left, [expected])
            self.ends_at(expected, answer)

    def test_it_becomes_the_deadline_of_all_that_is_below(self):
        answer = self.over()(Ask())
        self.assertEqual(self.below.left, [5])
        answer.cancel()
        self.failureResultOf(answer, CancelledError)

    def test_it_is_carried_into_the_services_that_a_service_asks(self):
        nested = self.over(9)

        async def asks(request):
            await turn
            return await nested(request)

        turn: Deferred = Deferred()
        answer = self.of(5, asks)(Ask())
        self.clock.advance(3)
        turn.callback(None)
        self.assertEqual(self.below.left, [2])
        self.ends_at(5, answer)

    def test_it_is_carried_into_the_attempts_that_are_made_later(self):
        left: list[float | None] = []

        def refuses(request):
            left.append(remaining())
            return fail(NotSent("refused"))

        retry: Filter = Retry(self.clock, backoff=Backoff.constant(1))
        answer = self.of(2.5, retry >> Service.mk(refuses))(Ask())
        self.clock.pump([0.5] * 5)
        answer.addErrback(lambda failure: failure.trap(NotSent, RequestTimedOut))
        self.successResultOf(answer)
        self.assertEqual(left, [2.5, 1.5, 0.5])

    def test_requests_under_way_share_one_delayed_call(self):
        service = self.over()
        asked = [service(Ask()), service(Ask())]
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(5)
        for each in asked:
            self.failureResultOf(each, RequestTimedOut)

    def test_a_clock_that_is_set_back_delays_no_request_that_begins_then(self):
        service = self.over()
        self.clock.rightNow = 1000.0
        before = service(Ask())
        self.clock.rightNow = 10.0
        after = service(Ask())
        self.ends_at(15, after)
        self.below.given[0].callback("answer")
        self.assertEqual(self.successResultOf(before), "answer")


class ExemptionTests(Case):
    def test_a_wait_has_all_the_time_it_wants(self):
        answer = self.over()(Ask(long_poll=True))
        self.assertEqual(self.below.left, [None])
        self.clock.advance(1_000_000)
        self.assertNoResult(answer)

    def test_but_it_is_bounded_by_its_callers_deadline(self):
        for callers in (2, 9):
            self.setUp()
            answer = self.within(callers, self.over(), Ask(long_poll=True))
            self.assertEqual(self.below.left, [callers])
            self.ends_at(callers, answer)

    def test_the_exemption_is_the_users_to_choose(self):
        service = self.over(unless=lambda request: request == "slow")
        slow, wait = service("slow"), service(Ask(long_poll=True))
        self.clock.advance(5)
        self.assertNoResult(slow)
        self.failureResultOf(wait, RequestTimedOut)

    def test_an_exemption_that_raises_fails_the_request_and_asks_nothing(self):
        answer = self.over(unless=lambda request: request.missing)(Ask())
        self.failureResultOf(answer, AttributeError)
        self.assertEqual(self.below.given, [])


class LeakTests(Case):
    """The caller's context is the same before and after, however the call ends."""

    def outcomes(self) -> list[Callable[[Any], Any]]:
        def raises(request):
            raise ValueError("a bug of the user's")

        async def coroutine(request):
            return await Deferred()

        return [lambda _: Deferred(), succeed, lambda _: fail(NotSent()), raises, coroutine]

    def test_the_context_is_what_it_was(self):
        for function in self.outcomes():
            for own in (None, 5):
                for callers in (None, 0, 3, 9):
                    with deadline(callers, self.clock):
                        before = remaining()
                        answer = self.of(own, function)(Ask())
                        self.assertEqual(remaining(), before)
                    answer.cancel()
                    answer.addErrback(lambda _: None)
                    self.successResultOf(answer)

    def test_nor_does_an_exit_of_the_process_change_it(self):
        def exits(request):
            raise SystemExit(3)

        self.assertRaises(SystemExit, self.of(5, exits), Ask())

    def test_a_call_within_a_call_leaves_the_outer_deadline(self):
        left: list[float | None] = []
        inner = self.over(2)

        def asks(request):
            inner(request).addErrback(lambda _: None)
            left.append(remaining())
            return Deferred()

        answer = self.of(5, asks)(Ask())
        self.assertEqual((self.below.left, left), ([2], [5]))
        self.clock.advance(5)
        self.failureResultOf(answer, RequestTimedOut)

    def test_what_runs_when_the_time_is_up_has_no_deadline(self):
        left: list[float | None] = []
        for own in (5, 2):
            answer = self.within(3, self.over(own))
            answer.addErrback(lambda _: left.append(remaining()))
            self.clock.advance(3)
        self.assertEqual(left, [None, None])


class CancellationTests(Case):
    def test_it_reaches_what_is_below_and_leaves_no_delayed_call(self):
        for callers, own in ((2, None), (2, 5), (9, 5), (None, 5), (None, None)):
            answer = self.within(callers, self.over(own))
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
            self.assertTrue(self.below.given[-1].called)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_error_is_that_of_what_is_below(self):
        error = RequestCancelled(sent=False)
        for callers in (2, 9):
            below: Deferred = Deferred(lambda each: each.errback(error))
            answer = self.within(callers, self.of(5, lambda _: below))  # noqa: B023
            answer.cancel()
            self.assertIs(self.failureResultOf(answer, RequestCancelled).value, error)

    def test_what_does_not_answer_to_it_is_left_behind_and_nothing_is_logged(self):
        for end in ("cancel", "expire"):
            for callers in (2, 9):
                self.leave_behind(callers, end)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def leave_behind(self, callers: float, end: str) -> None:
        late: Deferred = Deferred()
        service = self.of(5, lambda _: Deferred().addErrback(instead, late))
        answer = self.within(callers, service)
        answer.cancel() if end == "cancel" else self.clock.advance(5)
        self.failureResultOf(answer, CancelledError, RequestTimedOut)
        late.errback(ReplyLost("late"))


class ErrorTests(Case):
    def test_it_says_what_is_known_of_the_end(self):
        cause = RequestCancelled(sent=False)
        cause.locate("get /a", "http://127.0.0.1:2379")
        cause.reasons = (NotSent("refused"),)
        service = self.of(5, lambda _: Deferred(lambda each: each.errback(cause)))
        for callers in (2, None):
            answer = self.within(callers, service)
            self.clock.advance(5)
            error = self.failureResultOf(answer, RequestTimedOut).value
            self.assertFalse(error.possibly_applied)
            self.assertEqual((error.reasons, error.cause), (cause.reasons, cause))
            self.assertEqual((error.op, error.endpoint), ("get /a", "http://127.0.0.1:2379"))

    def test_a_response_to_being_cancelled_is_a_response(self):
        service = self.of(5, lambda _: Deferred(lambda each: each.callback("just in time")))
        for callers in (2, None):
            answer = self.within(callers, service)
            self.clock.advance(5)
            self.assertEqual(self.successResultOf(answer), "just in time")


class ShareTests(Case):
    """A `Timeout` below may take a share of what is left."""

    def over(self, seconds: float | None = 4.0, **options) -> Service:
        options.setdefault("share", 0.5)
        timeout: Filter = Timeout(seconds or 4, self.clock, **options)
        return timeout >> self.below

    def test_an_attempt_takes_no_more_than_its_share(self):
        for callers, expected in ((2, 1), (0.5, 0.25), (7.1, 3.55), (9, 4), (None, 4)):
            self.setUp()
            answer = self.within(callers, self.over())
            error = self.ends_at(expected, answer)
            self.assertAlmostEqual(error.seconds, expected)

    def test_a_share_that_is_only_a_little_shorter_costs_no_delayed_call_of_its_own(self):
        service = self.over()
        asked = [self.within(callers, service) for callers in (7.2, 7.9, 8, None)]
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        asked.append(self.within(7.1, service))
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)
        self.clock.advance(4)
        for each in asked:
            self.failureResultOf(each, RequestTimedOut)

    def test_attempt_after_attempt_leaves_time_for_another(self):
        asked_at: list[float] = []

        def silent(request):
            asked_at.append(self.clock.seconds())
            return Deferred()

        retry: Filter = Retry(self.clock, backoff=Backoff.constant(0).take(3))
        timeout: Filter = Timeout(5, self.clock, share=0.5)
        answer = self.of(8, retry >> timeout >> Service.mk(silent))(Ask())
        self.clock.pump([0.25] * 32)
        self.failureResultOf(answer, RequestTimedOut)
        self.assertEqual(asked_at, [0, 4, 6])

    def test_a_share_is_never_less_than_its_square_of_the_whole(self):
        for callers, share, expected in (
            (10, 0.5, [5, 2.5, 2.5]),
            (8, 0.25, [2, 1.5, 1.125, 0.84375]),
        ):
            self.setUp()
            service = self.over(100, share=share)
            allowed = []
            with deadline(callers, self.clock):
                for seconds in expected:
                    answer = service(Ask())
                    self.clock.advance(seconds)
                    allowed.append(self.failureResultOf(answer, RequestTimedOut).value.seconds)
            self.assertEqual(allowed, expected)

    def test_without_a_share_no_heed_is_paid_to_a_deadline(self):
        answer = self.within(1, self.over(share=None))
        self.ends_at(4, answer)

    def test_a_deadline_that_has_passed_leaves_no_time(self):
        answer = self.within(-1, self.over())
        self.assertNoResult(answer)
        self.clock.advance(0)
        self.assertEqual(self.failureResultOf(answer, RequestTimedOut).value.seconds, 0)

    def test_a_wait_takes_what_it_wants(self):
        answer = self.within(1, self.over(), Ask(long_poll=True))
        self.clock.advance(1000)
        self.assertNoResult(answer)

    def test_cancelling_leaves_no_delayed_call(self):
        answer = self.within(1, self.over())
        answer.cancel()
        self.failureResultOf(answer, CancelledError)


class ArgumentTests(Case):
    def test_the_time_must_be_more_than_0_and_is_named(self):
        for wrong in (0, -1, -0.0, math.nan, -math.inf):
            error = self.assertRaises(ValueError, Deadline, wrong, self.clock)
            self.assertIn(f"not {wrong!r}", str(error))

    def test_the_repr_shows_the_time(self):
        self.assertEqual(repr(Deadline(2.5, self.clock)), "Deadline(2.5)")
        self.assertEqual(repr(Deadline(10.0, self.clock)), "Deadline(10)")
        self.assertEqual(repr(Deadline(None, self.clock)), "Deadline()")

    def test_close_and_status_reach_through(self):
        self.assertIs(self.over().status, Status.OPEN)
        self.successResultOf(self.over().close())
