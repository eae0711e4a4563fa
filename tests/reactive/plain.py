"""An activity that is none of ours, and other things that tests of `reactive` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from txetcd.reactive import Activity, Failed


class Plain(Activity[Any]):
    """Knows the two methods that an activity must have, and no graph."""

    def __init__(self, state: Any) -> None:
        self.now = state
        self.told: list[Callable[[Any], object]] = []
        #: What begins to observe it, over time.
        self.begun = 0
        #: What it becomes as somebody begins to observe it.
        self.becomes: list[Any] = []

    @property
    def state(self) -> Any:
        return self.now

    def observe(self, told: Any) -> Any:
        self.begun += 1
        self.told.append(told)
        told(self.now)
        while self.becomes:
            self.become(self.becomes.pop(0))
        return Observation(self, told)

    def become(self, state: Any) -> None:
        self.now = state
        for told in list(self.told):
            told(state)


class Observation:
    def __init__(self, plain: Plain, told: Any) -> None:
        self.plain = plain
        self.told = told

    def close(self) -> Deferred[None]:
        if self.told in self.plain.told:
            self.plain.told.remove(self.told)
        return succeed(None)


def failed(error: type[Exception] = ValueError) -> Failed:
    return Failed(Failure(error()))


def started(coroutine: Any) -> Deferred:
    return Deferred.fromCoroutine(coroutine)


def step(iterator: Any) -> Deferred:
    """The next step of an asynchronous iterator."""

    async def one() -> Any:
        return await iterator.__anext__()

    return started(one())


def closed(iterator: Any) -> Deferred:
    async def close() -> None:
        await iterator.aclose()

    return started(close())
