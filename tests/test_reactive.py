"""Activities: who is told of what, when, and until when."""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd.reactive import Activity, Failed, Ok, Pending, Variable


def note(order: list[tuple[int, Any]], n: int, state: Any) -> None:
    order.append((n, state))


class Case(SynchronousTestCase):
    def setUp(self):
        self.variable: Variable[Any] = Variable()

    def observed(self) -> list[Any]:
        """What one who observes it is told."""
        seen: list[Any] = []
        self.variable.observe(seen.append)
        return seen


class StateTests(SynchronousTestCase):
    def test_states_with_the_same_value_are_equal(self):
        failure = Failure(ValueError())
        self.assertEqual(Pending(), Pending())
        self.assertEqual(Ok([1]), Ok([1]))
        self.assertNotEqual(Ok(1), Ok(2))
        self.assertNotEqual(Ok(None), Pending())
        self.assertEqual(Failed(failure), Failed(failure))

    def test_a_state_does_not_change(self):
        for state, name in ((Ok(1), "value"), (Failed(Failure(ValueError())), "failure")):
            self.assertRaises(attrs.exceptions.FrozenInstanceError, setattr, state, name, 2)


class VariableTests(Case):
    def test_nothing_is_known_at_first_unless_it_is_given(self):
        self.assertEqual(Variable().state, Pending())
        self.assertEqual(Variable(Ok(1)).state, Ok(1))

    def test_it_is_what_it_last_became(self):
        for state in (Ok(1), Failed(Failure(ValueError())), Ok(2), Pending()):
            self.variable.become(state)
            self.assertIs(self.variable.state, state)

    def test_who_observes_it_is_told_at_once_and_at_each_change(self):
        self.variable.become(Ok(1))
        seen = self.observed()
        self.assertEqual(seen, [Ok(1)])
        failed = Failed(Failure(ValueError()))
        for state in (Ok(2), failed, Pending()):
            self.variable.become(state)
        self.assertEqual(seen, [Ok(1), Ok(2), failed, Pending()])

    def test_what_is_the_same_is_no_change(self):
        seen = self.observed()
        for state in (Pending(), Ok([1]), Ok([1]), Ok([1]), Pending()):
            self.variable.become(state)
        self.assertEqual(seen, [Pending(), Ok([1]), Pending()])

    def test_all_are_told_in_the_order_in_which_they_came(self):
        order: list[tuple[int, Any]] = []
        for n in range(3):
            self.variable.observe(partial(note, order, n))
        order.clear()
        self.variable.become(Ok(1))
        self.assertEqual(order, [(0, Ok(1)), (1, Ok(1)), (2, Ok(1))])

    def test_who_has_closed_is_told_no_more(self):
        seen: list[Any] = []
        observing = self.variable.observe(seen.append)
        others = self.observed()
        self.assertIsNone(self.successResultOf(observing.close()))
        self.variable.become(Ok(1))
        self.assertEqual(seen, [Pending()])
        self.assertEqual(others, [Pending(), Ok(1)])
        self.assertIsNone(self.successResultOf(observing.close()))

    def test_one_function_may_observe_it_twice(self):
        seen: list[Any] = []
        first = self.variable.observe(seen.append)
        self.variable.observe(seen.append)
        self.successResultOf(first.close())
        self.variable.become(Ok(1))
        self.assertEqual(seen, [Pending(), Pending(), Ok(1)])

    def test_a_value_may_be_given_once_and_for_all(self):
        activity = Activity.of(5)
        seen: list[Any] = []
        self.successResultOf(activity.observe(seen.append).close())
        self.assertEqual((activity.state, seen), (Ok(5), [Ok(5)]))

    def test_the_repr_shows_the_state(self):
        self.assertEqual(repr(Variable(Ok(1))), "<Variable Ok(value=1)>")


class ErrorTests(Case):
    def test_what_an_observer_raises_is_logged_and_keeps_nobody_from_being_told(self):
        def raises(state):
            raise ZeroDivisionError

        self.variable.observe(raises)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        seen = self.observed()
        self.variable.become(Ok(1))
        self.assertEqual(seen, [Pending(), Ok(1)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_it_goes_on_being_told(self):
        seen: list[Any] = []

        def raises(state):
            seen.append(state)
            raise ZeroDivisionError

        self.variable.observe(raises)
        self.variable.become(Ok(1))
        self.assertEqual(seen, [Pending(), Ok(1)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class ReentrancyTests(Case):
    """An observer may do anything with what it observes."""

    def change(self, states: dict[Any, Any]) -> list[Any]:
        """One who observes it, and changes it when told of one of these."""
        seen: list[Any] = []

        def told(state):
            seen.append(state)
            if state in states:
                self.variable.become(states[state])

        self.variable.observe(told)
        return seen

    def test_one_that_changes_it_is_told_in_order_and_others_of_the_last_alone(self):
        before = self.observed()
        changing = self.change({Ok(1): Ok(2), Ok(2): Ok(3)})
        after = self.observed()
        self.variable.become(Ok(1))
        self.assertEqual(before, [Pending(), Ok(1), Ok(2), Ok(3)])
        self.assertEqual(changing, [Pending(), Ok(1), Ok(2), Ok(3)])
        self.assertEqual(after, [Pending(), Ok(3)])

    def test_a_change_that_is_undone_is_told_once(self):
        first = Ok(1)
        changes: dict[Any, Any] = {first: Ok(2)}
        self.variable.observe(lambda state: self.variable.become(changes.pop(state, state)))
        self.change({Ok(2): first})
        after = self.observed()
        self.variable.become(first)
        self.assertEqual(after, [Pending(), first])

    def test_one_that_changes_it_as_it_begins_is_told_of_both(self):
        seen = self.change({Pending(): Ok(1)})
        self.assertEqual(seen, [Pending(), Ok(1)])

    def test_one_that_comes_while_others_are_told_is_told_once(self):
        late: list[list[Any]] = []
        self.variable.observe(lambda _: late.append(self.observed()))
        late.clear()
        self.variable.become(Ok(1))
        self.assertEqual(late, [[Ok(1)]])

    def test_one_that_is_closed_by_another_is_not_told(self):
        closing: list[Any] = []
        self.variable.observe(lambda _: [each.close() for each in closing])
        seen: list[Any] = []
        closing.append(self.variable.observe(seen.append))
        self.variable.become(Ok(1))
        self.assertEqual(seen, [Pending()])

    def test_one_may_close_itself(self):
        seen: list[Any] = []

        def told(state):
            seen.append(state)
            if state == Ok(1):
                observing.close()

        observing = self.variable.observe(told)
        others = self.observed()
        self.variable.become(Ok(1))
        self.variable.become(Ok(2))
        self.assertEqual(seen, [Pending(), Ok(1)])
        self.assertEqual(others, [Pending(), Ok(1), Ok(2)])


class LawTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.one_of(st.integers(0, 3), st.just("open"), st.just("close"))))
    def test_each_is_told_of_the_changes_between_its_beginning_and_its_end(self, steps):
        variable: Variable[int] = Variable(Ok(0))
        changes = [0]
        # What was told, what should have been, and what closes it.
        observing: list[tuple[list[Any], list[int], Any]] = []
        ended: list[tuple[list[Any], list[int], Any]] = []
        for step in steps:
            if step == "open":
                seen: list[Any] = []
                observing.append((seen, [changes[-1]], variable.observe(seen.append)))
            elif step == "close":
                if observing:
                    ended.append(observing.pop(0))
                    ended[-1][2].close()
            else:
                if step != changes[-1]:
                    for _, expected, _ in observing:
                        expected.append(step)
                changes.append(step)
                variable.become(Ok(step))
        for seen, expected, _ in observing + ended:
            self.assertEqual(seen, [Ok(each) for each in expected])
