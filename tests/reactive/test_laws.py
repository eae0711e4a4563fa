"""The laws of the algebra, for any activities and any changes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.reactive.expressions import World, expressions, shown, updates
from txetcd.reactive import Activity, Ok, Pending, Var, Varying

many = settings(deadline=None, max_examples=150)
changes = st.lists(updates, max_size=12)


def observed(observable: Any) -> list[Any]:
    seen: list[Any] = []
    observable.observe(lambda state: seen.append(shown(state)))
    return seen


def without_repeats(seen: list[Any]) -> list[Any]:
    return [state for state, _ in groupby(seen)]


def values(seen: list[Any]) -> list[Any]:
    return [state.value for state in seen if isinstance(state, Ok)]


class WhatHoldsTests(SynchronousTestCase):
    @many
    @given(st.lists(expressions, min_size=1, max_size=3), changes)
    def test_what_is_told_is_what_holds_and_it_is_told_once_a_change(self, made, changes):
        world = World()
        told: list[tuple[int, Any, Any]] = []
        observing = []
        for n, expression in enumerate(made):

            def tell(state, n=n, expression=expression):
                told.append((n, shown(state), world.expected(expression)))

            observing.append(world.activity(expression).observe(tell))
        for source, state in changes:
            told.clear()
            world.sources[source].update(state)
            self.assertEqual([seen for _, seen, _ in told], [due for _, _, due in told])
            self.assertEqual(len({n for n, _, _ in told}), len(told), "told twice of one change")
            for expression in made:
                state_now = shown(world.activity(expression).state)
                self.assertEqual(state_now, world.expected(expression))
        for each in observing:
            each.close()
        self.assertEqual([each.observers for each in world.sources], [0, 0, 0])
        self.assertEqual(self.flushLoggedErrors(), [])

    @many
    @given(expressions, changes)
    def test_nobody_is_left_untold(self, expression, changes):
        world = World()
        seen = observed(world.activity(expression))
        for source, state in changes:
            world.sources[source].update(state)
            self.assertEqual(seen[-1], world.expected(expression))

    @many
    @given(expressions, changes)
    def test_observed_or_not_it_is_the_same(self, expression, changes):
        one, other = World(), World()
        observed(one.activity(expression))
        for source, state in changes:
            one.sources[source].update(state)
            other.sources[source].update(state)
            state = shown(one.activity(expression).state)
            self.assertEqual(state, shown(other.activity(expression).state))


class ActivityLawTests(SynchronousTestCase):
    """Both sides of each law are told the same, at the same time."""

    def check(
        self,
        one: Callable[[Activity[Any]], Activity[Any]],
        other: Callable[[Activity[Any]], Activity[Any]],
        expression: Any,
        changes: Any,
        exactly: bool = True,
    ) -> None:
        world = World()
        activity = world.activity(expression)
        sides = observed(one(activity)), observed(other(activity))
        for source, state in changes:
            world.sources[source].update(state)
            seen = sides if exactly else tuple(map(without_repeats, sides))
            self.assertEqual(seen[0], seen[1])

    @many
    @given(expressions, changes)
    def test_mapping_the_identity_changes_nothing(self, expression, changes):
        self.check(lambda a: a.map(lambda x: x), lambda a: a, expression, changes)

    @many
    @given(expressions, changes)
    def test_mapping_twice_is_mapping_both(self, expression, changes):
        self.check(
            lambda a: a.map(lambda x: x * 2).map(str),
            lambda a: a.map(lambda x: str(x * 2)),
            expression,
            changes,
        )

    @many
    @given(expressions, changes)
    def test_map_and_filter_commute(self, expression, changes):
        self.check(
            lambda a: a.map(lambda x: x + 1).filter(lambda x: x % 2),
            lambda a: a.filter(lambda x: (x + 1) % 2).map(lambda x: x + 1),
            expression,
            changes,
        )

    @many
    @given(expressions, changes)
    def test_filtering_twice_is_filtering_by_both(self, expression, changes):
        self.check(
            lambda a: a.filter(lambda x: x % 2).filter(lambda x: x > 2),
            lambda a: a.filter(lambda x: x % 2 and x > 2),
            expression,
            changes,
        )

    @many
    @given(expressions, expressions, changes)
    def test_choosing_by_a_value_that_stays_is_the_choice(self, outer, inner, changes):
        """The left unit."""
        world = World()
        chosen = world.activity(inner)
        sides = observed(Activity.of(1).flat_map(lambda _: chosen)), observed(chosen)
        for source, state in changes:
            world.sources[source].update(state)
            self.assertEqual(*sides)

    @many
    @given(expressions, changes)
    def test_choosing_the_value_itself_changes_nothing(self, expression, changes):
        """The right unit."""
        self.check(lambda a: a.flat_map(Activity.of), lambda a: a, expression, changes)

    @many
    @given(expressions, expressions, expressions, changes)
    def test_choices_may_be_put_together_in_either_order(self, outer, first, second, changes):
        """Associativity; where a choice is the same again, one of the sides repeats itself."""
        world = World()
        a, b, c = map(world.activity, (outer, first, second))

        def f(n: int) -> Activity[Any]:
            return b.map(lambda x: x + n)

        def g(n: int) -> Activity[Any]:
            return c.map(lambda x: x * n)

        sides = (
            observed(a.flat_map(f).flat_map(g)),
            observed(a.flat_map(lambda x: f(x).flat_map(g))),
        )
        for source, state in changes:
            world.sources[source].update(state)
            self.assertEqual(*map(without_repeats, sides))

    @many
    @given(expressions, changes)
    def test_joining_with_what_stays_is_mapping(self, expression, changes):
        self.check(
            lambda a: a.join(Activity.of(1)), lambda a: a.map(lambda x: (x, 1)), expression, changes
        )

    @many
    @given(expressions, changes)
    def test_joining_with_itself_is_mapping(self, expression, changes):
        self.check(lambda a: a.join(a), lambda a: a.map(lambda x: (x, x)), expression, changes)

    @many
    @given(expressions, changes)
    def test_dedup_drops_repeats_and_once_is_enough(self, expression, changes):
        world = World()
        activity = world.activity(expression).map(lambda x: x // 2)
        one, two = observed(activity.dedup()), observed(activity.dedup().dedup())
        all_of_them = observed(activity)
        for source, state in changes:
            world.sources[source].update(state)
        self.assertEqual(one, two)
        self.assertEqual(without_repeats(one), without_repeats(all_of_them))

    @many
    @given(expressions, changes)
    def test_stabilize_never_loses_a_value_and_once_is_enough(self, expression, changes):
        self.check(
            lambda a: a.stabilize(), lambda a: a.stabilize().stabilize(), expression, changes
        )
        world = World()
        activity = world.activity(expression)
        seen, stable = observed(activity), observed(activity.stabilize())
        for source, state in changes:
            world.sources[source].update(state)
        known = [isinstance(state, Ok) for state in stable]
        self.assertEqual(known, sorted(known))
        # One that comes back to what it was has not changed where it was kept meanwhile.
        self.assertEqual(*map(without_repeats, map(values, (stable, seen))))

    @many
    @given(expressions, changes)
    def test_what_has_not_failed_needs_no_recovery(self, expression, changes):
        world = World()
        activity = world.activity(expression)
        recovered = activity.recover(lambda failure: "recovered")
        for source, state in changes:
            world.sources[source].update(state)
            state = shown(activity.state)
            expected = Ok("recovered") if isinstance(state, type) else state
            self.assertEqual(recovered.state, expected)


class VaryingLawTests(SynchronousTestCase):
    """The same of values that are always there."""

    def check(self, one: Varying[Any], other: Varying[Any], var: Var[int], values: Any) -> None:
        sides = observed(one), observed(other)
        for each in values:
            var.update(each)
            self.assertEqual(*sides)
            self.assertEqual(one.value, other.value)

    @many
    @given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
    def test_the_laws_of_map_flat_map_join_and_dedup(self, values, others):
        var, other = Var(0), Var(0)

        def f(n: int) -> Varying[int]:
            return other.map(lambda m: m + n)

        def g(n: int) -> Varying[int]:
            return var.map(lambda m: m * n)

        for one, two in (
            (var.map(lambda x: x), var),
            (var.map(str).map(len), var.map(lambda x: len(str(x)))),
            (Var(3).flat_map(f), f(3)),
            (var.flat_map(Var), var),
            (var.flat_map(f).flat_map(g), var.flat_map(lambda x: f(x).flat_map(g))),
            (var.join(other), var.flat_map(lambda x: other.map(lambda y: (x, y)))),
            (var.map(lambda x: x // 2).dedup(), var.map(lambda x: x // 2).dedup().dedup()),
        ):
            self.check(one, two, var, values)
            self.check(one, two, other, others)
        self.assertEqual(self.flushLoggedErrors(), [])


class ExpressionTests(SynchronousTestCase):
    def test_there_are_expressions_of_all_kinds(self):
        """Else the laws might hold of sources alone."""
        kinds = set()

        @settings(deadline=None, max_examples=200, database=None, derandomize=True)
        @given(expressions)
        def find(expression):
            kinds.add(expression[0])

        find()
        self.assertEqual(
            kinds,
            {"source", "foreign", "map", "filter", "join", "flat_map", "dedup", "recover"},
        )
        self.assertEqual(World().expected(("source", 0)), Pending())
