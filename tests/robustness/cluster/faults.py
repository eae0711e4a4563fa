"""The kinds of fault: each strikes some of three members, or the network before them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from twisted.internet.defer import gatherResults

from tests.robustness.cluster.fault import AGAIN, Fault
from tests.robustness.cluster.scene import Scene
from txetcd.testing import EtcdProcess, FaultProxy

__all__ = ["FAULTS"]


class Cuts(Fault):
    """Requests are struck at one place, two at a time, ten times a second.

    Args:
        scene, random: As for `Fault`.
        name: The place, as a method of `FaultProxy`.
        clean: Whether connections end in order.
    """

    def __init__(self, scene: Scene, random: Random, name: str, clean: bool = False) -> None:
        super().__init__(scene, random)
        self._name = name
        self._clean = clean

    async def strike(self, seconds: float) -> None:
        struck = self.proxies()
        before = sum(proxy.cuts for proxy in struck)
        end = self.scene.seconds() + seconds
        while self.scene.seconds() < end:
            for proxy in struck:
                getattr(proxy, self._name)(times=2, clean=self._clean)
            await self.scene.sleep(AGAIN)
        self.hits = sum(proxy.cuts for proxy in struck) - before


class CleanEnds(Cuts):
    """As `Cuts`, at a place that chance chooses, and in order."""

    def __init__(self, scene: Scene, random: Random) -> None:
        names = ("cut_before_request", "cut_after_request", "cut_mid_header", "cut_mid_body")
        super().__init__(scene, random, random.choice(names), clean=True)


class Refused(Fault):
    """Open connections are reset, and new ones are refused."""

    async def strike(self, seconds: float) -> None:
        struck = self.proxies()
        self.hits = await self.busy(struck)
        for proxy in struck:
            proxy.cut_all()
            await proxy.refuse()
            proxy.cut_all()
        await self.scene.sleep(seconds)


class Lasting(Fault):
    """Something that holds for all requests through some proxies, and swallows or slows them.

    Args:
        scene, random: As for `Fault`.
        begin: Begins it at a proxy.
    """

    def __init__(self, scene: Scene, random: Random, begin: Callable[[FaultProxy], None]) -> None:
        super().__init__(scene, random)
        self._begin = begin

    async def strike(self, seconds: float) -> None:
        struck = self.proxies()
        self.hits = await self.busy(struck)
        for proxy in struck:
            self._begin(proxy)
        before = sum(proxy.requests for proxy in struck)
        await self.scene.sleep(seconds)
        self.hits += sum(proxy.requests for proxy in struck) - before


class HalfOpen(Fault):
    """The server's ends of all connections are lost without a word, every half second."""

    async def strike(self, seconds: float) -> None:
        struck = self.proxies()
        end = self.scene.seconds() + seconds
        while self.scene.seconds() < end:
            self.hits += await self.busy(struck)
            for proxy in struck:
                proxy.half_open()
            await self.scene.sleep(5 * AGAIN)


class Stopped(Fault):
    """A member is killed, or stopped for a while.

    Args:
        scene, random: As for `Fault`.
        stop: Does it to a member.
    """

    def __init__(self, scene: Scene, random: Random, stop: Callable[[EtcdProcess], Any]) -> None:
        super().__init__(scene, random)
        self._stop = stop

    async def strike(self, seconds: float) -> None:
        place = self.place()
        self.struck = [self.scene.proxies[place]]
        self.hits = await self.busy(self.struck)
        await self._stop(self.scene.cluster.members[place])
        await self.scene.sleep(seconds)


class LeaderLost(Stopped):
    """The member that leads is killed or stopped, and another must be elected."""

    def __init__(self, scene: Scene, random: Random) -> None:
        super().__init__(scene, random, random.choice((EtcdProcess.kill, EtcdProcess.pause)))

    async def strike(self, seconds: float) -> None:
        place = await self.scene.leader()
        self.struck = [self.scene.proxies[place]]
        # All writes, and all reads by quorum, go through it, by way of whichever member.
        self.hits = await self.busy(self.scene.proxies)
        await self._stop(self.scene.cluster.members[place])
        await self.scene.sleep(seconds)


class QuorumLost(Fault):
    """Two of three members are killed or stopped, and come back.

    All that was asked meanwhile is carried out at one stroke then, and must fit into the history
    that the members keep.
    """

    longest = 2.5

    async def strike(self, seconds: float) -> None:
        stop = self.random.choice((EtcdProcess.kill, EtcdProcess.pause))
        self.struck = self.scene.proxies
        self.hits = await self.busy(self.struck)
        await gatherResults(
            [stop(member) for member in self.random.sample(self.scene.cluster.members, 2)]
        )
        await self.scene.sleep(seconds)


class MemberReplaced(Fault):
    """A member is lost with its data, removed, and another is added in its place."""

    async def strike(self, seconds: float) -> None:
        place = self.place()
        proxy, members = self.scene.proxies[place], self.scene.cluster.members
        self.hits = await self.busy([proxy])
        await members[place].kill()
        await self.scene.sleep(seconds / 2)
        proxy.retarget(await self.scene.cluster.replace(place))
        await self.scene.sleep(seconds / 2)


def _late(proxy: FaultProxy) -> None:
    proxy.delay(3.0)


def _slow(proxy: FaultProxy) -> None:
    proxy.throttle(bytes_per_turn=16, interval=0.01)


#: All kinds, by the names that the table and the command line have for them.
FAULTS: dict[str, Callable[[Scene, Random], Fault]] = {
    "refused": Refused,
    "reset-before-request": partial(Cuts, name="cut_before_request"),
    "reset-after-request": partial(Cuts, name="cut_after_request"),
    "mid-header": partial(Cuts, name="cut_mid_header"),
    "mid-body": partial(Cuts, name="cut_mid_body"),
    "clean-end": CleanEnds,
    "black-hole": partial(Lasting, begin=FaultProxy.black_hole),
    "replies-lost": partial(Lasting, begin=FaultProxy.swallow_replies),
    "half-open": HalfOpen,
    "delayed": partial(Lasting, begin=_late),
    "throttled": partial(Lasting, begin=_slow),
    "killed": partial(Stopped, stop=EtcdProcess.kill),
    "paused": partial(Stopped, stop=EtcdProcess.pause),
    "quorum-lost": QuorumLost,
    "leader-lost": LeaderLost,
    "member-replaced": MemberReplaced,
}
