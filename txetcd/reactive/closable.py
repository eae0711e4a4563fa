"""What can be closed, and several of them as one."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, succeed

__all__ = ["Closable", "Together"]


class Closable(Protocol):
    """Something that can be closed."""

    def close(self) -> Deferred[None]:
        """Stop.

        Returns:
            A Deferred that fires with None when all has stopped.  Closing twice
            does no harm.
        """


class Together:
    """Several closables as one; what is added after the closing is closed at once."""

    def __init__(self) -> None:
        self._all: list[Closable] = []
        self._closed = False

    def add(self, closable: Closable) -> None:
        """Close it as well."""
        if self._closed:
            closable.close()
        else:
            self._all.append(closable)

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._closed

    def close(self) -> Deferred[None]:
        self._closed = True
        closing: list[Deferred[Any]] = [each.close() for each in self._all]
        if all(each.called for each in closing):
            return succeed(None)
        return DeferredList(closing).addCallback(lambda _: None)

    def __repr__(self) -> str:
        return f"<{'closed' if self._closed else 'open'}: {self._all!r}>"
