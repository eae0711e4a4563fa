"""Values that are computed from others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from operator import is_
from typing import Any, TypeVar

from twisted.logger import Logger

from txetcd.reactive.node import Change, Node, Observer

__all__ = ["Combined", "Derived", "Kept", "dropping_equal"]

T = TypeVar("T")

_log = Logger()


class Derived(Node[T]):
    """Observes what is above it while it is observed itself.

    Args:
        above: What it is computed from.
    """

    def __init__(self, above: Sequence[Node[Any]]) -> None:
        super().__init__()
        self._above = above
        self._observations: list[Observer[Any]] = []

    @abstractmethod
    def now(self) -> Change[T]: ...

    def _begin(self) -> None:
        for each in self._above:
            self._observations.append(each.watch(self._told))

    def _rest(self) -> None:
        observations, self._observations = self._observations, []
        for each in observations:
            each.close()

    def _told(self, _: Any) -> None:
        self._tell(self.now())


class Combined(Derived[T]):
    """A function of the values above, called once for each change while it is observed.

    Args:
        above: Where the values come from.
        function: Called with all of them.  What it raises goes to whoever asks.
    """

    def __init__(self, above: Sequence[Node[Any]], function: Callable[..., T]) -> None:
        super().__init__(above)
        self._function = function
        self._known: tuple[list[Change[Any]], Change[T]] | None = None

    def now(self) -> Change[T]:
        above = [each.now() for each in self._above]
        if self._known is not None and all(map(is_, above, self._known[0])):
            return self._known[1]
        change = Change(self._function(*[each.value for each in above]))
        if self._observers:
            self._known = above, change
        return change

    def _rest(self) -> None:
        super()._rest()
        self._known = None


class Kept(Derived[T]):
    """The value above, but for those beside which the one before is kept.

    It remembers the last one also while nobody observes it.

    Args:
        above: Where the values come from.
        keeps: Whether to keep the first in spite of the second.
    """

    def __init__(self, above: Node[T], keeps: Callable[[T, T], bool]) -> None:
        super().__init__((above,))
        self._keeps = keeps
        self._seen: Change[T] | None = None
        self._kept: Change[T] | None = None

    def now(self) -> Change[T]:
        seen = self._above[0].now()
        kept = self._kept
        if kept is not None and (seen is self._seen or self._keeps(kept.value, seen.value)):
            self._seen = seen
            return kept
        self._seen = self._kept = seen
        return seen


def dropping_equal(same: Callable[[Any, Any], object], one: Any, other: Any) -> bool:
    """Whether a value is the same as the one before; if that cannot be told, it is not."""
    try:
        return bool(same(one, other))
    except Exception:
        _log.failure("{same!r} raised when it compared two values", same=same)
        return False
