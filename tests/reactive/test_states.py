"""The three states of an activity."""

from __future__ import annotations

import attrs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.reactive.plain import failed
from txetcd.reactive import Failed, Ok, Pending
from txetcd.reactive.states import alike


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

    def test_alike_are_those_that_hold_the_same_object(self):
        value: list[int] = []
        failure = failed()
        for one, other, expected in (
            (Pending(), Pending(), True),
            (Ok(value), Ok(value), True),
            (Ok(value), Ok([]), False),
            (Ok(value), Pending(), False),
            (failure, Failed(failure.failure), True),
            (failure, failed(), False),
        ):
            self.assertIs(alike(one, other), expected, (one, other))

    def test_values_are_not_compared(self):
        class Large:
            def __eq__(self, other):
                raise AssertionError("compared")

            __hash__ = None  # type: ignore[assignment]

        self.assertFalse(alike(Ok(Large()), Ok(Large())))
