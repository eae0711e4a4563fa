"""What becomes of states: pure functions of them, none of which raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

from twisted.python.failure import Failure

from txetcd.reactive.derived import dropping_equal
from txetcd.reactive.states import Failed, Ok, Pending

__all__ = ["filtered", "joined", "loses", "mapped", "recovered", "repeats"]

AnyState = Union[Pending, Ok[Any], Failed]


def mapped(function: Callable[[Any], Any], state: AnyState) -> AnyState:
    """The function of a value."""
    if not isinstance(state, Ok):
        return state
    try:
        return Ok(function(state.value))
    except Exception:
        return Failed(Failure())


def filtered(predicate: Callable[[Any], object], state: AnyState) -> AnyState:
    """A value of which the predicate holds."""
    if not isinstance(state, Ok):
        return state
    try:
        return state if predicate(state.value) else Pending()
    except Exception:
        return Failed(Failure())


def recovered(function: Callable[[Failure], Any], state: AnyState) -> AnyState:
    """The function of a failure, in its place."""
    if not isinstance(state, Failed):
        return state
    try:
        return Ok(function(state.failure))
    except Exception as error:
        return state if error is state.failure.value else Failed(Failure())


def joined(*states: AnyState) -> AnyState:
    """All values; or the first failure; or that some are pending."""
    values = []
    for state in states:
        if isinstance(state, Failed):
            return state
        if isinstance(state, Ok):
            values.append(state.value)
    return Ok(tuple(values)) if len(values) == len(states) else Pending()


def repeats(same: Callable[[Any, Any], object], before: AnyState, after: AnyState) -> bool:
    """Whether the second is the same as the first."""
    if isinstance(before, Ok) and isinstance(after, Ok):
        return dropping_equal(same, before.value, after.value)
    return before == after


def loses(before: AnyState, after: AnyState) -> bool:
    """Whether the first has a value and the second has none."""
    return isinstance(before, Ok) and not isinstance(after, Ok)
