"""A value that is another's, chosen by a third."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from txetcd.reactive.node import Change, Node, Observer

__all__ = ["Flattened"]

T = TypeVar("T")


class Flattened(Node[T]):
    """What the node holds that a function chooses by the value of the outer one.

    While it is observed it observes both.  When the outer value changes, it observes
    the new inner node before it closes the old one, so that what both are made of
    need not stop in between.

    Args:
        outer: What the choice depends on.
        choose: Called once for each change of the outer value, while this is observed.
            What it raises goes to whoever asks.
    """

    def __init__(self, outer: Node[Any], choose: Callable[[Any], Node[T]]) -> None:
        super().__init__()
        self._outer = outer
        self._choose = choose
        self._chosen_by: Change[Any] | None = None
        self._inner: Node[T] | None = None
        self._of_outer: Observer[Any] | None = None
        self._of_inner: Observer[T] | None = None

    def now(self) -> Change[T]:
        outer = self._outer.now()
        if self._observers and outer is self._chosen_by and self._inner is not None:
            return self._inner.now()
        inner = self._choose(outer.value)
        if self._observers:
            self._follow(outer, inner)
        return (self._inner or inner).now()

    def _follow(self, outer: Change[Any], inner: Node[T]) -> None:
        before, self._of_inner = self._of_inner, None
        self._chosen_by, self._inner = outer, inner
        try:
            observation = inner.watch(self._told)
            # It may have told of a change as it began, and whoever was told may have closed
            # this, or brought about that another inner node is followed.
            if self._inner is inner and self._observers:
                self._of_inner = observation
            else:
                observation.close()
        finally:
            if before is not None:
                before.close()

    def _begin(self) -> None:
        self._of_outer = self._outer.watch(self._told)

    def _rest(self) -> None:
        observations = self._of_outer, self._of_inner
        self._of_outer = self._of_inner = self._inner = self._chosen_by = None
        for each in observations:
            if each is not None:
                each.close()

    def _told(self, _: Any) -> None:
        self._tell(self.now())
