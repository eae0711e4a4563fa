"""Values that arrive over time, and those who are told of them.

An `Event` is a source of occurrences.  Whoever registers a witness with it is
told of each.  The terms are those of twitter-util's ``com.twitter.util.Event``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar, Union

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Closable", "Event", "Witness"]

T = TypeVar("T", covariant=True)
S = TypeVar("S")

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
