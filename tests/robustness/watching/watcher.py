"""What all of the library's watchers here have in common: what they are told is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod

from twisted.internet.defer import CancelledError, Deferred

from tests.robustness.watching.told import Told, of_event
from tests.robustness.watching.truth import sent_at
from txetcd import Key, KeyNotFound, NodeOp
from txetcd.clock import Clock

__all__ = ["Watcher"]


class Watcher(ABC):
    """Watches, and keeps what it is told.

    Args:
        clock: What it waits by.
        key: What is watched.
        recursive: Whether with all that is below.

    Attributes:
        told: What it was told.
        failures: How many failures it was told of that passed.
        recovery: How long it took until it was told of something new, each time that was asked
            for, in seconds.
    """

    #: Whether it takes each event as soon as it can have it.
    prompt = True

    #: Whether it is told trees, and no events.
    tells_trees = False

    def __init__(self, clock: Clock, key: Key, recursive: bool) -> None:
        self._clock = clock
        self._key = key
        self._recursive = recursive
        self.told: list[Told] = []
        self.failures = 0
        self.recovery: list[float] = []
        self._since: float | None = None
        self._running: Deferred[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._running = Deferred.fromCoroutine(self._run())

    async def close(self) -> None:
        """End, with nothing left."""
        if self._running is not None:
            self._running.cancel()
            try:
                await self._running
            except CancelledError:
                pass

    @property
    def position(self) -> int:
        """The index up to which it has been told; 0 in the beginning."""
        return self.told[-1].index if self.told else 0

    # --- recovering -------------------------------------------------------------------

    def expect(self, since: float) -> None:
        """Take the time until it is told of something that was written after a moment."""
        self._since = since

    @property
    def expecting(self) -> bool:
        """Whether it has not been told of that yet."""
        return self._since is not None

    # --- being told -----------------------------------------------------------------------

    def _tell(self, told: NodeOp | KeyNotFound) -> Told:
        kept = of_event(told)
        self.told.append(kept)
        if self._since is not None and kept.change and sent_at(kept.change.value) > self._since:
            self.recovery.append(kept.at - self._since)
            self._since = None
        return kept

    def _failed(self, error: object) -> None:
        self.failures += 1

    @abstractmethod
    async def _run(self) -> None: ...

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._key.path}, at {self.position}>"
