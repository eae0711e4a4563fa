"""A fault in a run: what strikes, and whom."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import inf
from random import Random
from typing import ClassVar

from tests.robustness.cluster.scene import Scene
from txetcd.testing import FaultProxy

__all__ = ["AGAIN", "Fault"]

#: How often a fault that strikes at moments does so, in seconds.
AGAIN = 0.1

#: A wait that is parked, and an operation.
SEVERAL = 2

#: How long it may take until as many are under way at a member, in seconds.
SOON = 0.5


class Fault(ABC):
    """A fault, as it is in one run.

    Args:
        scene: Where it happens.
        random: Chooses whom it strikes, and how.

    Attributes:
        hits: How many requests under way it has struck for certain.
        struck: Before which members the requests were, if that is known.
        longest: For how long it may last at the most, in seconds.
    """

    longest: ClassVar[float] = inf

    def __init__(self, scene: Scene, random: Random) -> None:
        self.scene = scene
        self.random = random
        self.hits = 0
        self.struck: list[FaultProxy] = []

    @abstractmethod
    async def strike(self, seconds: float) -> None:
        """Let it happen for so long."""

    async def heal(self) -> None:
        """Undo it."""
        await self.scene.heal()

    def proxies(self, counts: tuple[int, ...] = (1, 1, 2, 3)) -> list[FaultProxy]:
        """Some proxies; in most runs, fewer than half."""
        count = min(self.random.choice(counts), len(self.scene.proxies))
        self.struck = self.random.sample(self.scene.proxies, count)
        return self.struck

    def place(self) -> int:
        """The place of one member."""
        return self.random.randrange(len(self.scene.proxies))

    async def busy(self, proxies: Sequence[FaultProxy]) -> int:
        """Wait for a moment at which several requests are under way, if it comes soon.

        Returns:
            How many there are.
        """
        end = self.scene.seconds() + SOON
        while self.scene.seconds() < end:
            count = sum(proxy.in_flight for proxy in proxies)
            if count >= SEVERAL:
                break
            await self.scene.sleep(0)
        return count
