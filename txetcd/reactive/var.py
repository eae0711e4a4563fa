"""Values that are set."""

from __future__ import annotations

from collections.abc import Callable
from operator import eq
from typing import TypeVar

from txetcd.reactive.node import Held
from txetcd.reactive.varying import Varying

__all__ = ["Var"]

S = TypeVar("S")


class Var(Varying[S]):
    """A value that whoever holds it sets.

    Args:
        value: What it is at first.
        same: Whether a new value is no change; by default, if it is equal.  Where values
            are large and always new, ``operator.is_`` saves the comparing.

    .. versionadded:: 0.1
    """

    _node: Held[S]

    def __init__(self, value: S, same: Callable[[S, S], object] = eq) -> None:
        super().__init__(Held(value))
        self._same = same

    def update(self, value: S) -> None:
        """Change the value, and tell all observers, unless it is the same."""
        if not self._same(self._node.now().value, value):
            self._node.hold(value)

    def __repr__(self) -> str:
        return f"<Var {self.value!r}, observed by {self.observers}>"
