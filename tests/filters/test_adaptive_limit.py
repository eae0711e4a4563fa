"""AdaptiveLimit: what moves it, how far, and that it does what it is for."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import ApiError, NotSent, ReplyLost, RequestTimedOut, Service
from txetcd.errors import RequestCancelled, ServiceClosed
from txetcd.filters import Timeout
from txetcd.filters.adaptive_limit import AdaptiveLimit, Limit
from txetcd.filters.concurrency_limit import ConcurrencyLimit
from txetcd.response_class import ResponseClass

OVERLOADS = [NotSent("refused"), ReplyLost("reset"), RequestTimedOut(1), ApiError(300)]


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(1000)

    def limit(self, initial: int = 10, **options) -> AdaptiveLimit:
        return AdaptiveLimit(self.clock, initial=initial, **options)

    def end(self, limit, outcome: Any = "answer", *, seconds=1.0, in_flight=None, times=1):
        """Requests of this duration that end so, with all places taken unless told otherwise."""
        for _ in range(times):
            began = limit.seconds()
            self.clock.advance(seconds)
            if isinstance(outcome, Exception):
                outcome = Failure(outcome)
            limit.ended("request", outcome, began, in_flight or limit.current)


class IncreaseTests(Case):
    def test_as_many_successes_as_it_is_high_raise_it_by_one(self):
        limit = self.limit(3)
        for level in (3, 4, 5):
            self.end(limit, times=level - 1)
            self.assertEqual(limit.current, level)
            self.end(limit)
            self.assertEqual(limit.current, level + 1)

    def test_an_answer_that_is_an_error_is_a_success(self):
        limit = self.limit(1)
        self.end(limit, ApiError(100))
        self.assertEqual(limit.current, 2)

    def test_success_counts_while_half_of_it_is_in_use_and_not_below(self):
        for high, least in ((10, 5), (9, 5), (2, 1), (1, 1)):
            limit = self.limit(high)
            if least > 1:
                self.end(limit, in_flight=least - 1, times=100)
                self.assertEqual(limit.current, high)
            self.end(limit, in_flight=least, times=high)
            self.assertEqual(limit.current, high + 1)

    def test_it_is_never_more_than_the_maximum(self):
        limit = self.limit(3, maximum=5)
        self.end(limit, times=100)
        self.assertEqual(limit.current, 5)

    def test_a_failure_that_would_come_again_moves_nothing(self):
        limit = self.limit(2)
        self.end(limit, ValueError("no overload"), times=10)
        self.assertEqual(limit.current, 2)
        self.end(limit)
        self.end(limit, ValueError("no overload"))
        self.end(limit)
        self.assertEqual(limit.current, 3)


class DecreaseTests(Case):
    def test_a_failure_that_may_be_one_of_overload_multiplies_it(self):
        for error in OVERLOADS:
            limit = self.limit(100)
            self.end(limit, error)
            self.assertEqual(limit.current, 90)

    def test_by_the_ratio_that_was_given(self):
        limit = self.limit(100, ratio=0.5)
        self.end(limit, NotSent())
        self.assertEqual(limit.current, 50)

    def test_however_few_are_under_way(self):
        limit = self.limit(100)
        self.end(limit, NotSent(), in_flight=1)
        self.assertEqual(limit.current, 90)

    def test_of_as_many_failures_as_it_is_high_one_counts(self):
        limit = self.limit(100)
        self.end(limit, NotSent())
        for level in (90, 81, 72, 64):
            self.end(limit, NotSent(), times=level - 1)
            self.assertEqual(limit.current, level)
            self.end(limit, NotSent())
            self.assertEqual(limit.current, int(0.9 * level))

    def test_successes_between_two_failures_are_of_the_round_too(self):
        limit = self.limit(10)
        for level in (9, 8, 7):
            self.end(limit, NotSent())
            self.assertEqual(limit.current, level)
            self.end(limit, in_flight=1, times=level)

    def test_by_one_at_least_and_never_below_the_minimum(self):
        limit = self.limit(5, minimum=3)
        self.end(limit, NotSent())
        self.assertEqual(limit.current, 4)
        self.end(limit, NotSent(), times=4)
        self.assertEqual(limit.current, 3)
        self.end(limit, NotSent(), times=30)
        self.assertEqual(limit.current, 3)

    def test_successes_before_it_count_no_more_after_it(self):
        limit = self.limit(10)
        self.end(limit, times=9)
        self.end(limit, NotSent())
        self.end(limit, times=8)
        self.assertEqual(limit.current, 9)
        self.end(limit)
        self.assertEqual(limit.current, 10)

    def test_what_began_before_a_decrease_causes_no_other(self):
        limit = self.limit(100)
        began = [limit.seconds() + n / 1000 for n in range(500)]
        self.clock.advance(1)
        for each in began:
            self.clock.advance(0.1)
            limit.ended("request", Failure(NotSent()), each, 100)
        self.assertEqual(limit.current, 90)

    def test_a_burst_of_failures_that_come_at_once_counts_once(self):
        limit = self.limit(100)
        self.end(limit, NotSent(), seconds=0, times=90)
        self.assertEqual(limit.current, 90)

    def test_what_began_in_the_moment_of_a_decrease_is_of_the_next_round(self):
        limit = self.limit(100)
        self.end(limit, NotSent())
        began = limit.seconds()
        self.clock.advance(1)
        for _ in range(100):
            limit.ended("request", Failure(NotSent()), began, 100)
        self.assertEqual(limit.current, 81)

    def test_where_one_runs_at_a_time_each_counts(self):
        limit = self.limit(1)
        self.end(limit, NotSent(), times=3)
        self.end(limit)
        self.assertEqual(limit.current, 2)
        self.end(limit, NotSent())
        self.assertEqual(limit.current, 1)

    def test_it_goes_on_after_a_clock_was_set_back(self):
        limit = self.limit(100)
        self.end(limit, NotSent())
        self.clock.rightNow = 10.0
        self.end(limit, NotSent(), times=90)
        self.assertEqual(limit.current, 81)
        self.end(limit, NotSent(), times=81)
        self.assertEqual(limit.current, 72)

    def test_a_request_that_began_before_the_clock_was_set_back_took_no_time(self):
        limit = self.limit(1, latency=0.5)
        began = limit.seconds()
        self.clock.rightNow = 10.0
        limit.ended("request", "answer", began, 1)
        self.assertEqual(limit.current, 2)


class LatencyTests(Case):
    def test_an_answer_that_took_longer_is_a_sign_of_overload(self):
        limit = self.limit(100, latency=2.0)
        self.end(limit, seconds=2.001)
        self.assertEqual(limit.current, 90)
        self.end(limit, seconds=2.001, times=90)
        self.assertEqual(limit.current, 81)

    def test_one_that_took_as_long_is_a_success(self):
        limit = self.limit(1, latency=2.0)
        self.end(limit, seconds=2.0)
        self.assertEqual(limit.current, 2)

    def test_an_error_that_took_longer_is_one_too(self):
        for error in (ValueError("x"), ApiError(100)):
            limit = self.limit(100, latency=2.0)
            self.end(limit, error, seconds=3)
            self.assertEqual(limit.current, 90)

    def test_without_one_any_time_will_do(self):
        limit = self.limit(1)
        self.end(limit, seconds=1e6)
        self.assertEqual(limit.current, 2)


class ClassifierTests(Case):
    def test_what_says_nothing_of_the_service_changes_nothing(self):
        limit = self.limit(2, latency=0.1)
        for error in (CancelledError(), RequestCancelled(), ServiceClosed()):
            self.end(limit, error, seconds=100, times=10)
        self.assertEqual(limit.current, 2)

    def test_another_one_is_asked_with_the_request_and_the_outcome(self):
        asked: list = []

        def verdict(request, outcome):
            asked.append((request, outcome))
            return ResponseClass.RETRYABLE if outcome == 503 else ResponseClass.SUCCESS

        limit = self.limit(10, classifier=verdict)
        self.end(limit, 503)
        self.end(limit, NotSent(), times=9)
        self.assertEqual(limit.current, 10)
        self.assertEqual(asked[0], ("request", 503))


class ArgumentTests(Case):
    def test_what_is_out_of_range_is_named(self):
        for name, wrong in [
            ("initial", 0),
            ("initial", 2000),
            ("minimum", 0),
            ("maximum", 0),
            ("latency", 0),
            ("latency", -1.0),
            ("latency", float("nan")),
            ("ratio", 0),
            ("ratio", 1),
            ("ratio", float("nan")),
        ]:
            options: dict[str, Any] = {name: wrong}
            with self.assertRaises(ValueError) as caught:
                AdaptiveLimit(self.clock, **options)
            self.assertRegex(str(caught.exception), f"^{name} must be .* not {wrong!r}$")

    def test_what_is_no_whole_number_is_named(self):
        for name in ("initial", "minimum", "maximum"):
            options: dict[str, Any] = {name: 2.5}
            with self.assertRaisesRegex(TypeError, f"^{name} must be a whole number, not 2.5$"):
                AdaptiveLimit(self.clock, **options)

    def test_the_three_limits_may_be_one(self):
        limit = self.limit(7, minimum=7, maximum=7)
        self.end(limit, times=20)
        self.end(limit, NotSent())
        self.assertEqual(limit.current, 7)

    def test_the_repr_shows_where_it_is_and_may_go(self):
        limit = self.limit(10, minimum=2, maximum=50)
        self.end(limit, NotSent())
        self.assertEqual(repr(limit), "AdaptiveLimit(9 of 2 to 50)")

    def test_it_is_a_limit(self):
        self.assertIsInstance(self.limit(), Limit)


class AnyOutcomesTests(SynchronousTestCase):
    OUTCOMES = st.sampled_from(["answer", Failure(NotSent()), Failure(CancelledError())])

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(OUTCOMES, st.floats(0, 9), st.integers(1, 30)), max_size=100))
    def test_it_stays_in_its_range_and_grows_by_one_at_a_time(self, ends):
        clock = Clock()
        limit = AdaptiveLimit(clock, initial=5, minimum=2, maximum=8, latency=5)
        for outcome, seconds, in_flight in ends:
            began, before = clock.seconds(), limit.current
            clock.advance(seconds)
            limit.ended("request", outcome, began, in_flight)
            self.assertTrue(2 <= limit.current <= min(8, before + 1))
            if limit.current < before:
                self.assertTrue(outcome != "answer" or seconds > 5)


class InUseTests(Case):
    """As the limit of a `ConcurrencyLimit`."""

    def over(self, limit, below) -> Service:
        self.filter: ConcurrencyLimit = ConcurrencyLimit(limit)
        return self.filter >> below

    def test_a_limit_that_was_raised_lets_one_more_begin(self):
        given: list[Deferred] = []
        limit = self.limit(2)

        def asked(request):
            given.append(Deferred())
            return given[-1]

        service = self.over(limit, Service.mk(asked))
        for n in range(10):
            service(n)
        given[0].callback(None)
        self.assertEqual(len(given), 3)
        given[1].callback(None)
        self.assertEqual((limit.current, len(given)), (3, 5))
        shown = "ConcurrencyLimit(AdaptiveLimit(3 of 1 to 1000), 3 running, 5 waiting)"
        self.assertEqual(repr(self.filter), shown)

    def test_a_timeout_below_lowers_it_and_one_above_does_not(self):
        bottom: Service = Service.mk(lambda _: Deferred())
        below = self.limit(10)
        timeout: Timeout = Timeout(1, self.clock)
        answer = self.over(below, timeout >> bottom)("request")
        self.clock.advance(1)
        self.failureResultOf(answer, RequestTimedOut)
        above = self.limit(10)
        answer = (timeout >> self.over(above, bottom))("request")
        self.clock.advance(1)
        self.failureResultOf(answer, RequestTimedOut)
        self.assertEqual((below.current, above.current), (9, 10))

    def test_it_finds_what_the_service_can_bear(self):
        levels = self.drive(Server(self.clock, capacity=30), [self.limit(1)], rounds=600)
        settled = [level for (level,) in levels[300:]]
        # It saws between where a decrease leads and the first that is too much.
        self.assertGreaterEqual(min(settled), int(0.9 * 31))
        self.assertLessEqual(max(settled), 31)

    def test_clients_that_do_not_know_of_each_other_come_to_fair_shares(self):
        limits = [self.limit(36), self.limit(2)]
        levels = self.drive(Server(self.clock, capacity=40), limits, rounds=4000)[2000:]
        one, other = (sum(shares) / len(levels) for shares in zip(*levels, strict=True))
        self.assertLess(abs(one - other), 0.2 * (one + other) / 2)
        self.assertGreater(one + other, 0.8 * 40)
        self.assertLess(one + other, 1.05 * 40)

    def drive(self, server, limits, rounds: int) -> list[tuple[int, ...]]:
        """Clients with these limits that have always something to ask; the limits over time."""
        clients = [self.over(limit, server) for limit in limits]
        random = Random(7)
        levels = []
        for _ in range(rounds):
            asking = [n for n, limit in enumerate(limits) for _ in range(limit.current)]
            random.shuffle(asking)
            for n in asking:
                clients[n]("request").addErrback(lambda failure: failure.trap(NotSent))
            self.clock.advance(1)
            levels.append(tuple(limit.current for limit in limits))
        return levels


class Server(Service):
    """Answers after a second; refuses what goes beyond its capacity."""

    def __init__(self, clock, capacity):
        self.clock = clock
        self.capacity = capacity
        self.running = 0

    def apply(self, request):
        if self.running >= self.capacity:
            return fail(NotSent("overload"))
        self.running += 1
        answer: Deferred = Deferred()
        self.clock.callLater(1, self.answer, answer)
        return answer

    def answer(self, answer):
        self.running -= 1
        answer.callback("answer")
