"""Values that change over time, and are always there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from operator import eq
from typing import Any, Generic, TypeVar, overload

from twisted.internet.defer import Deferred

from txetcd.reactive.changes import Changes
from txetcd.reactive.closable import Closable
from txetcd.reactive.derived import Combined, Kept, dropping_equal
from txetcd.reactive.event import Event
from txetcd.reactive.flattened import Flattened
from txetcd.reactive.iteration import Iteration
from txetcd.reactive.latest import Latest
from txetcd.reactive.node import Node
from txetcd.reactive.once import after_the_first, once

__all__ = ["Varying"]

T = TypeVar("T", covariant=True)
S = TypeVar("S")


class Varying(Generic[T]):
    """A value that changes over time: read it, observe it, or derive others from it.

    Observers are told in the order in which they came.  The newest wins: when one of
    them brings about a change, all are told of it at once, and those who have not been
    told of the change before are not told of it any more.  One that comes while others
    are told is told once; one that is closed is told no more.  What one raises is logged,
    and keeps nobody from being told.

    A derived value (`map`, `flat_map`, `join`, `dedup`) costs nothing as long as nobody
    observes it: then it is computed when it is read.  While it is observed, it observes
    what it is derived from, once for all its observers.  **What is told is what holds at that
    moment**: a value that is derived from another in two ways is told of a change once, and
    is never computed from the new value of the one and the old value of the other.

    The functions that it is given should do no more than compute.  What such a function
    raises goes to whoever reads the value or begins to observe it; at a change it is
    logged, and the observers are not told.  A value that may fail is an `Activity`.

    It is ``Var`` of twitter-util (``com.twitter.util.Var``), without the setting.

    .. versionadded:: 0.1
    """

    def __init__(self, node: Node[Any]) -> None:
        self._node = node

    @property
    def value(self) -> T:
        """What it is now."""
        value: T = self._node.now().value
        return value

    def observe(self, told: Callable[[T], object]) -> Closable:
        """Tell a function of the value: now, before this returns, and at each change.

        Args:
            told: What it raises is logged.

        Returns:
            What to close to be told no more.
        """
        return self._node.observe(told)

    @property
    def changes(self) -> Event[T]:
        """Its changes, without the value that it has as one begins to listen.

        A value waits for nobody.  What comes while a witness deals with another one waits for
        it, up to 1000 of them; then it misses some, and is told a `Failure` of `Missed`.
        """
        return Changes(self._node)

    @property
    def observers(self) -> int:
        """How many observe it, values derived from it among them: for tests of who lets go."""
        return self._node.observers

    def map(self, function: Callable[[T], S]) -> Varying[S]:
        """The function of this value."""
        return Varying(Combined((self._node,), function))

    def flat_map(self, function: Callable[[T], Varying[S]]) -> Varying[S]:
        """The value of what the function chooses.

        When this changes, the next one is observed, and then the one before is closed.
        """
        return Varying(Flattened(self._node, partial(_node_of, function)))

    @overload
    def join(self, other: Varying[S], /) -> Varying[tuple[T, S]]: ...

    @overload
    def join(self, /, *others: Varying[Any]) -> Varying[tuple[Any, ...]]: ...

    def join(self, *others: Varying[Any]) -> Varying[Any]:
        """This and others, as a tuple; also written ``Varying.join(a, b, ...)``."""
        return Varying(Combined([each._node for each in (self, *others)], _tuple))

    def dedup(self, same: Callable[[T, T], object] = eq) -> Varying[T]:
        """The same, without changes to a value that is the same as the one before.

        Args:
            same: Whether it is.  What it raises is logged, and counts as no.
        """
        return Varying(Kept(self._node, partial(dropping_equal, same)))

    def next(self) -> Deferred[T]:
        """Fire with the value after the next change.

        Cancelling it stops observing.
        """
        return once(after_the_first(self._node.observe))

    def __aiter__(self) -> AsyncIterator[T]:
        """The value now, and each one that it changes to; one that is slow gets the latest.

        It is observed from the first step on, until ``aclose()``, or until nobody holds
        the iterator any more, as when a loop was left.
        """
        return Iteration(Latest(self._node.observe))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, observed by {self.observers}>"


def _tuple(*values: Any) -> tuple[Any, ...]:
    return values


def _node_of(function: Callable[[Any], Varying[S]], value: Any) -> Node[S]:
    chosen = function(value)
    if not isinstance(chosen, Varying):
        raise TypeError(f"the function of flat_map must return a Varying, not {chosen!r}")
    return chosen._node
