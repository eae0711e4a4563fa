"""The members, the network in front of them, and the processes beside the tests."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.tcp import Client

from tests.robustness.cluster.members import surely
from tests.robustness.cluster.scene import Scene
from tests.robustness.watching.jobs import QUIET, TOP
from tests.robustness.watching.naive import NAIVE
from tests.robustness.watching.sides import Side

__all__ = ["WatchedScene"]

#: After how many changes a member makes a snapshot: one that is behind by more than 5000 changes
#: and this is sent one.
SNAPSHOT_COUNT = 500


class WatchedScene(Scene):
    """A store that is written to, and read by processes of several kinds.

    Args:
        reactor: Runs all of it.
        size: How many members there are.
        seed: Chooses what is written.
        rate: How many changes are begun in a second.

    Attributes:
        writer: Writes.
        rate: How many changes are begun in a second, when there are any.
    """

    writer: Side

    def __init__(self, reactor: Any, size: int, seed: int, rate: float) -> None:
        super().__init__(reactor, size, snapshot_count=SNAPSHOT_COUNT)
        self.rate = rate
        self._seed = seed
        self._folder = tempfile.TemporaryDirectory(prefix="txetcd-watching-")
        self._sides: list[Side] = []
        self._collectors: list[Side] = []
        self._naive: list[Side] = []

    async def start(self) -> WatchedScene:
        """Start everything; nothing is written yet."""
        await super().start()
        self.writer = self._side("write", self._seed, *self.ports())
        self._collectors = [
            self._side("collect", port, file)
            for port, file in zip(self.ports(), self.collected, strict=True)
        ]
        for number, (kind, file) in enumerate(self.naive.items()):
            proxy = self.proxies[number % len(self.proxies)]
            self._naive.append(self._side("naive", kind, proxy.port, TOP, file))
        return self

    async def stop(self) -> None:
        """End everything, and leave nothing."""
        for side in self._sides:
            side.kill()
        await super().stop()
        self._folder.cleanup()

    def _side(self, name: str, *arguments: object) -> Side:
        side = Side(name, *arguments)
        self._sides.append(side)
        return side

    @property
    def collected(self) -> list[Path]:
        """Where the collectors write what they read, one for each member."""
        return [Path(self._folder.name, f"member-{n}") for n in range(len(self.proxies))]

    @property
    def naive(self) -> dict[str, Path]:
        """Where the plain clients write what they are told."""
        return {kind: Path(self._folder.name, f"naive-{kind}") for kind in NAIVE}

    def end_naive(self) -> None:
        """End the plain clients."""
        for side in self._naive:
            side.kill()

    @property
    def ours(self) -> list[Any]:
        """The connections of this process to the proxies."""
        ports = {proxy.port for proxy in self.proxies}
        known = {*self.reactor.getReaders(), *self.reactor.getWriters()}
        return [each for each in known if isinstance(each, Client) and each.addr[1] in ports]

    # --- what is written -----------------------------------------------------------------

    def write(self, on: bool = True) -> None:
        """Write from now on, or no more."""
        self.writer.tell(f"rate {self.rate if on else 0:.0f}")

    def begin_anew(self) -> None:
        """Let the collectors know that another history begins; all members are down."""
        for collector in self._collectors:
            collector.tell("anew")

    async def put(self, key: str) -> int:
        """Write a key, whatever it takes; its index."""
        member = next(m for m in self.cluster.members if m.running and not m.paused)
        answer = await surely(member, "PUT", f"/v2/keys{key}", "value=0-0", (200, 201))
        index: int = answer.document["node"]["modifiedIndex"]
        return index

    async def index(self) -> int:
        """The index of the store, by a write."""
        return await self.put("/marks/index")

    async def finish(self) -> dict[str, int]:
        """Write the last change to all that is watched, and let the collectors read up to it.

        Returns:
            The index of that, by what is watched.
        """
        last = {TOP: await self.put(f"{TOP}/last"), QUIET: await self.put(QUIET)}
        for collector in self._collectors:
            collector.tell(f"until {max(last.values())}")
        await gatherResults([collector.ended() for collector in self._collectors])
        return last
