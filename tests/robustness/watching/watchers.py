"""The library's watches, in each of the ways in which they are used."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.robustness.watching.told import Kind, Told, of_tree
from tests.robustness.watching.truth import sent_at
from tests.robustness.watching.watcher import Watcher
from txetcd import Backoff, KeyNotFound, NodeOp
from txetcd.clock import sleep
from txetcd.keys.events import KeyEvents

__all__ = ["BACKOFF", "WATCHERS", "Registered"]

#: It goes on soon after a failure: the server keeps the changes of two seconds.
BACKOFF = Backoff.exponential_jittered(0.010, 0.1)

#: After how many events one who comes and goes does so.
STAY = 200

#: After how many events one who is slow takes a rest, and for how long, in seconds.
STRIDE = 2000
PAUSE = 3.0


class Registered(Watcher):
    """A witness."""

    async def _run(self) -> None:
        registration = self._events().register(self._witness)
        try:
            await Deferred()
        finally:
            await registration.close()

    def _events(self) -> KeyEvents:
        return self._key.events(self._recursive, backoff=BACKOFF)

    def _witness(self, result: NodeOp | Failure) -> None:
        if not isinstance(result, Failure):
            self._tell(result)
        elif isinstance(result.value, KeyNotFound):
            self._tell(result.value)
        else:
            self._failed(result.value)


class Iterating(Watcher):
    """A loop over the events."""

    async def _run(self) -> None:
        async for op in self._events():
            self._tell(op)

    def _events(self, after_index: int | None = None) -> Any:
        return self._key.events(
            self._recursive, backoff=BACKOFF, on_error=self._failed, after_index=after_index
        )


class Returning(Iterating):
    """A loop that is left now and then, and begun again after the index that it had reached."""

    async def _run(self) -> None:
        after: int | None = None
        while True:
            left = STAY
            async for op in self._events(after):
                after = self._tell(op).index
                left -= 1
                if not left:
                    break
            self.told.append(Told(Kind.RESUMED, self.position))


class SharedIterating(Iterating):
    """A loop over the shared watch."""

    def _events(self, after_index: int | None = None) -> Any:
        return self._key.watch(self._recursive, backoff=BACKOFF)


class Slow(Iterating):
    """A loop that rests now and then, for longer than the server remembers."""

    prompt = False

    async def _run(self) -> None:
        left = STRIDE
        async for op in self._events():
            self._tell(op)
            left -= 1
            if not left:
                left = STRIDE
                await sleep(self._clock, PAUSE)


class Shared(Watcher):
    """An observer of the shared watch."""

    async def _run(self) -> None:
        watch = self._key.watch(self._recursive, backoff=BACKOFF)
        observed = watch.observe(self._observe)
        try:
            await Deferred()
        finally:
            await observed.close()

    def _observe(self, state: Any) -> None:
        value, failure = getattr(state, "value", None), getattr(state, "failure", None)
        if isinstance(value, NodeOp):
            self._tell(value)
        elif failure is not None and isinstance(failure.value, KeyNotFound):
            self._tell(failure.value)
        elif failure is not None:
            self._failed(failure.value)


class Tree(Watcher):
    """An observer of the shared tree."""

    tells_trees = True

    async def _run(self) -> None:
        observed = self._key.watch_tree(backoff=BACKOFF).observe(self._observe)
        try:
            await Deferred()
        finally:
            await observed.close()

    def _observe(self, state: Any) -> None:
        tree, failure = getattr(state, "value", None), getattr(state, "failure", None)
        if failure is not None:
            self._failed(failure.value)
        elif tree is not None:
            self._published(tree)

    def _published(self, tree: Any) -> None:
        kept = of_tree(tree)
        self.told.append(kept)
        if self._since is not None:
            newest = max((sent_at(data.text) for data in tree.values()), default=0.0)
            if newest > self._since:
                self.recovery.append(time.monotonic() - self._since)
                self._since = None


#: The ways of watching, by the names that the table has for them.
WATCHERS: dict[str, type[Watcher]] = {
    "witness": Registered,
    "iteration": Iterating,
    "returning": Returning,
    "slow": Slow,
    "shared": Shared,
    "shared iteration": SharedIterating,
    "tree": Tree,
}
