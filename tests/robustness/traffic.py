"""Traffic for the robustness tests: a writer whose every change is known, and a watcher."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from tests.robustness.judge import Verdict, judge
from txetcd import (
    Action,
    AmbiguousWrite,
    Data,
    Key,
    KeyNotFound,
    NodeOp,
    State,
    TxetcdError,
)
from txetcd.clock import sleep
from txetcd.reactive import Event

#: Writes under way at a time.
WRITERS = 16


class Writer:
    """Writes keys below a directory, and keeps the truth of what became of them.

    A write that fails is looked for by a quorum read, and made again if it did not
    happen: each value has a key of its own, so a write made twice would be seen.
    """

    def __init__(self, reactor: Any, top: Key, word: str = "value") -> None:
        self._reactor = reactor
        self._top = top
        self._word = word
        self._numbers = itertools.count()
        self._truth: list[NodeOp] = []
        self.ambiguous = 0

    async def write(self, count: int, rate: float | None = None) -> None:
        """Write so many keys, at so many a second, or as fast as the server takes them."""
        start = self._reactor.seconds()
        places = iter(range(count))

        async def worker() -> None:
            for place in places:
                late = start + place / rate - self._reactor.seconds() if rate else 0
                if late > 0:
                    await sleep(self._reactor, late)
                await self._surely(next(self._numbers))

        await gatherResults([Deferred.fromCoroutine(worker()) for _ in range(WRITERS)])

    async def _surely(self, number: int) -> None:
        key, value = self._top / f"{number % 97}/{number}", f"{self._word} {number}"
        while True:
            try:
                self._truth.append(await key.set(value))
                return
            except TxetcdError as error:
                self.ambiguous += isinstance(error, AmbiguousWrite)
                found = await self._look(key)
            if found is not None:
                self._truth.append(NodeOp(Action.SET, found, State()))
                return

    async def _look(self, key: Key) -> Data | None:
        while True:
            try:
                node = (await key.get(quorum=True)).node
                assert isinstance(node, Data)
                return node
            except KeyNotFound:
                return None
            except TxetcdError:
                await sleep(self._reactor, 0.02)

    @property
    def truth(self) -> list[NodeOp]:
        """Every change, in the order of its index."""
        return sorted(self._truth, key=lambda op: op.node.modified_index)


class Watcher:
    """Registers with the events of a directory, and keeps all that it is told."""

    def __init__(self, reactor: Any, events: Event[NodeOp]) -> None:
        self.told: list[NodeOp | KeyNotFound] = []
        self.failures: list[BaseException] = []
        self._reactor = reactor
        self._registration = events.register(self._witness)

    def _witness(self, result: NodeOp | Failure) -> None:
        if not isinstance(result, Failure):
            self.told.append(result)
        elif isinstance(result.value, KeyNotFound):
            self.told.append(result.value)
        elif result.value is not None:
            self.failures.append(result.value)

    @property
    def position(self) -> int:
        """The index up to which it has been told."""
        if not self.told:
            return 0
        last = self.told[-1]
        if isinstance(last, KeyNotFound):
            return last.index
        return last.etcd.index if last.action is Action.GET else last.node.modified_index

    async def reaches(self, index: int) -> None:
        """Wait until it has been told of all up to an index; the test's timeout bounds it."""
        while self.position < index:
            await sleep(self._reactor, 0.01)

    async def began(self) -> None:
        """Wait for the first that it is told."""
        await self.reaches(1)

    async def verdict(self, truth: Iterable[NodeOp]) -> Verdict:
        """Wait until it has been told of the last change, stop it, and judge it."""
        changes = list(truth)
        await self.reaches(changes[-1].node.modified_index)
        await self.close()
        return judge(changes, self.told)

    def close(self) -> Deferred[None]:
        return self._registration.close()
