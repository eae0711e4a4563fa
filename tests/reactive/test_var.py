"""Values that are set: who is told of what, when, and until when."""

from __future__ import annotations

from functools import partial
from operator import is_
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txetcd.reactive import Var


def note(order: list[tuple[int, Any]], n: int, value: Any) -> None:
    order.append((n, value))


class Case(SynchronousTestCase):
    def setUp(self):
        self.var: Var[Any] = Var(0)

    def observed(self) -> list[Any]:
        """What one who observes it is told."""
        seen: list[Any] = []
        self.var.observe(seen.append)
        return seen


class VarTests(Case):
    def test_it_is_what_it_was_last_set_to(self):
        self.assertEqual(self.var.value, 0)
        for value in (1, None, [2], [2]):
            self.var.update(value)
            self.assertEqual(self.var.value, value)

    def test_who_observes_it_is_told_at_once_and_at_each_change(self):
        self.var.update(1)
        seen = self.observed()
        self.assertEqual(seen, [1])
        self.var.update(2)
        self.var.update(None)
        self.assertEqual(seen, [1, 2, None])

    def test_an_equal_value_is_no_change(self):
        seen = self.observed()
        first: list[int] = [1]
        for value in (0, first, [1], 0):
            self.var.update(value)
        self.assertEqual(seen, [0, [1], 0])
        self.var.update(first)
        self.var.update([1])
        self.assertIs(self.var.value, first)

    def test_what_is_no_change_may_be_chosen(self):
        self.var = Var([1], same=is_)
        seen = self.observed()
        value = [1]
        self.var.update(value)
        self.var.update(value)
        self.assertEqual(seen, [[1], [1]])

    def test_all_are_told_in_the_order_in_which_they_came(self):
        order: list[tuple[int, Any]] = []
        for n in range(3):
            self.var.observe(partial(note, order, n))
        order.clear()
        self.var.update(1)
        self.assertEqual(order, [(0, 1), (1, 1), (2, 1)])

    def test_who_has_closed_is_told_no_more(self):
        seen: list[Any] = []
        observing = self.var.observe(seen.append)
        others = self.observed()
        self.assertIsNone(self.successResultOf(observing.close()))
        self.var.update(1)
        self.assertEqual((seen, others), ([0], [0, 1]))
        self.assertIsNone(self.successResultOf(observing.close()))

    def test_one_function_may_observe_it_twice(self):
        seen: list[Any] = []
        first = self.var.observe(seen.append)
        self.var.observe(seen.append)
        self.successResultOf(first.close())
        self.var.update(1)
        self.assertEqual(seen, [0, 0, 1])

    def test_it_counts_its_observers_and_the_repr_shows_them(self):
        self.assertEqual(repr(self.var), "<Var 0, observed by 0>")
        observing = self.var.observe(id)
        self.observed()
        self.assertEqual((self.var.observers, repr(self.var)), (2, "<Var 0, observed by 2>"))
        self.assertEqual(repr(observing), f"<observer, open: {id!r}>")
        observing.close()
        self.assertEqual(repr(observing), f"<observer, closed: {id!r}>")
        self.assertEqual(self.var.observers, 1)


class ErrorTests(Case):
    def raises(self, seen: list[Any]) -> Any:
        def told(value):
            seen.append(value)
            raise ZeroDivisionError

        return told

    def test_what_an_observer_raises_is_logged_and_keeps_nobody_from_being_told(self):
        raised: list[Any] = []
        self.var.observe(self.raises(raised))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        seen = self.observed()
        self.var.update(1)
        self.assertEqual(seen, [0, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_it_goes_on_being_told(self):
        raised: list[Any] = []
        self.var.observe(self.raises(raised))
        self.var.update(1)
        self.assertEqual(raised, [0, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_what_the_comparing_raises_goes_to_whoever_sets_it(self):
        var = Var(1, same=lambda a, b: 1 / 0)
        self.assertRaises(ZeroDivisionError, var.update, 2)
        self.assertEqual(var.value, 1)


class ReentrancyTests(Case):
    """An observer may do anything with what it observes."""

    def changing(self, values: dict[Any, Any]) -> list[Any]:
        """One who observes it, and changes it when told of one of these."""
        seen: list[Any] = []

        def told(value):
            seen.append(value)
            if value in values:
                self.var.update(values[value])

        self.var.observe(told)
        return seen

    def test_one_that_changes_it_is_told_in_order_and_others_of_the_last_alone(self):
        before = self.observed()
        changing = self.changing({1: 2, 2: 3})
        after = self.observed()
        self.var.update(1)
        self.assertEqual(before, [0, 1, 2, 3])
        self.assertEqual(changing, [0, 1, 2, 3])
        self.assertEqual(after, [0, 3])

    def test_a_change_that_is_undone_is_told_once(self):
        changes = {1: 2}
        self.var.observe(lambda value: self.var.update(changes.pop(value, value)))
        self.changing({2: 1})
        after = self.observed()
        self.var.update(1)
        self.assertEqual(after, [0, 1])

    def test_one_that_changes_it_as_it_begins_is_told_of_both(self):
        before = self.observed()
        self.assertEqual(self.changing({0: 1}), [0, 1])
        self.assertEqual(before, [0, 1])

    def test_one_that_comes_while_others_are_told_is_told_once(self):
        late: list[list[Any]] = []
        self.var.observe(lambda _: late.append(self.observed()))
        late.clear()
        self.var.update(1)
        self.assertEqual(late, [[1]])
        self.var.update(2)
        self.assertEqual(late, [[1, 2], [2]])

    def test_one_that_is_closed_by_another_is_not_told(self):
        closing: list[Any] = []
        self.var.observe(lambda _: [each.close() for each in closing])
        seen: list[Any] = []
        closing.append(self.var.observe(seen.append))
        self.var.update(1)
        self.assertEqual(seen, [0])

    def test_one_may_close_itself(self):
        seen: list[Any] = []

        def told(value):
            seen.append(value)
            if value == 1:
                observing.close()

        observing = self.var.observe(told)
        others = self.observed()
        self.var.update(1)
        self.var.update(2)
        self.assertEqual((seen, others), ([0, 1], [0, 1, 2]))
