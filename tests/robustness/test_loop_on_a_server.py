"""The watch loop on a real etcd: quiet keys in busy stores, bursts, servers that stand still."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from tests.benchmarks.writer import STEP
from tests.benchmarks.writer import Writer as WriterProcess
from tests.realserver import RealServerTestCase
from tests.robustness.traffic import Watcher, Writer
from txetcd import Action, Backoff, NodeOp, RequestTimedOut
from txetcd.keys.events import KeyEvents
from txetcd.keys.events.registration import Registration
from txetcd.keys.poll import Poll
from txetcd.keys.poll.pulse import HEAD_TIME
from txetcd.model import Get

reactor: Any = _reactor

BACKOFF = Backoff.exponential_jittered(0.010, 0.040)

#: Unrelated changes a second: the history of 1000 lasts for as long.
FLOOD = 1000

#: How many changes a writer may be ahead of who follows it.
AHEAD = 800


class Case(RealServerTestCase):
    timeout = 120

    async def watch(self, url: str, make: type[Poll] = Poll, path: str = "/w") -> Watcher:
        top = self.client(url).key(path)
        watcher = Watcher(reactor, _Events(make(top._session, path, True, BACKOFF)))
        self.addCleanup(watcher.close)
        await watcher.began()
        return watcher

    def flood(self, url: str, rate: float = FLOOD, directory: str = "/flood") -> WriterProcess:
        """Have another process write, at a rate, until the test is over."""
        writer = WriterProcess(url, "v2", directory)
        self.addCleanup(writer.__exit__)
        ordering = LoopingCall(writer.write, STEP)
        ordering.start(STEP / rate)
        self.addCleanup(ordering.stop)
        return writer

    async def passes(self, url: str, changes: int) -> None:
        """Wait until the store has changed so often."""
        etcd = self.client(url)
        end = await self.index(etcd) + changes
        while await self.index(etcd) < end:
            await self.pause(0.05)

    async def index(self, etcd: Any) -> int:
        index: int = (await etcd.key("/").get()).etcd.index
        return index


class QuietTests(Case):
    async def test_a_quiet_key_in_a_flood_keeps_its_place_and_gets_no_snapshot(self):
        server = await self.server()
        watcher = await self.watch(server.url)
        self.flood(server.url)
        await self.passes(server.url, 6 * FLOOD)
        writer = Writer(reactor, self.client(server.url).key("/w"))
        for _ in range(5):
            await writer.write(1)
            await self.passes(server.url, FLOOD // 2)
        verdict = await watcher.verdict(writer.truth)
        self.assertTrue(verdict.faultless, verdict)
        self.assertEqual((verdict.events, verdict.snapshots), (5, 1))
        self.assertEqual(watcher.failures, [])

    async def test_where_no_end_comes_through_the_history_is_lost_and_that_is_told(self):
        """It shows that the test above would see a cursor that stays behind."""
        server = await self.server()
        watcher = await self.watch(server.url, make=_NeverHangsUp)
        self.flood(server.url)
        await self.passes(server.url, 3 * FLOOD)
        writer = Writer(reactor, self.client(server.url).key("/w"))
        await writer.write(5)
        verdict = await watcher.verdict(writer.truth)
        self.assertTrue(verdict.faultless, verdict)
        self.assertGreater(verdict.snapshots, 1)


class DirectQuietTests(QuietTests):
    carrier = "direct"


class StuckTests(Case):
    carrier = "direct"

    async def through_a_fault(self, fault: str) -> tuple[Watcher, Writer]:
        """A change that is stuck on its way to a watcher of a quiet key in a flood."""
        server = await self.server()
        proxy = await self.proxy(server.url)
        watcher = await self.watch(proxy.url)
        self.flood(server.url)
        await self.passes(server.url, 2 * FLOOD)
        writer = Writer(reactor, self.client(server.url).key("/w"))
        # The next wait is parked, and its head has come; then nothing comes any more.
        before = proxy.requests
        while proxy.requests == before:
            await self.pause(0.005)
        await self.pause(0.1)
        getattr(proxy, fault)()
        await writer.write(1)
        await self.pause(1.0)
        await proxy.heal()
        await self.pause(2 * HEAD_TIME)
        await writer.write(1)
        return watcher, writer

    async def test_a_change_that_is_stuck_on_its_way_is_covered(self):
        for fault in ("swallow_replies", "black_hole"):
            watcher, writer = await self.through_a_fault(fault)
            verdict = await watcher.verdict(writer.truth)
            self.assertTrue(verdict.faultless, (fault, verdict))
            self.assertEqual(verdict.snapshots, 2)


class BehindTests(Case):
    carrier = "direct"

    async def test_5000_changes_of_a_writer_that_is_ahead_are_followed_without_a_snapshot(self):
        server = await self.server()
        watcher = await self.watch(server.url, path="/burst")
        writer = WriterProcess(server.url, "v2", "/burst")
        self.addCleanup(writer.__exit__)
        ordered = 0
        while len(watcher.told) < 5001 and not watcher.failures:
            # It is never stopped, and never so far ahead that the history could be overrun.
            while ordered < 5000 and ordered - len(watcher.told) < AHEAD:
                writer.write(STEP)
                ordered += STEP
            await self.pause(0)
        self.assertEqual(watcher.failures, [])
        told = [op for op in watcher.told[1:] if isinstance(op, NodeOp)]
        self.assertNotIn(Action.GET, {op.action for op in told})
        indexes = [op.node.modified_index for op in told]
        self.assertEqual(indexes, list(range(indexes[0], indexes[0] + 5000)))

    async def test_a_member_that_stands_still_is_found_and_followed_when_it_goes_on(self):
        server = await self.server()
        watcher = await self.watch(server.url)
        await server.pause()
        while not watcher.failures:
            await self.pause(0.1)
        self.assertIsInstance(watcher.failures[0], RequestTimedOut)
        await server.resume()
        writer = Writer(reactor, self.client(server.url).key("/w"))
        await writer.write(10)
        verdict = await watcher.verdict(writer.truth)
        self.assertTrue(verdict.faultless, verdict)


class EndTests(Case):
    """What the proof stands on."""

    async def test_a_wait_that_is_hung_up_ends_at_once_and_whole(self):
        for url in (self.etcd_url, (await self.proxy()).url):
            key = self.client(url).key(f"{self.prefix}/a")
            await key.set("1")
            heads: list[Any] = []
            ends: list[Any] = []
            op = Get(key.path, False, True, None, on_state=heads.append, on_endable=ends.append)
            waiting: Deferred[NodeOp] = key._session(op)
            while not ends:
                await self.pause()
            ends[0]()
            error = await self.failure(waiting)
            self.assertEqual(type(error).__name__, "WatchEnded")
            self.assertGreater(heads[0].index, 0)


class DirectEndTests(EndTests):
    carrier = "direct"


class _NeverHangsUp(Poll):
    """One whose transport cannot."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pulse.ended(proved=False)
        self._pulse.ended(proved=False)


class _Events(KeyEvents):
    """The events that a given poll brings."""

    def __init__(self, poll: Poll) -> None:
        self._given = poll

    def register(self, witness: Any) -> Any:
        return Registration(self._given, witness)
