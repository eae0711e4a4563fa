"""RateLimit: when requests begin, who waits, and what it leaves behind (nothing)."""

from __future__ import annotations

import gc
from contextvars import ContextVar, copy_context
from fractions import Fraction
from itertools import pairwise
from math import inf
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import NotSent, ReplyLost, Service, Status
from txetcd.errors import RateLimited, RequestCancelled, ServiceClosed
from txetcd.filters.rate_limit import RateLimit


class Below(Service):
    """Notes when it was asked what; answers by a Deferred, or at once."""

    def __init__(self, clock, at_once=False):
        self.clock = clock
        self.at_once = at_once
        self.asked: list[tuple[float, object]] = []
        self.given: list[Deferred] = []
        self.state = Status.OPEN

    def apply(self, request):
        if self.state is Status.CLOSED:
            return fail(ServiceClosed())
        self.asked.append((self.clock.seconds(), request))
        self.given.append(succeed(request) if self.at_once else Deferred())
        return self.given[-1]

    def close(self):
        self.state = Status.CLOSED
        return succeed(None)

    @property
    def status(self):
        return self.state

    @property
    def times(self):
        return [time for time, _ in self.asked]

    @property
    def requests(self):
        return [request for _, request in self.asked]


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.below = Below(self.clock)

    def tearDown(self):
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def over(self, per_second=4, below: Service | None = None, **options) -> Service:
        self.filter: RateLimit = RateLimit(per_second, self.clock, **options)
        return self.filter >> (self.below if below is None else below)

    def run_out(self) -> None:
        """Let pass what time there is to wait."""
        run_out(self.clock)


def run_out(clock, until=inf) -> None:
    """Advance a clock from call to call, so that each is made at its time."""
    while (calls := clock.getDelayedCalls()) and calls[0].getTime() <= until:
        clock.rightNow = max(clock.rightNow, calls[0].getTime())
        clock.advance(0)


class BeginningTests(Case):
    def test_a_burst_begins_at_once_and_the_others_one_by_one(self):
        service = self.over(4, burst=3)
        for n in range(6):
            service(n)
        self.assertEqual(self.below.requests, [0, 1, 2])
        self.run_out()
        self.assertEqual(self.below.times, [0, 0, 0, 0.25, 0.5, 0.75])
        self.assertEqual(self.below.requests, list(range(6)))

    def test_not_a_moment_too_early(self):
        service = self.over(4, burst=1)
        service(1)
        service(2)
        self.clock.advance(0.249)
        self.assertEqual(self.below.requests, [1])
        self.clock.advance(0.001)
        self.assertEqual(self.below.requests, [1, 2])

    def test_with_a_burst_of_1_they_begin_evenly_spaced(self):
        service = self.over(2, burst=1)
        for n in range(4):
            service(n)
        self.run_out()
        self.assertEqual(self.below.times, [0, 0.5, 1, 1.5])

    def test_by_default_a_burst_is_what_a_second_allows(self):
        for per_second, burst in ((4, 4), (2.5, 2), (0.1, 1)):
            service = self.over(per_second, max_waiting=0)
            for n in range(burst):
                self.assertNoResult(service(n))
            self.failureResultOf(service("one more"), RateLimited)

    def test_less_than_one_a_second_is_a_rate_too(self):
        service = self.over(0.1)
        service(1)
        service(2)
        self.run_out()
        self.assertEqual(self.below.times, [0, 10])

    def test_tokens_come_back_with_time_and_are_never_more_than_the_burst(self):
        service = self.over(4, burst=3, max_waiting=0)
        for pause, there in ((0, 3), (0.25, 1), (0.5, 2), (0.2, 0), (0.3, 2), (1e9, 3)):
            self.clock.advance(pause)
            for n in range(there):
                self.assertNoResult(service(n))
            self.failureResultOf(service("one more"), RateLimited)

    def test_part_of_a_token_is_not_lost(self):
        service = self.over(4, burst=1, max_waiting=0)
        service(0)
        for _ in range(3):
            self.clock.advance(0.0625)
            self.failureResultOf(service("too early"), RateLimited)
        self.clock.advance(0.0625)
        self.assertNoResult(service(1))

    def test_what_comes_exactly_at_the_rate_never_waits_whatever_the_rounding(self):
        for per_second in (3, 7, 10, 49, 1000):
            self.clock.rightNow = 0.1
            service = self.over(per_second, burst=1, max_waiting=0)
            for n in range(1000):
                self.assertNoResult(service(n))
                self.clock.advance(1 / per_second)

    def test_answers_and_errors_are_passed_on_as_they_are(self):
        service = self.over(1)
        at_once, waited, third = service(1), service(2), service(3)
        self.run_out()
        self.below.given[0].callback("answer")
        self.assertEqual(self.successResultOf(at_once), "answer")
        self.below.given[1].callback("answer")
        self.assertEqual(self.successResultOf(waited), "answer")
        error = ReplyLost("reset")
        self.below.given[2].errback(error)
        self.assertIs(self.failureResultOf(third).value, error)

    def test_what_is_raised_below_is_an_error_whether_the_request_waited_or_not(self):
        def raises(request):
            raise ValueError(request)

        service: Service = self.over(1, Service.mk(raises))
        at_once, waited = service(1), service(2)
        self.failureResultOf(at_once, ValueError)
        self.run_out()
        self.failureResultOf(waited, ValueError)

    def test_one_filter_in_two_stacks_bounds_both_together(self):
        other = Below(self.clock)
        service = self.over(1)
        self.filter.and_then(other)("first")
        service("second")
        self.run_out()
        self.assertEqual((other.times, self.below.times), ([0], [1]))


class WaitingTests(Case):
    def test_there_is_one_delayed_call_while_some_wait_and_none_otherwise(self):
        service = self.over(4, burst=1)
        service(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for n in range(1, 4):
            service(n)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0.25)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([0.25, 0.25])
        self.assertEqual(len(self.below.asked), 4)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_late_call_begins_all_for_whom_there_is_a_token_by_then(self):
        service = self.over(4, burst=2)
        for n in range(10):
            service(n)
        # As a reactor does that was busy: one call, late.
        make = self.clock.callLater
        delays: list[float] = []

        def call_later(delay, *args):
            delays.append(delay)
            return make(delay, *args)

        self.patch(self.clock, "callLater", call_later)
        self.clock.rightNow += 100
        self.clock.advance(0)
        self.assertEqual(self.below.requests, [0, 1, 2, 3])
        self.assertEqual(delays, [0.25])
        self.clock.advance(0.25)
        self.assertEqual(self.below.requests, [0, 1, 2, 3, 4])
        self.run_out()
        self.assertEqual(self.below.requests, list(range(10)))

    def test_a_newcomer_does_not_overtake_those_that_wait(self):
        service = self.over(4, burst=1)
        service(0)
        service(1)
        # There is a token, and whoever waits for it has not been called yet.
        self.clock.rightNow += 0.25
        service(2)
        self.assertEqual(self.below.requests, [0])
        self.run_out()
        self.assertEqual(self.below.requests, [0, 1, 2])

    def test_one_that_waited_is_begun_in_the_context_of_its_caller(self):
        user: ContextVar[str] = ContextVar("user", default="nobody")
        seen: list[str] = []
        service: Service = self.over(1, Service.mk(lambda _: seen.append(user.get())))
        for name in ("first", "second", "third"):
            context = copy_context()
            context.run(user.set, name)
            context.run(service, name)
        self.run_out()
        self.assertEqual(seen, ["first", "second", "third"])
        self.assertEqual(user.get(), "nobody")

    def test_50000_that_begin_and_end_at_once_grow_no_stack(self):
        below = Below(self.clock, at_once=True)
        service = self.over(50_000, below, max_waiting=50_000)
        answers = [service(n) for n in range(100_000)]
        self.assertEqual(len(below.asked), 50_000)
        self.clock.advance(1)
        self.assertEqual([self.successResultOf(each) for each in answers], list(range(100_000)))

    def test_a_service_that_asks_through_the_filter_waits_as_any_other(self):
        asked: list = []

        def asks(request):
            asked.append((self.clock.seconds(), request))
            if request:
                service(request - 1)

        service: Service = self.over(4, Service.mk(asks), burst=2)
        service(3)
        service(3)
        self.assertEqual(asked, [(0, 3), (0, 2)])
        self.run_out()
        times = [time for time, _ in asked]
        self.assertEqual(times, [0, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5])

    def test_time_that_passes_while_a_service_is_called_gives_tokens_once(self):
        """As in a reactor, whose clock does not stand still while a call is made."""
        times: list[float] = []

        def slow(request):
            times.append(self.clock.seconds())
            if request == "slow":
                again.append(service("first again"))
                self.clock.rightNow += 1
                again.append(service("second again"))

        again: list = []
        service: Service = self.over(1, Service.mk(slow), burst=1)
        service("first")
        service("slow")
        for _ in range(3):
            service("last")
        self.run_out()
        self.assertEqual(len(times), 7)
        for before, after in pairwise(times):
            self.assertGreaterEqual(after - before, 0.999)


    def test_nor_does_it_leave_a_call_behind_for_what_has_begun_meanwhile(self):
        times: list[float] = []

        def slow(request):
            times.append(self.clock.seconds())
            if request == "slow":
                service("again")
                self.clock.rightNow += 1
                self.assertIs(service.status, Status.OPEN)

        service: Service = self.over(1, Service.mk(slow), burst=1)
        service("first")
        service("slow")
        self.clock.advance(1)
        self.assertEqual(times, [0, 1, 2])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nor_does_it_hold_up_the_next(self):
        times: list[float] = []

        def slow(request):
            times.append(self.clock.seconds())
            self.clock.rightNow += 0.25

        service: Service = self.over(1, Service.mk(slow), burst=1)
        for n in range(4):
            service(n)
        self.run_out()
        self.assertEqual(times, [0, 1, 2, 3])


class RefusalTests(Case):
    def test_one_more_than_may_wait_is_refused_and_told_when_to_come(self):
        service = self.over(4, burst=1, max_waiting=2)
        answers = [service(n) for n in range(3)]
        error = self.failureResultOf(service("one more"), RateLimited).value
        self.assertEqual(
            str(error),
            "4 requests a second may begin, and 2 wait; "
            "there would be a token for one more in 0.75 s",
        )
        self.assertTrue(error.retryable)
        self.assertFalse(error.possibly_applied)
        self.clock.advance(0.125)
        error = self.failureResultOf(service("one more"), RateLimited).value
        self.assertIn("in 0.625 s", str(error))
        for each in answers:
            self.assertNoResult(each)
        self.run_out()
        self.assertEqual(self.below.requests, [0, 1, 2])

    def test_with_none_that_may_wait_what_finds_no_token_is_refused(self):
        service = self.over(4, burst=1, max_waiting=0)
        service(0)
        error = self.failureResultOf(service(1), RateLimited).value
        self.assertIn("0 wait; there would be a token for one more in 0.25 s", str(error))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(0.25)
        service(2)
        self.assertEqual(self.below.requests, [0, 2])

    def test_a_refusal_costs_no_token(self):
        service = self.over(4, burst=1, max_waiting=0)
        service(0)
        for n in range(100):
            self.failureResultOf(service(n), RateLimited)
        self.clock.advance(0.25)
        self.assertNoResult(service("now"))

    def test_by_default_a_thousand_may_wait(self):
        service = self.over(1)
        answers = [service(n) for n in range(1001)]
        self.failureResultOf(service("one more"), RateLimited)
        for each in answers[1:]:
            each.cancel()
            self.failureResultOf(each, RequestCancelled)


class CancellingTests(Case):
    def test_a_cancelled_request_leaves_the_queue_and_never_reaches_the_service(self):
        service = self.over(4, burst=1)
        answers = [service(n) for n in range(4)]
        answers[2].cancel()
        error = self.failureResultOf(answers[2], RequestCancelled).value
        self.assertFalse(error.possibly_applied)
        self.assertIn("2 waiting)", repr(self.filter))
        self.run_out()
        self.assertEqual(self.below.asked, [(0, 0), (0.25, 1), (0.5, 3)])

    def test_if_it_was_the_first_the_next_takes_its_token(self):
        service = self.over(4, burst=1)
        _, first, _ = (service(n) for n in range(3))
        self.clock.advance(0.125)
        first.cancel()
        self.failureResultOf(first, RequestCancelled)
        self.run_out()
        self.assertEqual(self.below.asked, [(0, 0), (0.25, 2)])

    def test_with_the_last_the_delayed_call_is_gone_before_anybody_is_told(self):
        service = self.over(1)
        service(0)
        waiting = [service(n) for n in (1, 2)]
        seen: list = []
        for each in waiting:
            each.addErrback(lambda _: seen.append(len(self.clock.getDelayedCalls())))
            each.cancel()
        self.assertEqual(seen, [1, 0])

    def test_one_that_has_begun_is_cancelled_below(self):
        service = self.over(1)
        at_once, waited = service(1), service(2)
        self.run_out()
        for n, each in enumerate((at_once, waited)):
            each.cancel()
            self.failureResultOf(each, CancelledError)
            self.assertTrue(self.below.given[n].called)

    def test_the_error_is_that_of_what_is_below(self):
        error = RequestCancelled(sent=False)
        service = self.over(1, Service.mk(lambda _: Deferred(lambda it: it.errback(error))))
        answers = service(1), service(2)
        self.run_out()
        for each in answers:
            each.cancel()
            self.assertIs(self.failureResultOf(each).value, error)

    def test_one_that_waited_ends_at_once_even_if_what_is_below_does_not(self):
        late: list[Deferred] = [Deferred(), Deferred()]
        ignoring: Service = Service.mk(lambda n: Deferred().addErrback(lambda _: late[n]))
        service = self.over(1, ignoring)
        _, waited = service(0), service(1)
        self.run_out()
        waited.cancel()
        self.failureResultOf(waited, CancelledError)
        late.pop().errback(ReplyLost("late"))
        del waited
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_may_be_cancelled_by_the_service_that_begins_it(self):
        given: list[Deferred] = []

        def cancels(request):
            given.append(Deferred())
            if request:
                waited.cancel()
            return given[-1]

        service: Service = self.over(1, Service.mk(cancels))
        service(0)
        waited = service(1)
        self.run_out()
        self.failureResultOf(waited, CancelledError)
        self.assertTrue(given[1].called)

    def test_one_may_be_cancelled_by_the_beginning_of_another(self):
        def cancels(request):
            if request == 1:
                other.cancel()

        service: Service = self.over(1, Service.mk(cancels))
        answers = [service(n) for n in range(2)]
        other = service(2)
        self.clock.advance(1)
        self.failureResultOf(other, RequestCancelled)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for each in answers:
            self.successResultOf(each)

    def test_the_service_may_begin_and_cancel_another(self):
        def asks(request):
            if request == 1:
                other = service(2)
                self.assertEqual(len(self.clock.getDelayedCalls()), 1)
                other.addErrback(lambda failure: failure.trap(RequestCancelled))
                other.cancel()

        service: Service = self.over(1, Service.mk(asks))
        service(0)
        answer = service(1)
        self.clock.advance(1)
        self.successResultOf(answer)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ClosingTests(Case):
    def test_those_that_wait_fail_at_once_and_no_delayed_call_is_left(self):
        service = self.over(1)
        running, *waiting = (service(n) for n in range(4))
        self.assertIsNone(self.successResultOf(service.close()))
        for each in waiting:
            self.assertFalse(self.failureResultOf(each, ServiceClosed).value.possibly_applied)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertNoResult(running)
        self.assertIs(self.below.state, Status.CLOSED)

    def test_after_it_requests_fail_and_none_waits(self):
        service = self.over(1)
        service(0)
        self.successResultOf(service.close())
        for n in range(3):
            self.failureResultOf(service(n), ServiceClosed)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_those_that_wait_for_a_service_that_overrides_call_do_so_too(self):
        class Odd(Service):
            def __call__(self, request):
                return Deferred()

        service: Service = self.over(1, Odd())
        service(1)
        waiting = service(2)
        self.successResultOf(service.close())
        self.failureResultOf(waiting, ServiceClosed)

    def test_closing_one_stack_leaves_those_of_another_in_the_queue(self):
        other = Below(self.clock)
        service = self.over(1)
        stack: Service = self.filter >> other
        service("runs")
        ours, theirs = service("ours"), stack("theirs")
        self.successResultOf(stack.close())
        self.failureResultOf(theirs, ServiceClosed)
        self.assertNoResult(ours)
        self.run_out()
        self.assertEqual(self.below.requests, ["runs", "ours"])

    def test_closing_twice_does_no_harm(self):
        service = self.over(1)
        for _ in range(2):
            self.successResultOf(service.close())


class StatusTests(Case):
    def test_it_is_busy_while_one_more_would_be_refused(self):
        service = self.over(1, max_waiting=1)
        self.assertIs(service.status, Status.OPEN)
        service(0)
        self.assertIs(service.status, Status.OPEN)
        service(1)
        self.assertIs(service.status, Status.BUSY)
        self.run_out()
        self.assertIs(service.status, Status.OPEN)

    def test_with_none_that_may_wait_it_is_busy_while_there_is_no_token(self):
        service = self.over(1, max_waiting=0)
        self.assertIs(service.status, Status.OPEN)
        service(0)
        self.assertIs(service.status, Status.BUSY)
        self.clock.advance(1)
        self.assertIs(service.status, Status.OPEN)

    def test_a_service_that_is_worse_is_what_counts(self):
        service = self.over(1, max_waiting=0)
        for status in (Status.BUSY, Status.CLOSED):
            self.below.state = status
            self.assertIs(service.status, status)
        self.failureResultOf(service(0), ServiceClosed)
        self.assertIs(service.status, Status.CLOSED)


class ClockSetBackTests(Case):
    def setUp(self):
        super().setUp()
        self.clock.advance(1000)

    def test_it_brings_no_tokens_and_takes_none(self):
        service = self.over(4, burst=2, max_waiting=0)
        service(0)
        self.clock.rightNow = 10.0
        self.assertNoResult(service(1))
        self.failureResultOf(service(2), RateLimited)
        self.clock.advance(0.25)
        self.assertNoResult(service(3))
        self.failureResultOf(service(4), RateLimited)

    def test_what_waits_is_put_right_as_the_next_request_comes(self):
        service = self.over(4, burst=1)
        service(0)
        service(1)
        self.clock.rightNow = 10.0
        service(2)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.run_out()
        self.assertEqual(self.below.asked, [(1000, 0), (10.25, 1), (10.5, 2)])

    def test_or_as_its_status_is_asked(self):
        service = self.over(4, burst=1)
        service(0)
        service(1)
        self.clock.rightNow = 10.0
        self.assertIs(service.status, Status.OPEN)
        self.run_out()
        self.assertEqual(self.below.times, [1000, 10.25])

    def test_if_none_comes_what_waits_is_called_all_the_same(self):
        service = self.over(4, burst=1)
        service(0)
        service(1)
        self.clock.rightNow = 10.0
        self.run_out()
        self.assertEqual(self.below.times, [1000, 1000.25])


class LawTests(SynchronousTestCase):
    """For any arrivals: no more than the bucket allows, and none later than it allows."""

    STARTS = st.sampled_from([0.0, 0.1, 1.7e9])
    RATES = st.sampled_from([0.5, 1, 3, 7, 10, 100, 1e5])
    GAPS = st.one_of(st.just(0.0), st.floats(0, 0.01), st.floats(0, 2), st.floats(0, 100))

    @settings(deadline=None, max_examples=200)
    @given(STARTS, RATES, st.integers(1, 5), st.lists(GAPS, max_size=40))
    def test_in_any_window_no_more_begin_than_the_burst_and_the_rate_allow(
        self, start, rate, burst, gaps
    ):
        begun = self._begun(start, rate, burst, gaps)
        for first, earliest in enumerate(begun):
            for last in range(first, len(begun)):
                seconds = Fraction(begun[last]) - Fraction(earliest) + self._grain(start)
                allowed = burst + Fraction(rate) * seconds + Fraction(1, 1000)
                self.assertLessEqual(last - first + 1, allowed)

    @settings(deadline=None, max_examples=200)
    @given(STARTS, RATES, st.integers(1, 5), st.lists(GAPS, max_size=40))
    def test_none_waits_longer_than_it_must(self, start, rate, burst, gaps):
        begun = self._begun(start, rate, burst, gaps)
        # A request must wait for its arrival, and for the token that the bucket will have.
        full_at, arrived = Fraction(start), Fraction(start)
        for gap, at in zip(gaps, begun, strict=True):
            arrived += Fraction(gap)
            due = max(arrived, full_at - Fraction(burst - 1) / Fraction(rate))
            full_at = max(full_at, due) + 1 / Fraction(rate)
            late = Fraction(at) - due
            self.assertLessEqual(late, len(gaps) * self._grain(start))
            forgiven = Fraction(1, 1000) / Fraction(rate)
            self.assertGreaterEqual(late, -forgiven - len(gaps) * self._grain(start))

    def _grain(self, start: float) -> Fraction:
        """How exactly times are told."""
        return Fraction(2**-22 if start > 1e9 else 2**-40)

    def _begun(self, start, rate, burst, gaps) -> list[float]:
        """When each of these requests begins, which come with these gaps."""
        clock = Clock()
        clock.rightNow = start
        below = Below(clock)
        service: Service = RateLimit(rate, clock, burst=burst) >> below
        for n, gap in enumerate(gaps):
            arrives = clock.seconds() + gap
            run_out(clock, arrives)
            clock.rightNow = arrives
            service(n)
            waiting = n + 1 - len(below.asked)
            self.assertEqual(len(clock.getDelayedCalls()), 1 if waiting else 0)
        run_out(clock)
        self.assertEqual(below.requests, list(range(len(gaps))))
        self.assertEqual(clock.getDelayedCalls(), [])
        return below.times


class AnyOrderTests(SynchronousTestCase):
    STEPS = st.tuples(
        st.sampled_from(["ask", "ask", "cancel", "answer", "close"]),
        st.integers(0),
        st.floats(0, 3),
    )

    @settings(deadline=None, max_examples=200)
    @given(st.integers(1, 3), st.integers(0, 4), st.lists(STEPS, max_size=40))
    def test_none_is_lost_and_no_delayed_call_is_left(self, burst, most, steps):
        clock = Clock()
        below = Below(clock)
        filter_: RateLimit = RateLimit(1, clock, burst=burst, max_waiting=most)
        service: Service = filter_ >> below
        answers: dict[int, Deferred] = {}
        for n, (step, which, gap) in enumerate(steps):
            clock.advance(gap)
            if step == "ask":
                full = len(answers) - len(set(answers) & set(below.requests)) >= most
                status, answer = service.status, service(n)
                if status is Status.BUSY:
                    self.failureResultOf(answer, RateLimited)
                    self.assertTrue(full)
                else:
                    answers[n] = answer
            elif step == "cancel" and answers:
                answer = answers.pop(sorted(answers)[which % len(answers)])
                answer.cancel()
                self.failureResultOf(answer, CancelledError)
            elif step == "answer" and (open_ := sorted(set(answers) & set(below.requests))):
                chosen = open_[which % len(open_)]
                below.given[below.requests.index(chosen)].errback(NotSent())
                self.failureResultOf(answers.pop(chosen), NotSent)
            elif step == "close":
                self.successResultOf(filter_.close_with(Below(clock)))
            waiting = set(answers) - set(below.requests)
            self.assertIn(f" {len(waiting)} waiting)", repr(filter_))
            self.assertEqual(len(clock.getDelayedCalls()), 1 if waiting else 0)
        clock.advance(1000)
        clock.pump([10] * 10)
        self.assertEqual(set(answers) - set(below.requests), set())
        self.assertEqual(clock.getDelayedCalls(), [])


class ArgumentTests(SynchronousTestCase):
    def test_what_is_out_of_range_is_named(self):
        for name, wrong in [
            ("per_second", 0),
            ("per_second", -1),
            ("per_second", float("inf")),
            ("per_second", float("nan")),
            ("burst", 0),
            ("burst", -1),
            ("max_waiting", -1),
        ]:
            options: dict[str, Any] = {"per_second": 1, name: wrong}
            with self.assertRaises(ValueError) as caught:
                RateLimit(clock=Clock(), **options)
            self.assertRegex(str(caught.exception), f"^{name} must be .*, not {wrong!r}$")

    def test_what_is_no_whole_number_is_named(self):
        for name in ("burst", "max_waiting"):
            options: dict[str, Any] = {name: 2.5}
            with self.assertRaisesRegex(TypeError, f"^{name} must be a whole number, not 2.5$"):
                RateLimit(1, Clock(), **options)

    def test_the_repr_shows_the_rate_the_burst_and_what_waits(self):
        limit: RateLimit = RateLimit(2.5, Clock(), burst=7)
        self.assertEqual(repr(limit), "RateLimit(2.5 a second, burst 7, 0 waiting)")

    def test_a_rate_beyond_what_the_clock_tells_apart_ends(self):
        clock = Clock()
        clock.rightNow = 1.7e9
        below = Below(clock)
        service: Service = RateLimit(1e8, clock, burst=1) >> below
        for n in range(500):
            service(n)
        run_out(clock)
        self.assertEqual(below.requests, list(range(500)))
        self.assertLess(below.times[-1] - below.times[0], 1e-4)
        self.assertEqual(clock.getDelayedCalls(), [])
