"""The steps of a loop over a value: the latest, at each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txetcd.reactive.closable import Closable
from txetcd.reactive.iteration import Bell

__all__ = ["Latest"]


class Latest:
    """The value told last, once; observed from the first step on.

    Args:
        observe: Begins to tell a function of values.
    """

    def __init__(self, observe: Callable[[Callable[[Any], None]], Closable]) -> None:
        self.bell = Bell()
        self.holder: object = None
        self._observe = observe
        # None, or the one that has not been given yet.
        self._value: tuple[Any] | None = None
        self._observation: Closable | None = None
        self._closed = False

    async def next(self) -> Any:
        if self._observation is None and not self._closed:
            self._observation = self._observe(self._told)
        while True:
            if self._closed:
                raise StopAsyncIteration
            if self._value is not None:
                (value,), self._value = self._value, None
                return value
            await self.bell.wait()

    def _told(self, value: Any) -> None:
        self._value = (value,)
        self.bell.ring()

    def close(self) -> None:
        self._closed, self._value = True, None
        if self._observation is not None:
            self._observation.close()

    def __repr__(self) -> str:
        return f"<latest value, {'closed' if self._closed else 'open'}>"
