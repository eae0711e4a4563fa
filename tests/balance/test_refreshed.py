"""A set of addresses that is asked for again: when, and what a failure does to it."""

from __future__ import annotations

import gc
import math
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Backoff, RequestTimedOut, Service
from txetcd.balance import Balancer, Refreshed
from txetcd.errors import NoEndpoints
from txetcd.reactive import Failed, Ok, Pending


class Source:
    """Is asked for addresses, and answers when a test says so.

    Attributes:
        outcome: What is answered at once: addresses, or an exception to raise; or None.
        asked: The questions that have no answer yet, in order.
        cancelled: Those that were cancelled.
        times: How often it was asked.
    """

    def __init__(self) -> None:
        self.outcome: Any = None
        self.asked: list[Deferred] = []
        self.cancelled: list[Deferred] = []
        self.times = 0

    def __call__(self) -> Any:
        self.times += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is not None:
            return self.outcome
        self.asked.append(Deferred(self.cancelled.append))
        return self.asked[-1]

    def __repr__(self) -> str:
        return "Source()"


class Fixed:
    """Not random."""

    def __init__(self, number: float = 0.5) -> None:
        self.number = number

    def random(self) -> float:
        return self.number


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.source = Source()
        self.states: list[Any] = []
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.open: list[Any] = []

    def refreshed(self, fetch: Any = None, **options: Any) -> Refreshed:
        options.setdefault("random", Fixed())
        options.setdefault("backoff", Backoff.exponential(1, 2).take(6))
        return Refreshed(fetch or self.source, self.clock, **options)

    def observe(self, refreshed: Refreshed) -> Any:
        observation = refreshed.observe(self.states.append)
        self.open.append(observation)
        return observation

    def logged(self) -> list[Any]:
        return [each for each in self.events if "refreshed" in each]

    def calls(self) -> list[float]:
        """When each delayed call is due."""
        calls: Any = self.clock.getDelayedCalls()
        return sorted(call.getTime() for call in calls)

    def tearDown(self):
        for each in self.open:
            self.successResultOf(each.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class AskingTests(Case):
    def test_nothing_is_asked_before_somebody_observes(self):
        refreshed = self.refreshed()
        self.assertEqual(self.source.times, 0)
        self.assertEqual(refreshed.state, Pending())
        self.observe(refreshed)
        self.assertEqual(self.source.times, 1)
        self.assertEqual(self.states, [Pending()])

    def test_what_is_answered_is_the_value_in_order_and_once(self):
        refreshed = self.refreshed()
        self.observe(refreshed)
        self.source.asked[0].callback(["b", "a", "b"])
        self.assertEqual(self.states, [Pending(), Ok(("a", "b"))])
        self.assertEqual(refreshed.state, Ok(("a", "b")))

    def test_it_asks_again_an_interval_after_the_answer(self):
        self.observe(self.refreshed(interval=20))
        self.clock.advance(3)
        self.source.asked[0].callback(["a"])
        self.clock.advance(19.9)
        self.assertEqual(self.source.times, 1)
        self.clock.advance(0.1)
        self.assertEqual(self.source.times, 2)
        self.source.asked[1].callback(["a", "b"])
        self.assertEqual(self.states[1:], [Ok(("a",)), Ok(("a", "b"))])

    def test_the_same_addresses_in_another_order_are_no_change(self):
        self.observe(self.refreshed())
        self.source.asked[0].callback(["a", "b"])
        self.clock.advance(30)
        self.source.asked[1].callback(["b", "a", "a"])
        self.assertEqual(self.states, [Pending(), Ok(("a", "b"))])

    def test_the_interval_differs_by_up_to_a_tenth(self):
        for number, expected in ((0.0, 27.0), (0.5, 30.0), (1 - 1e-12, 33.0)):
            self.setUp()
            self.source.outcome = ["a"]
            self.observe(self.refreshed(random=Fixed(number)))
            (time,) = self.calls()
            self.assertAlmostEqual(time, expected)
            self.tearDown()
            self.open = []

    def test_clients_that_began_together_do_not_stay_together(self):
        self.source.outcome = ["a"]
        draw = random.Random(1)
        for _ in range(100):
            self.observe(self.refreshed(random=draw))
        times = self.calls()
        self.assertGreaterEqual(times[0], 27)
        self.assertLessEqual(times[-1], 33)
        # A hundred numbers between 27 and 33: the mean's standard deviation is 0.17.
        self.assertLess(abs(sum(times) / 100 - 30), 1)
        self.assertGreater(times[-1] - times[0], 4)

    def test_an_answer_may_be_plain_or_awaited(self):
        async def coroutine():
            return {"a"}

        for fetch in (lambda: ("a",), lambda: iter("a"), coroutine):
            refreshed = self.refreshed(fetch)
            self.observe(refreshed)
            self.assertEqual(refreshed.state, Ok(("a",)))

    def test_it_asks_through_the_module_of_random_numbers_by_default(self):
        self.source.outcome = ["a"]
        self.observe(self.refreshed(random=None))
        (time,) = self.calls()
        self.assertTrue(27 <= time <= 33)


class ObservingTests(Case):
    def test_several_observers_cost_one_question(self):
        refreshed = self.refreshed()
        one, other = self.observe(refreshed), self.observe(refreshed)
        self.assertEqual(self.source.times, 1)
        self.successResultOf(one.close())
        self.source.asked[0].callback(["a"])
        self.assertEqual(self.states, [Pending(), Pending(), Ok(("a",))])
        self.clock.advance(30)
        self.assertEqual(self.source.times, 2)
        self.successResultOf(other.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_last_one_to_leave_cancels_the_question_under_way(self):
        observation = self.observe(self.refreshed())
        self.successResultOf(observation.close())
        self.assertEqual(self.source.cancelled, self.source.asked)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.states, [Pending()])

    def test_the_last_one_to_leave_cancels_the_question_to_come(self):
        self.source.outcome = ["a"]
        observation = self.observe(self.refreshed())
        self.successResultOf(observation.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.source.times, 1)

    def test_leaving_twice_counts_once(self):
        refreshed = self.refreshed()
        one, _ = self.observe(refreshed), self.observe(refreshed)
        self.successResultOf(one.close())
        self.successResultOf(one.close())
        self.assertNoResult(self.source.asked[0])

    def test_an_observer_may_leave_as_it_is_told(self):
        refreshed = self.refreshed()

        def leave(state):
            if isinstance(state, Ok):
                observation.close()

        observation = refreshed.observe(leave)
        self.source.asked[0].callback(["a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(refreshed.state, Ok(("a",)))

    def test_who_comes_later_is_told_what_was_known_and_asks_anew(self):
        self.source.outcome = ["a"]
        refreshed = self.refreshed()
        self.observe(refreshed).close()
        self.source.outcome = None
        self.observe(refreshed)
        self.assertEqual(self.states[-1], Ok(("a",)))
        self.source.asked[0].callback(["b"])
        self.assertEqual(self.states[-1], Ok(("b",)))

    def test_what_is_answered_after_the_last_one_left_is_dropped(self):
        ends: Deferred = Deferred()

        async def deaf():
            try:
                await self.source()
            except CancelledError:
                return await ends

        refreshed = self.refreshed(deaf)
        self.observe(refreshed).close()
        ends.callback(["late"])
        self.assertEqual(refreshed.state, Pending())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FailureTests(Case):
    def fail_once(self, error: Any) -> None:
        if isinstance(error, Exception):
            self.source.asked.pop().errback(error)
        else:
            self.source.asked.pop().callback(error)

    def test_while_nothing_was_ever_known_it_is_failed_and_says_why(self):
        refreshed = self.refreshed()
        self.observe(refreshed)
        error = ValueError("no such name")
        self.fail_once(error)
        self.assertIsInstance(refreshed.state, Failed)
        self.assertIs(self.states[-1].failure.value, error)

    def test_it_is_asked_again_by_the_schedule(self):
        self.observe(self.refreshed())
        self.source.outcome = ValueError("no such name")
        self.fail_once(ValueError())
        asked: list[int] = []
        for second in range(1, 120):
            self.clock.advance(1)
            if self.source.times > len(asked) + 1:
                asked.append(second)
        # 1, 2, 4, 8 and 16 later; then the interval, which is less, and goes on.
        self.assertEqual(asked, [1, 3, 7, 15, 31, 61, 91])

    def test_the_schedule_begins_anew_after_an_answer(self):
        self.observe(self.refreshed())
        for answer, expected in ((ValueError(), 1), (ValueError(), 2), (["a"], 30)):
            self.fail_once(answer)
            self.assertEqual(self.calls(), [self.clock.seconds() + expected])
            self.clock.advance(expected)
        self.fail_once(ValueError())
        self.assertEqual(self.calls(), [self.clock.seconds() + 1])

    def test_what_was_known_stays_whatever_fails_and_that_is_logged(self):
        refreshed = self.refreshed()
        self.observe(refreshed)
        self.fail_once(["a"])
        bad: list[Any] = [ValueError("no such name"), [], "http://a", 5, ["a", 5], [None]]
        for answer in bad:
            self.clock.advance(30)
            self.fail_once(answer)
            self.assertEqual(refreshed.state, Ok(("a",)))
        self.assertEqual(self.states, [Pending(), Ok(("a",))])
        self.assertEqual(len(self.logged()), len(bad))
        self.assertIn("no such name", str(self.logged()[0]["error"]))
        self.assertEqual(self.logged()[0]["what"], "what is known stays")

    def test_an_empty_answer_is_a_failure(self):
        refreshed = self.refreshed()
        self.observe(refreshed)
        self.fail_once([])
        self.assertIsInstance(self.states[-1].failure.value, NoEndpoints)
        self.clock.advance(1)
        self.fail_once(["a"])
        self.assertEqual(refreshed.state, Ok(("a",)))

    def test_what_is_raised_is_a_failure(self):
        self.source.outcome = ValueError("a bug")
        refreshed = self.refreshed()
        self.observe(refreshed)
        self.assertIsInstance(refreshed.state, Failed)

    def test_an_answer_that_does_not_come_is_given_up(self):
        refreshed = self.refreshed(timeout=5)
        self.observe(refreshed)
        self.clock.advance(4.9)
        self.assertNoResult(self.source.asked[0])
        self.clock.advance(0.1)
        self.assertEqual(self.source.cancelled, self.source.asked)
        self.assertIsInstance(self.states[-1].failure.value, RequestTimedOut)
        self.clock.advance(1)
        self.assertEqual(self.source.times, 2)

    def test_even_if_it_does_not_answer_to_being_cancelled(self):
        late: Deferred = Deferred()

        async def deaf():
            self.source.times += 1
            if self.source.times > 1:
                return ["b"]
            try:
                await Deferred()
            except CancelledError:
                return await late

        refreshed = self.refreshed(deaf, timeout=5)
        self.observe(refreshed)
        self.clock.advance(5)
        self.clock.advance(1)
        self.assertEqual(refreshed.state, Ok(("b",)))
        late.callback(["a"])
        self.assertEqual(refreshed.state, Ok(("b",)))

    def test_it_is_logged_while_nothing_is_known_too(self):
        self.observe(self.refreshed())
        self.fail_once(ValueError())
        (event,) = self.logged()
        self.assertEqual(event["what"], "nothing is known yet")

    @given(
        st.lists(
            st.sampled_from(["raise", "fail", "empty", "late", "a", "b"]), max_size=20
        )
    )
    def test_a_set_that_has_been_known_never_becomes_empty(self, answers):
        self.setUp()
        clock, source, states = self.clock, self.source, self.states
        refreshed = Refreshed(source, clock)
        observation = refreshed.observe(states.append)
        for answer in answers:
            if answer in ("a", "b"):
                source.asked.pop().callback([answer])
            elif answer == "late":
                clock.advance(10)
                source.asked.pop()
            elif answer == "empty":
                source.asked.pop().callback([])
            else:
                source.asked.pop().errback(ValueError())
            (time,) = self.calls()
            clock.advance(time - clock.seconds())
        known = [each for each in answers if each in ("a", "b")]
        if known:
            self.assertEqual(refreshed.state, Ok((known[-1],)))
            first = next(n for n, each in enumerate(states) if isinstance(each, Ok))
            self.assertTrue(all(isinstance(each, Ok) for each in states[first:]))
        observation.close()
        self.assertEqual(clock.getDelayedCalls(), [])


class UnderABalancerTests(Case):
    def test_a_balancer_follows_it_and_leaves_nothing_when_it_is_closed(self):
        balancer: Balancer = Balancer(
            self.refreshed(), lambda address: Service.mk(lambda request: address)
        )
        answer = balancer("request")
        self.source.asked[0].callback(["a"])
        self.assertEqual(self.successResultOf(answer), "a")
        self.clock.advance(30)
        self.source.asked[1].callback(["b"])
        self.assertEqual(self.successResultOf(balancer("request")), "b")
        self.clock.advance(30)
        self.source.asked[2].errback(ValueError())
        self.assertEqual(self.successResultOf(balancer("request")), "b")
        self.successResultOf(balancer.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_requests_fail_while_nothing_could_be_found(self):
        balancer: Balancer = Balancer(
            self.refreshed(lambda: fail(ValueError("no such name"))), lambda _: Service()
        )
        error = self.failureResultOf(balancer("request"), NoEndpoints).value
        self.assertIn("no such name", str(error))
        balancer.close()


class ArgumentTests(Case):
    def test_a_time_out_of_its_range_is_named(self):
        for name in ("interval", "timeout"):
            for value in (0, -1, math.inf, math.nan):
                error = self.assertRaises(ValueError, self.refreshed, **{name: value})
                self.assertIn(f"{name} must be", str(error))
                self.assertIn(repr(value), str(error))

    def test_it_tells_what_it_is(self):
        self.assertEqual(repr(self.refreshed()), "Refreshed(Source(), interval=30, Pending())")
