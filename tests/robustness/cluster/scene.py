"""The cluster, and the network in front of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.robustness.cluster.members import MEMBERSHIP, ReplaceableCluster, surely
from txetcd.clock import sleep
from txetcd.testing import FaultProxy

__all__ = ["Scene"]


class Scene:
    """Three members, each behind a proxy.

    Args:
        reactor: Runs all of it.
        size: How many members there are, if not three.
        options: Of `EtcdProcess`, for all members.

    Attributes:
        cluster: The members.
        proxies: What stands before each of them, in the same order.
    """

    def __init__(self, reactor: Any, size: int = 3, **options: Any) -> None:
        self.reactor = reactor
        self.cluster = ReplaceableCluster(size, reactor, extra_args=MEMBERSHIP, **options)
        self.proxies: list[FaultProxy] = []
        self._numbers = itertools.count(1)

    async def start(self) -> Scene:
        """Start everything."""
        await self.cluster.start()
        for member in self.cluster.members:
            proxy = FaultProxy(member, self.reactor)
            self.proxies.append(await proxy.start())
        return self

    async def stop(self) -> None:
        """End everything."""
        await gatherResults([proxy.stop() for proxy in self.proxies])
        await self.cluster.stop()

    @property
    def urls(self) -> list[str]:
        """What the client is to connect to."""
        return [proxy.url for proxy in self.proxies]

    def next_number(self) -> int:
        """A number that no run before has had."""
        return next(self._numbers)

    def ports(self) -> list[int]:
        """Where the members are, without the proxies."""
        return [member.port for member in self.cluster.members]

    @property
    def in_flight(self) -> int:
        """How many requests of the client are under way."""
        return sum(proxy.in_flight for proxy in self.proxies)

    @property
    def connections(self) -> int:
        """How many connections of the client are open."""
        return sum(proxy.connections for proxy in self.proxies)

    async def leader(self) -> int:
        """The place of the member that leads."""
        leader = await self.cluster.leader()
        return self.cluster.members.index(leader)

    async def heal(self) -> None:
        """Lift all faults of the network, and let all members run."""
        await gatherResults([proxy.heal() for proxy in self.proxies])
        for member in self.cluster.members:
            if member.paused:
                await member.resume()
        stopped = [member for member in self.cluster.members if not member.running]
        await gatherResults([member.restart() for member in stopped])

    async def mark(self, name: str) -> int:
        """Write a mark through each member, one after another, and tell the index of the last.

        Each can only be carried out after what the member was asked before.  They are not below
        the directory of any run.
        """
        index = 0
        for number, member in enumerate(self.cluster.members):
            path = f"/v2/keys/marks/{name}-{number}"
            answer = await surely(member, "PUT", path, "value=mark", expected=(200, 201))
            index = answer.index
        return index

    def seconds(self) -> float:
        """The time."""
        now: float = self.reactor.seconds()
        return now

    def sleep(self, seconds: float) -> Deferred[None]:
        """Let time pass."""
        return sleep(self.reactor, seconds)

    async def until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, but not for ever; whether it is."""
        end = self.seconds() + seconds
        while not reached() and self.seconds() < end:
            await self.sleep(0.01)
        return reached()
