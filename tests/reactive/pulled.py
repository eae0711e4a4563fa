"""An event that is pulled, as that of a key is: each iteration asks for itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txetcd.reactive import Event, Source


class Pulled(Event[Any]):
    """Iterating over it asks, step by step, and a step that is cancelled asks no more."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []
        self.source: Source[Any] = Source()
        self.closed = 0

    def register(self, witness: Any) -> Any:
        return self.source.register(witness)

    def __aiter__(self) -> Any:
        return Asking(self)

    def answer(self, value: Any) -> None:
        self.asked.pop(0).callback(value)

    @property
    def waiting(self) -> int:
        return len([each for each in self.asked if not each.called])


class Asking:
    def __init__(self, pulled: Pulled) -> None:
        self.pulled = pulled

    async def __anext__(self) -> Any:
        asked: Deferred[Any] = Deferred(self.pulled.asked.remove)
        self.pulled.asked.append(asked)
        return await asked

    async def aclose(self) -> None:
        self.pulled.closed += 1
