"""What befalls a store and its members, besides what `tests.robustness.cluster.faults` has."""

from __future__ import annotations

from random import Random

from twisted.internet.defer import gatherResults

from tests.robustness.cluster.fault import Fault
from tests.robustness.watching.scene import WatchedScene
from txetcd.testing import EtcdProcess

__all__ = ["CutAgainAndAgain", "Killed", "Nothing", "SnapshotGap", "Wiped", "Writes", "snapshots"]

#: How many events the server remembers.
HISTORY = 1000

#: How long a member may take to catch up, in seconds.
PATIENCE = 15.0

#: How long it takes a write that has been sent to be in the log, in seconds.
SETTLED = 0.1


class OfTheStore(Fault):
    """A fault of what is stored, and of no member or connection in particular."""

    scene: WatchedScene

    def __init__(self, scene: WatchedScene, random: Random) -> None:
        super().__init__(scene, random)
        self.struck = scene.proxies


class Nothing(OfTheStore):
    """No fault."""

    async def strike(self, seconds: float) -> None:
        self.hits = 1
        await self.scene.sleep(seconds)


class Writes(OfTheStore):
    """Very many changes at once.

    Args:
        scene, random: As for `Fault`.
        order: What the writer is told.
        cut_off: Whether nobody hears of them meanwhile.
    """

    def __init__(
        self, scene: WatchedScene, random: Random, order: str, cut_off: bool = False
    ) -> None:
        super().__init__(scene, random)
        self._order = order
        self._cut_off = cut_off

    async def strike(self, seconds: float) -> None:
        before = await self.scene.index()
        if self._cut_off:
            for proxy in self.struck:
                await proxy.refuse()
                proxy.cut_all()
        await self.scene.writer.carry_out(self._order)
        await self.scene.sleep(seconds)
        passed = await self.scene.index() - before
        self.hits = passed if passed > HISTORY or not self._cut_off else 0


class CutAgainAndAgain(OfTheStore):
    """All connections are reset every 50 ms."""

    async def strike(self, seconds: float) -> None:
        self.hits = await self.busy(self.struck)
        for proxy in self.struck:
            proxy.cut_every(0.05)
        await self.scene.sleep(seconds)


class Killed(Fault):
    """A member is killed, or all are at once, and started again at once.

    Args:
        scene, random: As for `Fault`.
        all: Whether all.
    """

    scene: WatchedScene

    def __init__(self, scene: WatchedScene, random: Random, all: bool = False) -> None:
        super().__init__(scene, random)
        self._all = all

    async def strike(self, seconds: float) -> None:
        members, proxies = self.scene.cluster.members, self.scene.proxies
        places = range(len(members)) if self._all else [self.place()]
        self.struck = [proxies[place] for place in places]
        self.hits = await self.busy(self.struck)
        if len(members) == 1:
            # An etcd 3.5 before 3.5.5 that is alone acknowledges what is not in its log yet
            # (etcd-io/etcd#14370), and would lose what it has told.
            self.scene.write(False)
            await self.scene.sleep(SETTLED)
        await gatherResults([members[place].kill() for place in places])


class SnapshotGap(Fault):
    """A member is stopped for so long that it catches up by a snapshot, and drops events.

    etcd reads the snapshot into the store that it has (``Recovery`` in ``v2store/store.go``), and
    what the snapshot leaves out stays as it was.  So an event that takes the place of a renewed
    lease in the history is taken for one, and never told; one without a previous node or a value
    may get another's.  Nothing that a client sees gives that away, so the history of the member is
    filled with plain writes first: `tests.robustness.test_watching` shows what happens otherwise.
    """

    scene: WatchedScene

    async def strike(self, seconds: float) -> None:
        leader = await self.scene.leader()
        place = self.random.choice([n for n in range(len(self.scene.proxies)) if n != leader])
        behind = self.scene.cluster.members[place]
        self.struck = [self.scene.proxies[place]]
        before = snapshots(behind)
        self.scene.write(False)
        await self.scene.sleep(SETTLED)
        await self.scene.writer.carry_out(f"flood {HISTORY + 100}")
        await self.scene.sleep(SETTLED)
        await behind.pause()
        self.scene.write()
        await self.scene.writer.carry_out("flood 6500")
        await behind.resume()
        await self.scene.until(lambda: snapshots(behind) > before, PATIENCE)
        self.hits = snapshots(behind) - before


class Wiped(OfTheStore):
    """All data is lost, and another history begins under the same cluster id."""

    async def strike(self, seconds: float) -> None:
        before = await self.scene.index()
        self.scene.write(False)
        await self.scene.sleep(SETTLED)
        await gatherResults([member.kill() for member in self.scene.cluster.members])
        self.scene.begin_anew()
        await self.scene.cluster.restart(wipe=True)
        self.hits = int(await self.scene.index() < before)


def snapshots(member: EtcdProcess) -> int:
    """How often a member has caught up by a snapshot, in the words of 3.5 and of 3.4."""
    log = member.log()
    return log.count("applied snapshot") + log.count("finished applying incoming snapshot")
