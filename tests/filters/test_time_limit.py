"""TimeLimit: one time for all, and one delayed call while something is under way."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import NotSent, RequestTimedOut
from txetcd.filters.time_limit import TimeLimit


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.limit = TimeLimit(5, self.clock)

    def bound(self, inner: Deferred[Any]) -> Deferred[Any]:
        return self.limit.bound(inner)

    def planned(self) -> list[float]:
        """When the delayed calls are to come."""
        calls: Any = self.clock.getDelayedCalls()
        return sorted(call.getTime() for call in calls)

    def tearDown(self):
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BoundTests(Case):
    def test_what_has_ended_already_is_passed_on_without_a_delayed_call(self):
        self.assertEqual(self.successResultOf(self.bound(succeed(1))), 1)
        error = NotSent("refused")
        self.assertIs(self.failureResultOf(self.bound(fail(error))).value, error)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_deferred_is_another_than_the_one_that_is_bounded(self):
        inner: Deferred = Deferred()
        outer = self.bound(inner)
        self.assertIsNot(outer, inner)
        inner.callback("answer")
        self.assertEqual(self.successResultOf(outer), "answer")
        self.assertIsNone(self.successResultOf(inner))

    def test_one_that_waits_for_another_is_cancelled_in_its_turn(self):
        cancelled: list[Deferred] = []
        inner = succeed(None).addCallback(lambda _: Deferred(cancelled.append))
        outer = self.bound(inner)
        self.clock.advance(5)
        self.failureResultOf(outer, RequestTimedOut)
        self.assertEqual(len(cancelled), 1)

    def test_the_delayed_call_moves_on_to_the_first_that_is_left(self):
        inner: list[Deferred] = [Deferred() for _ in range(3)]
        outer = []
        for each in inner:
            outer.append(self.bound(each))
            self.clock.advance(1)
        inner[0].callback("answer")
        self.successResultOf(outer[0])
        self.clock.advance(2)
        self.assertEqual(self.planned(), [6])
        self.clock.advance(1)
        self.failureResultOf(outer[1], RequestTimedOut)
        self.assertEqual(self.planned(), [7])
        outer[2].cancel()
        self.failureResultOf(outer[2], CancelledError)

    def test_no_time_at_all_is_a_turn_of_the_clock(self):
        self.limit = TimeLimit(0, self.clock)
        outer = self.bound(Deferred())
        self.assertNoResult(outer)
        self.clock.advance(0)
        self.assertEqual(str(self.failureResultOf(outer).value), "no reply within 0 s")

    def test_the_end_of_one_may_begin_and_end_others(self):
        inner: list[Deferred] = [Deferred(), Deferred()]
        outer = self.bound(inner[0])
        again = outer.addErrback(lambda _: self.bound(inner[1]))
        self.clock.advance(5)
        self.assertNoResult(again)
        self.assertEqual(self.planned(), [10])
        again.cancel()
        self.failureResultOf(again, CancelledError)

    def test_cancelling_may_bound_another_at_once(self):
        later: list[Deferred] = []
        inner: Deferred = Deferred(lambda _: later.append(self.bound(Deferred())))
        outer = self.bound(inner)
        self.clock.advance(1)
        outer.cancel()
        self.failureResultOf(outer, CancelledError)
        self.clock.advance(4.9)
        self.assertNoResult(later[0])
        self.clock.advance(0.1)
        self.failureResultOf(later[0], RequestTimedOut)


class SetBackTests(Case):
    def test_what_was_begun_before_ends_by_the_clock_as_it_was(self):
        self.clock.rightNow = 100.0
        before: Deferred = Deferred()
        outer = self.bound(before)
        self.clock.rightNow = 50.0
        after = self.bound(Deferred())
        again = self.bound(Deferred())
        self.assertEqual(self.planned(), [55, 105])
        self.clock.advance(5)
        self.failureResultOf(after, RequestTimedOut)
        self.failureResultOf(again, RequestTimedOut)
        self.assertNoResult(outer)
        before.callback("answer")
        self.assertEqual(self.successResultOf(outer), "answer")

    def test_one_that_ends_at_once_moves_nothing(self):
        self.clock.rightNow = 100.0
        self.successResultOf(self.bound(succeed(None)))
        self.clock.rightNow = 50.0
        outer = self.bound(Deferred())
        self.clock.advance(5)
        self.failureResultOf(outer, RequestTimedOut)
