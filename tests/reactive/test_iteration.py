"""Values and activities in a loop."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.reactive.plain import closed, failed, started, step
from txetcd.reactive import Activity, Ok, Pending, Var


class Case(SynchronousTestCase):
    def setUp(self):
        self.var: Var[Any] = Var(1)
        self.seen: list[Any] = []


class VaryingTests(Case):
    def loop(self, varying: Any, last: Any = None, pause: Any = None) -> Deferred:
        async def loop():
            async for value in varying:
                self.seen.append(value)
                if value == last:
                    break
                if pause is not None:
                    await pause

        return started(loop())

    def test_it_gives_the_value_now_and_each_change(self):
        loop = self.loop(self.var.map(str))
        for value in (2, 3):
            self.var.update(value)
        self.assertEqual(self.seen, ["1", "2", "3"])
        self.assertNoResult(loop)

    def test_one_that_is_slow_gets_the_latest(self):
        pause: Deferred = Deferred()
        self.loop(self.var, pause=pause)
        for value in (2, 3, 4):
            self.var.update(value)
        self.assertEqual(self.seen, [1])
        pause.callback(None)
        self.assertEqual(self.seen, [1, 4])

    def test_a_loop_that_is_left_leaves_no_observer(self):
        loop = self.loop(self.var, last=2)
        self.assertEqual(self.var.observers, 1)
        self.var.update(2)
        self.successResultOf(loop)
        # What is logged or fails elsewhere may hold on to it, but not for ever.
        gc.collect()
        self.assertEqual((self.var.observers, self.seen), (0, [1, 2]))

    def test_nor_does_one_that_is_cancelled(self):
        loop = self.loop(self.var)
        loop.cancel()
        self.failureResultOf(loop, CancelledError)
        gc.collect()
        self.assertEqual(self.var.observers, 0)

    def test_nor_one_that_fails(self):
        async def loop():
            async for _ in self.var:
                raise ZeroDivisionError

        self.failureResultOf(started(loop()), ZeroDivisionError)
        gc.collect()
        self.assertEqual(self.var.observers, 0)

    def test_one_that_never_began_observes_nothing(self):
        iterator = self.var.__aiter__()
        self.assertEqual(self.var.observers, 0)
        self.successResultOf(closed(iterator))
        self.failureResultOf(step(iterator), StopAsyncIteration)
        self.assertEqual(self.var.observers, 0)

    def test_a_step_that_was_cancelled_may_be_made_again(self):
        iterator = self.var.__aiter__()
        self.assertEqual(self.successResultOf(step(iterator)), 1)
        waiting = step(iterator)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.var.update(2)
        self.assertEqual(self.successResultOf(step(iterator)), 2)

    def test_closing_it_ends_the_step_that_waits(self):
        iterator = self.var.__aiter__()
        self.successResultOf(step(iterator))
        waiting = step(iterator)
        self.successResultOf(closed(iterator))
        self.failureResultOf(waiting, StopAsyncIteration)
        self.assertEqual(self.var.observers, 0)

    def test_two_steps_at_once_are_an_error(self):
        iterator = self.var.__aiter__()
        self.successResultOf(step(iterator))
        waiting = step(iterator)
        self.failureResultOf(step(iterator), RuntimeError)
        self.var.update(2)
        self.assertEqual(self.successResultOf(waiting), 2)

    def test_each_loop_has_a_value_of_its_own(self):
        one, other = self.var.__aiter__(), self.var.__aiter__()
        self.assertIs(one.__aiter__(), one)
        for each in (one, other):
            self.assertEqual(self.successResultOf(step(each)), 1)
        self.assertEqual(self.var.observers, 2)

    def test_the_repr_shows_whether_it_is_closed(self):
        iterator = self.var.__aiter__()
        self.assertEqual(repr(iterator), "<iteration: <latest value, open>>")
        self.successResultOf(closed(iterator))
        self.assertEqual(repr(iterator), "<iteration: <latest value, closed>>")


class ActivityTests(VaryingTests):
    """The same is so of an activity, of its values."""

    def setUp(self):
        super().setUp()
        self.states: Var[Any] = Var(Ok(1))
        self.activity = Activity.of_states(self.states)
        test = self

        class Both:
            """The states as a var of values, to run the same tests."""

            observers = property(lambda _: test.states.observers)

            def update(self, value):
                test.states.update(Ok(value))

            def map(self, function):
                return test.activity.map(function)

            def __aiter__(self):
                return test.activity.__aiter__()

        self.var: Any = Both()

    def test_what_is_no_value_is_waited_through(self):
        self.states.update(Pending())
        loop = self.loop(self.activity, last=3)
        for state in (failed(), Ok(2), Pending(), failed(), Ok(3)):
            self.states.update(state)
        self.successResultOf(loop)
        self.assertEqual(self.seen, [2, 3])

    def test_a_value_that_is_lost_before_it_was_taken_is_still_given(self):
        """It was the latest."""
        pause: Deferred = Deferred()
        self.loop(self.activity, pause=pause)
        self.states.update(Ok(2))
        self.states.update(failed())
        pause.callback(None)
        self.assertEqual(self.seen, [1, 2])

    def test_the_same_value_again_after_a_failure_is_a_change(self):
        self.loop(self.activity)
        self.states.update(Pending())
        self.states.update(Ok(1))
        self.assertEqual(self.seen, [1, 1])
