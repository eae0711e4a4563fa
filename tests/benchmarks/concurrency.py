"""How each client waits: on Twisted's reactor, on asyncio's loop, or in threads.

What is measured is written once, as coroutines; these run them.  They add the same little to each
client: about a quarter of a microsecond for each operation.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["Asyncio", "Concurrency", "Threads", "Twisted"]


class Concurrency(ABC):
    """A way to wait."""

    @abstractmethod
    def run(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine to its end, in a process that ends with it."""

    @abstractmethod
    def together(self, coroutines: Sequence[Coroutine[Any, Any, Any]]) -> Awaitable[list[Any]]:
        """Run coroutines at once; fails as the first of them that fails."""

    @abstractmethod
    def pause(self, seconds: float) -> Awaitable[Any]:
        """Let others run for a while."""


class Twisted(Concurrency):
    """Deferreds on the reactor that Twisted chooses."""

    def run(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        from twisted.internet import reactor
        from twisted.internet.defer import Deferred
        from twisted.python.failure import Failure

        the_reactor: Any = reactor
        outcome: list[Any] = []

        def start() -> None:
            ended: Deferred[Any] = Deferred.fromCoroutine(main())
            ended.addBoth(outcome.append)
            ended.addBoth(lambda _: the_reactor.stop())

        the_reactor.callWhenRunning(start)
        the_reactor.run()
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]

    async def together(self, coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        from twisted.internet.defer import Deferred, FirstError, gatherResults

        started = [Deferred.fromCoroutine(each) for each in coroutines]
        try:
            return list(await gatherResults(started, consumeErrors=True))
        except FirstError as first:
            first.subFailure.raiseException()
            raise

    def pause(self, seconds: float) -> Awaitable[Any]:
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        the_reactor: Any = reactor
        return deferLater(the_reactor, seconds)


class Asyncio(Concurrency):
    """Tasks on asyncio's own loop."""

    def run(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        # The loop is left as it is: to clean up is no part of any measurement.
        return asyncio.new_event_loop().run_until_complete(main())

    async def together(self, coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        return list(await asyncio.gather(*coroutines))

    def pause(self, seconds: float) -> Awaitable[Any]:
        return asyncio.sleep(seconds)


class Threads(Concurrency):
    """Coroutines that block, and never wait: one thread for each of several."""

    def run(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return _blocking(main())

    async def together(self, coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        if len(coroutines) == 1:
            return [_blocking(coroutines[0])]
        with ThreadPoolExecutor(len(coroutines)) as threads:
            return list(threads.map(_blocking, coroutines))

    async def pause(self, seconds: float) -> None:
        time.sleep(seconds)


def _blocking(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise RuntimeError(f"{coroutine!r} waits for something")
