"""Stacks: filters in named places, which can be looked at, moved, replaced and removed."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Filter, Service, Stack
from txetcd.stack import Layer


class Tag(Filter):
    """Writes its name on each request that passes."""

    def __init__(self, name):
        self.name = name

    def apply(self, request, service):
        return service([*request, self.name])

    def __repr__(self):
        return f"Tag({self.name!r})"


A, B, C, X = Tag("a"), Tag("b"), Tag("c"), Tag("x")
ABC = Stack([Layer("first", A, "at the top"), Layer("second", B), Layer("third", C, "at the end")])


class Case(SynchronousTestCase):
    def passes(self, stack: Stack) -> list[str]:
        """The names of the filters that a request passes, in order."""
        return self.successResultOf((stack.to_filter() >> Service.mk(lambda request: request))([]))


class OrderTests(Case):
    def test_a_request_passes_the_layers_from_the_top_down(self):
        self.assertEqual(self.passes(ABC), ["a", "b", "c"])
        self.assertEqual(ABC.roles, ("first", "second", "third"))

    def test_an_empty_stack_is_the_identity(self):
        self.assertIs(Stack().to_filter(), Filter.identity)
        self.assertEqual(Stack().roles, ())
        self.assertEqual(len(Stack()), 0)

    def test_a_filter_is_put_at_each_place(self):
        for stack, expected in [
            (ABC.prepend("new", X), ["x", "a", "b", "c"]),
            (ABC.insert_before("first", "new", X), ["x", "a", "b", "c"]),
            (ABC.insert_after("first", "new", X), ["a", "x", "b", "c"]),
            (ABC.insert_before("second", "new", X), ["a", "x", "b", "c"]),
            (ABC.insert_after("second", "new", X), ["a", "b", "x", "c"]),
            (ABC.insert_before("third", "new", X), ["a", "b", "x", "c"]),
            (ABC.insert_after("third", "new", X), ["a", "b", "c", "x"]),
            (ABC.append("new", X), ["a", "b", "c", "x"]),
        ]:
            self.assertEqual(self.passes(stack), expected)
            self.assertEqual(stack["new"].filter, X)

    def test_a_role_is_given_another_filter_in_its_place(self):
        for role, expected in [
            ("first", ["x", "b", "c"]),
            ("second", ["a", "x", "c"]),
            ("third", ["a", "b", "x"]),
        ]:
            self.assertEqual(self.passes(ABC.replace(role, X)), expected)

    def test_a_replaced_filter_keeps_the_reason_of_its_place_unless_given_one(self):
        self.assertEqual(ABC.replace("first", X)["first"], Layer("first", X, "at the top"))
        self.assertEqual(ABC.replace("first", X, "new")["first"], Layer("first", X, "new"))
        self.assertEqual(ABC.replace("first", X, "")["first"], Layer("first", X, ""))

    def test_a_role_is_removed(self):
        self.assertEqual(self.passes(ABC.remove("first")), ["b", "c"])
        self.assertEqual(self.passes(ABC.remove("second")), ["a", "c"])
        self.assertEqual(self.passes(ABC.remove("third")), ["a", "b"])

    def test_the_layers_below_a_role_are_a_stack(self):
        self.assertEqual(self.passes(ABC.below("first")), ["b", "c"])
        self.assertEqual(self.passes(ABC.below("second")), ["c"])
        self.assertEqual(ABC.below("third"), Stack())

    def test_a_stack_is_not_changed_by_what_is_made_of_it(self):
        before = tuple(ABC)
        for change in CHANGES:
            change(ABC)
        self.assertEqual(tuple(ABC), before)

    def test_a_stack_is_not_changed_with_the_list_it_was_made_of(self):
        layers = [Layer("first", A)]
        stack = Stack(layers)
        layers.append(Layer("second", B))
        self.assertEqual(stack.roles, ("first",))


CHANGES = [
    lambda stack: stack.append("new", X),
    lambda stack: stack.prepend("new", X),
    lambda stack: stack.insert_before("second", "new", X),
    lambda stack: stack.insert_after("second", "new", X),
    lambda stack: stack.replace("second", X),
    lambda stack: stack.remove("second"),
]


class LookingTests(Case):
    def test_a_layer_is_found_by_its_role(self):
        self.assertEqual(ABC["second"], Layer("second", B, ""))
        self.assertIn("second", ABC)
        self.assertNotIn("fourth", ABC)
        self.assertEqual([layer.role for layer in ABC], ["first", "second", "third"])

    def test_stacks_are_equal_by_their_layers(self):
        same = Stack([Layer("first", A, "at the top")]).append("second", B)
        same = same.append("third", C, "at the end")
        self.assertEqual(ABC, same)
        self.assertEqual(hash(ABC), hash(same))
        self.assertNotEqual(ABC, ABC.remove("first"))
        self.assertNotEqual(ABC, tuple(ABC))

    def test_a_stack_is_printed_as_a_table(self):
        self.assertEqual(
            str(ABC).splitlines(),
            [
                "role    filter    reason",
                "first   Tag('a')  at the top",
                "second  Tag('b')",
                "third   Tag('c')  at the end",
            ],
        )
        self.assertEqual(str(Stack()), "role  filter  reason")

    def test_the_repr_names_the_roles_in_order(self):
        self.assertEqual(repr(ABC), "<Stack first >> second >> third>")
        self.assertEqual(repr(Stack()), "<Stack empty>")


class ErrorTests(Case):
    def test_a_role_that_is_not_there_is_named_with_those_that_are(self):
        for look in (
            lambda: ABC["fourth"],
            lambda: ABC.insert_before("fourth", "new", X),
            lambda: ABC.insert_after("fourth", "new", X),
            lambda: ABC.replace("fourth", X),
            lambda: ABC.remove("fourth"),
            lambda: ABC.below("fourth"),
        ):
            message = str(self.assertRaises(ValueError, look))
            self.assertEqual(message, "no role 'fourth' in <Stack first >> second >> third>")

    def test_a_role_is_given_once(self):
        for add in (
            lambda: ABC.append("second", X),
            lambda: ABC.prepend("second", X),
            lambda: ABC.insert_before("first", "second", X),
            lambda: ABC.insert_after("third", "second", X),
            lambda: Stack([Layer("second", A), Layer("second", B)]),
        ):
            self.assertIn("'second' is taken", str(self.assertRaises(ValueError, add)))

    def test_a_layer_needs_a_filter_and_a_name(self):
        wrong: Any
        for wrong in (None, lambda request, service: None, Service.mk(lambda request: None), Tag):
            self.assertRaises(TypeError, ABC.append, "new", wrong)
            self.assertRaises(TypeError, ABC.replace, "first", wrong)
        self.assertRaises(TypeError, ABC.append, 5, X)


class PropertyTests(Case):
    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.text(), unique=True, max_size=6), st.data())
    def test_what_was_inserted_and_removed_again_leaves_the_stack_as_it_was(self, roles, data):
        stack = Stack(Layer(role, Tag(role)) for role in roles)
        new = data.draw(st.text().filter(lambda text: text not in roles))
        ways = [stack.append(new, X), stack.prepend(new, X)]
        ways += [stack.insert_before(role, new, X) for role in roles]
        ways += [stack.insert_after(role, new, X) for role in roles]
        for way in ways:
            self.assertEqual(len(way), len(stack) + 1)
            self.assertEqual(way.remove(new), stack)
        self.assertEqual(self.passes(stack), roles)
