"""Occurrences, and those who are told of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from functools import partial
from operator import eq
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred

from txetcd.reactive.closable import Closable
from txetcd.reactive.handover import Handover
from txetcd.reactive.iteration import Iteration
from txetcd.reactive.merged import Branching, Merged
from txetcd.reactive.once import once
from txetcd.reactive.through import Through, filtering, new_dedup
from txetcd.reactive.witness import Witness

__all__ = ["Event"]

T = TypeVar("T", covariant=True)
S = TypeVar("S")


class Event(ABC, Generic[T]):
    """A source of occurrences, for witnesses and for ``async for``.

    An occurrence is a value, or a `Failure`.  Nothing is remembered: who is not
    registered is not told.  A witness that returns an awaitable is told of the next
    occurrence when that has its result, so a slow witness slows the source.

    An event that is derived from others (`map`, `filter`, `flat_map`, `dedup`,
    `merge`) is registered with them once for each of its own registrations, and hands on
    what its witness returns.  Failures pass through as they are.  What a function raises is
    told as a `Failure` in place of the occurrence, and an iteration raises it.  Iterating over
    a derived event iterates over what it is derived from: if that is pulled, step by step,
    so is this, and nothing is buffered.

    A subclass defines `register`.  It is ``Event`` of twitter-util (``com.twitter.util.Event``).

    .. versionadded:: 0.1
    """

    @abstractmethod
    def register(self, witness: Witness[T]) -> Closable:
        """Tell ``witness`` of each occurrence from now on, until the result is closed."""

    def __aiter__(self) -> AsyncIterator[T]:
        """Iterate over the occurrences, in any coroutine that runs under Twisted.

        It is registered at once, until ``aclose()``, or until nobody holds the iterator
        any more, as when a loop was left.  An occurrence has been dealt with when the next
        one is asked for.  A `Failure` is raised; the iteration may then go on.
        """
        return Iteration(Handover(self.register))

    def map(self, function: Callable[[T], S]) -> Event[S]:
        """The function of each value."""
        return _Derived(Through(self, lambda: function))

    def filter(self, predicate: Callable[[T], object]) -> Event[T]:
        """The values that the predicate holds of."""
        return _Derived(Through(self, lambda: partial(filtering, predicate)))

    def dedup(self, same: Callable[[T, T], object] = eq) -> Event[T]:
        """The values that are not the same as the one before, for each witness."""
        return _Derived(Through(self, partial(new_dedup, same)))

    def flat_map(self, function: Callable[[T], Event[S]]) -> Event[S]:
        """All occurrences of the events that the function makes of the values.

        Each such event is registered with from then on until the whole is closed, so
        there should be few of them.
        """
        return _Derived(Branching(self, function))

    def merge(self, *others: Event[S]) -> Event[T | S]:
        """The occurrences of this and of others, as they come; ``a | b`` is ``a.merge(b)``.

        While it is iterated over, a step of each is under way, also between two steps
        of the whole, until it is closed.
        """
        return _Derived(Merged((self, *others)))

    def __or__(self, other: Event[S]) -> Event[T | S]:
        return self.merge(other)

    def next(self) -> Deferred[T]:
        """Fire with the next occurrence; fail if that is a `Failure`.

        Cancelling it closes the registration.
        """
        return once(self.register)


class _Derived(Event[S]):
    """An event that is derived from others."""

    def __init__(self, origin: Through | Merged | Branching) -> None:
        self._origin = origin

    def register(self, witness: Witness[S]) -> Closable:
        return self._origin.register(witness)

    def __aiter__(self) -> AsyncIterator[S]:
        steps: AsyncIterator[Any] = self._origin.__aiter__()
        return steps

    def __repr__(self) -> str:
        return repr(self._origin)
