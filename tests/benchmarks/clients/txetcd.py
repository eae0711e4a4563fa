"""txetcd: `Key` through the whole default stack, over either transport.

From the call to the `NodeOp`, with its deadline and its retries.  A key is made once and used
again.  A watch is `Key.events`, which promises more than those of the other clients of v2: it asks
once more after each wait, so that no change is lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from tests.benchmarks.clients.measure import with_session
from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Twisted
from tests.benchmarks.job import Absent, WrongAnswer

__all__ = ["TxetcdSession", "measure_direct", "measure_treq"]

#: How many watches are begun at a time: each first reads its key.
BEGUN_TOGETHER = 32


class TxetcdSession(Session):
    """An `Etcd`, made by `connect`."""

    bytes_as_values = True

    def __init__(self, url: str, transport: str) -> None:
        super().__init__(url)
        from txetcd import connect

        try:
            self._etcd = connect(url, transport=transport)
        except ValueError as error:
            raise Absent(str(error)) from error
        self._watches: list[Any] = []

    def getter(self, key: str) -> Callable[[], Awaitable[Any]]:
        the_key = self._etcd.key(key)

        async def get() -> Any:
            return (await the_key.get()).node.value

        return get

    def setter(self, key: str) -> Callable[[str], Awaitable[Any]]:
        return self._etcd.key(key).set

    def lister(self, directory: str) -> Callable[[], Awaitable[dict[Any, Any]]]:
        the_key = self._etcd.key(directory)

        async def read() -> dict[Any, Any]:
            op = await the_key.get(recursive=True)
            return {node.key: node.value for node in op.node.nodes}

        return read

    async def changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        return self._changes(directory, index)

    async def _changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        from txetcd import Action

        errors: list[Exception] = []
        key = self._etcd.key(directory)
        async for op in key.events(
            recursive=True, after_index=index - 1, on_error=errors.append
        ):
            if op.action is Action.GET or errors:
                raise WrongAnswer(f"not an event: {op!r:.100}, after {errors}")
            yield op.node.value

    async def park(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), BEGUN_TOGETHER):
            begun = [self._begin(key) for key in keys[start : start + BEGUN_TOGETHER]]
            for each in begun:
                await each

    def _begin(self, key: str) -> Awaitable[Any]:
        """Start a watch; what is returned fires with its snapshot."""
        from twisted.internet.defer import Deferred

        first: Deferred[Any] = Deferred()

        def witness(result: Any) -> None:
            if not first.called:
                first.callback(result)

        self._watches.append(self._etcd.key(key).events().register(witness))
        return first


measure_treq = with_session(partial(TxetcdSession, transport="treq"), Twisted())
measure_direct = with_session(partial(TxetcdSession, transport="direct"), Twisted())
