"""Promise 1 on a real etcd: no change lost, none twice, in order, whatever happens."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.realserver import RealServerTestCase
from tests.robustness.judge import Verdict
from tests.robustness.planted import ResumesAtTheHeader
from tests.robustness.traffic import Watcher, Writer
from txetcd import Action, Backoff, Etcd, KeyNotFound, connect
from txetcd.keys.events import KeyEvents, _Registration
from txetcd.testing import EtcdCluster, EtcdProcess, FaultProxy

reactor: Any = _reactor

#: A watcher that is cut every 50 ms must not wait long: no jitter up to minutes here.
BACKOFF = Backoff.exponential_jittered(0.010, 0.5)


class Case(RealServerTestCase):
    timeout = 120

    def client(self, url: str) -> Etcd:
        etcd = connect(url, reactor=reactor)
        self.addCleanup(etcd.close)
        return etcd

    async def server(self, **options: Any) -> EtcdProcess:
        """A server of the test's own."""
        process = EtcdProcess(reactor, **options)
        self.addCleanup(process.stop)
        return await process.start()

    async def proxy(self, server: EtcdProcess) -> FaultProxy:
        proxy = FaultProxy(server.url, reactor)
        self.addCleanup(proxy.stop)
        return await proxy.start()

    async def watch(self, url: str, path: str = "/w") -> Watcher:
        watcher = Watcher(reactor, self.client(url).key(path))
        self.addCleanup(watcher.close)
        await watcher.began()
        return watcher

    def assertCovered(self, verdict: Verdict) -> None:
        self.assertTrue(verdict.faultless, verdict)

    def assertEveryChangeAnEvent(self, verdict: Verdict, count: int) -> None:
        self.assertEqual(verdict, Verdict(events=count, snapshots=1))


class WritesTests(Case):
    async def test_10000_writes_as_fast_as_the_server_takes_them_are_all_covered(self):
        server = await self.server()
        watcher = await self.watch(server.url)
        writer = Writer(reactor, self.client(server.url).key("/w"))
        await writer.write(10_000)
        verdict = await watcher.verdict(writer.truth)
        self.assertCovered(verdict)
        self.assertEqual(len(writer.truth), 10_000)

    async def test_at_500_a_second_every_write_is_an_event(self):
        server = await self.server()
        watcher = await self.watch(server.url)
        writer = Writer(reactor, self.client(server.url).key("/w"))
        await writer.write(1_500, rate=500)
        self.assertEveryChangeAnEvent(await watcher.verdict(writer.truth), 1_500)

    async def test_at_500_a_second_and_a_reset_every_50_ms_every_write_is_an_event(self):
        server = await self.server()
        proxy = await self.proxy(server)
        watcher = await self.watch(proxy.url)
        writer = Writer(reactor, self.client(server.url).key("/w"))
        proxy.cut_every(0.05)
        await writer.write(1_500, rate=500)
        proxy.heal()
        self.assertEveryChangeAnEvent(await watcher.verdict(writer.truth), 1_500)
        # The run is void if nothing was cut.
        self.assertGreater(len(watcher.failures), 20)

    async def test_at_500_a_second_and_two_kills_every_write_is_an_event(self):
        server = await self.server()
        watcher = await self.watch(server.url)
        writer = Writer(reactor, self.client(server.url).key("/w"))
        for _ in range(2):
            writing = Deferred.fromCoroutine(writer.write(300, rate=500))
            await watcher.reaches(watcher.position + 100)
            await server.kill()
            await server.restart()
            await writing
        await writer.write(100, rate=500)
        self.assertEveryChangeAnEvent(await watcher.verdict(writer.truth), 700)
        self.assertGreaterEqual(len(watcher.failures), 2)

    async def test_two_watchers_and_an_iteration_see_the_same(self):
        server = await self.server()
        watchers = [await self.watch(server.url) for _ in range(2)]
        seen: list[str] = []

        async def iterate() -> None:
            async for op in self.client(server.url).key("/w").events(recursive=True):
                seen.append(op.node.key)
                if len(seen) == 200:
                    return

        iterating = Deferred.fromCoroutine(iterate())
        writer = Writer(reactor, self.client(server.url).key("/w"))
        await writer.write(200, rate=500)
        for watcher in watchers:
            self.assertEveryChangeAnEvent(await watcher.verdict(writer.truth), 200)
        await iterating
        self.assertEqual(seen, [op.node.key for op in writer.truth])


class LostHistoryTests(Case):
    async def test_5000_unrelated_writes_while_the_client_is_cut_off_cost_a_snapshot(self):
        server = await self.server()
        proxy = await self.proxy(server)
        etcd = self.client(server.url)
        watcher = await self.watch(proxy.url)
        writer = Writer(reactor, etcd.key("/w"))
        await writer.write(10)
        await watcher.reaches(writer.truth[-1].node.modified_index)
        await proxy.refuse()
        proxy.cut_all()
        await Writer(reactor, etcd.key("/x")).write(5_000)
        await writer.write(10)
        await proxy.refuse(False)
        await watcher.reaches(writer.truth[-1].node.modified_index)
        await writer.write(10)
        verdict = await watcher.verdict(writer.truth)
        self.assertCovered(verdict)
        self.assertEqual((verdict.events, verdict.snapshots), (20, 2))

    async def test_a_wiped_server_is_told_as_a_snapshot_and_nothing_is_lost_after_it(self):
        server = await self.server()
        etcd = self.client(server.url)
        before = Writer(reactor, etcd.key("/w"))
        watcher = await self.watch(server.url)
        await before.write(50)
        await watcher.reaches(before.truth[-1].node.modified_index)
        told = len(watcher.told)
        await server.restart(wipe=True)
        while len(watcher.told) == told:
            await self.pause()
        self.assertIsInstance(watcher.told[told], KeyNotFound)
        after = Writer(reactor, etcd.key("/w"))
        await after.write(100)
        del watcher.told[:told]
        self.assertEveryChangeAnEvent(await watcher.verdict(after.truth), 100)

    async def test_a_wiped_server_whose_index_has_overtaken_the_watcher_is_noticed(self):
        server = await self.server()
        proxy = await self.proxy(server)
        before = Writer(reactor, self.client(server.url).key("/w"))
        watcher = await self.watch(proxy.url)
        await before.write(20)
        await watcher.reaches(before.truth[-1].node.modified_index)
        told = len(watcher.told)
        await proxy.refuse()
        proxy.cut_all()
        await server.restart(wipe=True)
        after = Writer(reactor, self.client(server.url).key("/w"))
        await after.write(100)
        await proxy.refuse(False)
        while len(watcher.told) == told:
            await self.pause()
        del watcher.told[:told]
        self.assertEqual(watcher.told[0].action, Action.GET)
        await after.write(100)
        self.assertCovered(await watcher.verdict(after.truth))

    async def test_changes_that_a_member_dropped_as_it_caught_up_from_a_snapshot_are_covered(self):
        cluster = EtcdCluster(3, reactor, snapshot_count=100)
        self.addCleanup(cluster.stop)
        await cluster.start()
        leader = await cluster.leader()
        behind = next(member for member in cluster.members if member is not leader)
        watcher = await self.watch(behind.url)
        writer = Writer(reactor, self.client(leader.url).key("/w"))
        await writer.write(10)
        await watcher.reaches(writer.truth[-1].node.modified_index)
        await behind.pause()
        # The leader keeps 5,000 entries of its log for those who are behind.
        await writer.write(6_000)
        await behind.resume()
        await self.has_caught_up(behind, writer.truth[-1].node.modified_index)
        await writer.write(20)
        verdict = await watcher.verdict(writer.truth)
        self.assertCovered(verdict)
        self.assertEqual(verdict.snapshots, 2)

    async def has_caught_up(self, member: EtcdProcess, index: int) -> None:
        etcd = self.client(member.url)
        while True:
            found = await etcd.key("/w").get()
            if found.etcd.index >= index:
                return
            await self.pause()


class PlantedTests(Case):
    async def test_the_loop_of_the_seed_is_caught_on_a_real_server(self):
        server = await self.server()
        top = self.client(server.url).key("/w")
        poll = ResumesAtTheHeader(top._session, "/w", True, BACKOFF)
        planted = Watcher(reactor, top, events=_Planted(poll))
        self.addCleanup(planted.close)
        true = await self.watch(server.url)
        await planted.began()
        writer = Writer(reactor, self.client(server.url).key("/w"))
        await writer.write(500, rate=500)
        index = writer.truth[-1].node.modified_index
        verdicts = await gatherResults(
            [Deferred.fromCoroutine(each.verdict(writer.truth)) for each in (true, planted)]
        )
        self.assertEveryChangeAnEvent(verdicts[0], 500)
        self.assertTrue(verdicts[1].twice, verdicts[1])
        self.assertGreater(index, 500)


class _Planted(KeyEvents):
    """Events that another poll brings."""

    def __init__(self, poll: Any) -> None:
        self._planted = poll

    def register(self, witness: Any) -> Any:
        return _Registration(self._planted, witness)
