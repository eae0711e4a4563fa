"""Values that arrive over time, and those who are told of them.

An `Event` is a source of occurrences.  Whoever registers a witness with it is
told of each.  An `Activity` is a value that changes over time, and that may not be
there yet, or not be had.  The terms are those of twitter-util
(``com.twitter.util.Event`` and ``Activity``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar, Union

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["Activity", "Closable", "Event", "Failed", "Ok", "Pending", "Variable", "Witness"]

T = TypeVar("T", covariant=True)
S = TypeVar("S")

_log = Logger()

#: Told of each occurrence: a value, or a `Failure`.  It may return an awaitable
#: (a Deferred, say): the next occurrence then waits for it.
Witness = Callable[[Union[S, Failure]], Union["Deferred[Any]", Awaitable[Any], None]]


class Closable(Protocol):
    """Something that can be closed."""

    def close(self) -> Deferred[None]:
        """Stop.

        Returns:
            A Deferred that fires with None when all has stopped.  Closing twice
            does no harm.
        """


class Event(ABC, Generic[T]):
    """A source of occurrences, for witnesses and for ``async for``.

    .. versionadded:: 0.1
    """

    @abstractmethod
    def register(self, witness: Witness[T]) -> Closable:
        """Tell ``witness`` of each occurrence from now on, until the result is closed."""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[T]:
        """Iterate over the occurrences, in any coroutine that runs under Twisted."""


@attrs.frozen
class Pending:
    """The value is not known yet.

    .. versionadded:: 0.1
    """


@attrs.frozen
class Ok(Generic[T]):
    """The value is known.

    .. versionadded:: 0.1
    """

    value: T


@attrs.frozen
class Failed:
    """The value cannot be had, and none was known before.

    .. versionadded:: 0.1
    """

    failure: Failure


class Activity(ABC, Generic[T]):
    """A value that changes over time: at any moment `Pending`, `Ok` or `Failed`.

    .. versionadded:: 0.1
    """

    @property
    @abstractmethod
    def state(self) -> Pending | Ok[T] | Failed:
        """What it is now."""

    @abstractmethod
    def observe(self, told: Callable[[Pending | Ok[T] | Failed], object]) -> Closable:
        """Tell a function of the state: now, before this returns, and at each change.

        Args:
            told: What it raises is logged, and keeps nobody else from being told.

        Returns:
            What to close to be told no more.
        """

    @staticmethod
    def of(value: S) -> Activity[S]:
        """A value that is known, and stays as it is."""
        return Variable(Ok(value))


class Variable(Activity[S]):
    """An activity that whoever holds it sets.

    Args:
        state: What it is at first.

    .. versionadded:: 0.1
    """

    def __init__(self, state: Pending | Ok[S] | Failed | None = None) -> None:
        self._state = Pending() if state is None else state
        self._observers: list[_Observer] = []
        self._changes = 0

    @property
    def state(self) -> Pending | Ok[S] | Failed:
        return self._state

    def become(self, state: Pending | Ok[S] | Failed) -> None:
        """Change the state, and tell all observers, unless it is what it was."""
        if state == self._state:
            return
        self._state = state
        self._changes += 1
        change = self._changes
        for observer in list(self._observers):
            # One may have changed it again, and all have been told of that.
            if self._changes == change:
                observer.tell(state)

    def observe(self, told: Callable[[Pending | Ok[S] | Failed], object]) -> Closable:
        observer = _Observer(told, self._observers)
        self._observers.append(observer)
        observer.tell(self._state)
        return observer

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._state!r}>"


class _Observer:
    def __init__(self, told: Callable[[Any], object], observers: list[_Observer]) -> None:
        self._told = told
        self._observers = observers

    def tell(self, state: Pending | Ok[Any] | Failed) -> None:
        if self not in self._observers:
            # It was closed by one that was told before it.
            return
        try:
            self._told(state)
        except Exception:
            _log.failure("{told!r} failed at a change of an activity", told=self._told)

    def close(self) -> Deferred[None]:
        if self in self._observers:
            self._observers.remove(self)
        return succeed(None)
