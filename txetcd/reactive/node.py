"""The graph below `Var` and `Activity`: what holds a value, and who is told of its changes.

Theory of operation
-------------------

A change is *pushed* and a value is *pulled*.  Whoever is told of a change asks for the
value, and the question goes up to the sources, so that it is answered by what holds
now and never by what some node has yet to be told of.  So what combines two values
that come of one never sees the new one of the first beside the old one of the second.

A change is an object of its own (`Change`).  A node that finds the changes above it to be
those that it knows has nothing to compute; and an observer that has been told of a
change is not told of it again, by whatever ways it comes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

__all__ = ["Change", "Held", "Node", "Observer"]

T = TypeVar("T")

_log = Logger()


class Change(Generic[T]):
    """A value that something took on: two changes to equal values are still two."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value


class Node(ABC, Generic[T]):
    """Holds a value, or computes it from others while somebody observes it.

    Observers are told in the order in which they came.  A change while others are
    told is told to all at once, and ends the older telling.
    """

    def __init__(self) -> None:
        # A dict is a set in order.
        self._observers: dict[Observer[T], None] = {}
        self._tellings = 0

    @abstractmethod
    def now(self) -> Change[T]:
        """The last change; as long as nobody observes this, each call may give another."""

    def observe(self, told: Callable[[T], object]) -> Observer[T]:
        """Tell of the value now, and at each change."""
        observer, change = self._add(told)
        observer.tell(change)
        return observer

    def watch(self, told: Callable[[T], object]) -> Observer[T]:
        """Tell of each change from now on."""
        observer, change = self._add(told)
        observer.seen = change
        return observer

    @property
    def observers(self) -> int:
        """How many observe it."""
        return len(self._observers)

    def _add(self, told: Callable[[T], object]) -> tuple[Observer[T], Change[T]]:
        observer = Observer(self, told)
        self._observers[observer] = None
        try:
            if len(self._observers) == 1:
                self._begin()
            return observer, self.now()
        except Exception:
            observer.close()
            raise

    def _remove(self, observer: Observer[T]) -> None:
        del self._observers[observer]
        if not self._observers:
            self._rest()

    def _tell(self, change: Change[T]) -> None:
        self._tellings += 1
        telling = self._tellings
        for observer in list(self._observers):
            if self._tellings != telling:
                # One of them changed it again, and all have been told of that.
                return
            observer.tell(change)

    def _begin(self) -> None:
        """The first observer has come."""

    def _rest(self) -> None:
        """The last observer has gone."""


class Observer(Generic[T]):
    """One that is told, until it is closed."""

    __slots__ = ("_node", "_told", "seen")

    def __init__(self, node: Node[T], told: Callable[[T], object]) -> None:
        self._node: Node[T] | None = node
        self._told = told
        self.seen: Change[T] | None = None

    def tell(self, change: Change[T]) -> None:
        """Tell of a change, unless it has been told of it, or is closed."""
        if change is self.seen or self._node is None:
            return
        self.seen = change
        try:
            self._told(change.value)
        except Exception:
            _log.failure("{told!r} raised when it was told of a change", told=self._told)

    def close(self) -> Deferred[None]:
        node, self._node = self._node, None
        if node is not None:
            node._remove(self)
        return succeed(None)

    def __repr__(self) -> str:
        return f"<observer, {'closed' if self._node is None else 'open'}: {self._told!r}>"


class Held(Node[T]):
    """A value that is set."""

    def __init__(self, value: T) -> None:
        super().__init__()
        self._change: Change[Any] = Change(value)

    def now(self) -> Change[T]:
        return self._change

    def hold(self, value: T) -> None:
        """Take on another value, and tell all of it."""
        self._change = Change(value)
        self._tell(self._change)
