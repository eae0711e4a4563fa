"""The next value, as a Deferred."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from tests.reactive.plain import Plain, failed
from txetcd.reactive import Activity, Ok, Pending, Source, Var


class VarTests(SynchronousTestCase):
    def setUp(self):
        self.var: Var[Any] = Var(1)

    def test_it_is_the_value_after_the_present_one(self):
        waiting = self.var.map(str).next()
        self.assertNoResult(waiting)
        self.var.update(2)
        self.assertEqual((self.successResultOf(waiting), self.var.observers), ("2", 0))

    def test_cancelling_stops_observing(self):
        waiting = self.var.next()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.var.observers, 0)
        self.var.update(2)

    def test_one_that_waits_may_wait_again_at_once(self):
        seen: list[Any] = []

        def again(value):
            seen.append(value)
            self.var.next().addCallback(seen.append)

        self.var.next().addCallback(again)
        self.var.update(2)
        self.assertEqual(seen, [2])
        self.var.update(3)
        self.assertEqual((seen, self.var.observers), ([2, 3], 0))

    def test_one_that_waited_may_change_it_and_the_others_get_the_newest(self):
        seen: list[Any] = []
        for begin in (lambda value: self.var.update(value + 3), seen.append):
            self.var.next().addCallback(begin)
        self.var.update(2)
        self.assertEqual((seen, self.var.value), ([5], 5))


class ActivityTests(SynchronousTestCase):
    def setUp(self):
        self.var: Var[Any] = Var(Pending())
        self.activity = Activity.of_states(self.var)

    def test_next_is_the_state_after_the_present_one_whichever_it_is(self):
        for state in (Ok(1), failed(), Pending()):
            waiting = self.activity.next()
            self.assertNoResult(waiting)
            self.var.update(state)
            self.assertEqual(self.successResultOf(waiting), state)
        self.assertEqual(self.var.observers, 0)

    def test_a_state_that_comes_as_it_is_begun_to_be_observed_is_the_next(self):
        plain = Plain(Pending())
        plain.becomes = [Ok(1), Ok(2)]
        self.assertEqual(self.successResultOf(plain.next()), Ok(1))
        self.assertEqual(plain.told, [])

    def test_next_ok_is_the_value_that_is_there(self):
        self.var.update(Ok(None))
        self.assertIsNone(self.successResultOf(self.activity.next_ok()))
        self.assertEqual(self.var.observers, 0)

    def test_next_ok_waits_through_what_is_none(self):
        waiting = self.activity.next_ok()
        for state in (failed(), Pending()):
            self.var.update(state)
            self.assertNoResult(waiting)
        self.var.update(Ok(1))
        self.assertEqual((self.successResultOf(waiting), self.var.observers), (1, 0))

    def test_cancelling_stops_observing(self):
        for begin in (self.activity.next, self.activity.next_ok):
            waiting: Any = begin()
            self.assertEqual(self.var.observers, 1)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            self.assertEqual(self.var.observers, 0)

    def test_a_thousand_may_wait_for_one_value(self):
        waiting = [self.activity.map(str).next_ok() for _ in range(1000)]
        self.var.update(Ok(1))
        self.assertEqual({self.successResultOf(each) for each in waiting}, {"1"})
        self.assertEqual(self.var.observers, 0)


class EventTests(SynchronousTestCase):
    def setUp(self):
        self.source: Source[Any] = Source()

    def test_it_is_the_next_occurrence(self):
        waiting = self.source.filter(lambda x: x > 1).map(str).next()
        self.source.notify(1)
        self.assertNoResult(waiting)
        self.source.notify(2)
        self.assertEqual((self.successResultOf(waiting), self.source.witnesses), ("2", 0))
        self.source.notify(3)

    def test_it_fails_if_that_is_a_failure(self):
        waiting = self.source.next()
        self.source.notify(failed().failure)
        self.failureResultOf(waiting, ValueError)
        self.assertEqual(self.source.witnesses, 0)

    def test_cancelling_closes_the_registration(self):
        waiting = self.source.next()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.source.witnesses, 0)

    def test_an_event_that_occurs_as_one_registers_is_closed(self):
        class Eager(Source):
            def register(self, witness):
                registration = super().register(witness)
                self.notify("first")
                self.notify("second")
                return registration

        eager: Any = Eager()
        self.assertEqual((self.successResultOf(eager.next()), eager.witnesses), ("first", 0))
