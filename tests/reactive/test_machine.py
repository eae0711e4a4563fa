"""Observing, closing and changing in any order, also by those who are told."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.reactive.expressions import SOURCES, World, expressions, shown, updates


class Observer:
    """One that may do something when it is told: once, so that it comes to an end.

    Args:
        machine: Where it is.
        expression: What it observes.
        does: What it does when it is told the next time.
    """

    def __init__(self, machine: Machine, expression: Any, does: Any) -> None:
        self.machine = machine
        self.expression = expression
        self.does = does
        self.closed = False
        self.seen: list[Any] = []
        self.observing = machine.world.activity(expression).observe(self.told)
        if self.closed:
            self.observing.close()

    def told(self, state: Any) -> None:
        assert not self.closed
        # What is told is what holds.
        assert shown(state) == self.machine.world.expected(self.expression)
        self.seen.append(shown(state))
        does, self.does = self.does, None
        if does is not None:
            self.machine.does(*does)

    def close(self) -> None:
        self.closed = True
        if hasattr(self, "observing"):
            self.observing.close()


actions = st.none() | st.one_of(
    st.tuples(st.just("update"), updates),
    st.tuples(st.just("observe"), expressions),
    st.tuples(st.just("close"), st.integers(0, 5)),
    st.tuples(st.just("raise"), st.none()),
)


class Machine(RuleBasedStateMachine):
    observers = Bundle("observers")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.all: list[Observer] = []

    def observe(self, expression: Any, does: Any = None) -> Observer:
        observer = Observer(self, expression, does)
        self.all.append(observer)
        return observer

    def does(self, what: str, which: Any) -> None:
        if what == "update":
            self.update(which)
        elif what == "observe":
            self.observe(which)
        elif what == "raise":
            raise ZeroDivisionError
        elif which < len(self.all):
            self.all[which].close()

    @rule(update=updates)
    def update(self, update):
        source, state = update
        self.world.sources[source].update(state)

    @rule(target=observers, expression=expressions, does=actions)
    def one_observes(self, expression, does):
        observer = self.observe(expression, does)
        assert observer.seen
        return observer

    @rule(observer=consumes(observers))
    def one_is_closed(self, observer):
        observer.close()

    @rule(observer=observers, does=actions)
    def one_will_do_something(self, observer, does):
        observer.does = does

    @rule(expression=expressions)
    def one_is_read(self, expression):
        state = self.world.activity(expression).state
        assert shown(state) == self.world.expected(expression)

    @invariant()
    def all_know_what_holds(self):
        for each in self.all:
            assert each.closed or each.seen[-1] == self.world.expected(each.expression)

    def teardown(self):
        for each in self.all:
            each.close()
        assert [each.observers for each in self.world.sources] == [0] * SOURCES
        for activity in self.world._made.values():
            assert activity.states.observers == 0


class MachineTests(SynchronousTestCase):
    def test_all_are_told_what_holds_and_nothing_is_left_whatever_happens(self):
        run_state_machine_as_test(
            Machine, settings=settings(max_examples=200, stateful_step_count=40, deadline=None)
        )
        # What they raised stayed their own.
        raised = self.flushLoggedErrors(ZeroDivisionError)
        self.assertTrue(raised)
