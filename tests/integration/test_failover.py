"""Members of a real cluster that die, hang and come back: what a client of all of them notices."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from tests.realserver import RealServerTestCase
from txetcd import AmbiguousWrite, EndpointDown, Etcd, Key, KeyNotFound, NodeOp, TestFailed
from txetcd.filters import InMemoryStats
from txetcd.reactive import Activity, Ok, Var
from txetcd.testing import EtcdCluster, EtcdProcess

#: How long an operation may take, in seconds: one attempt at a member that hangs takes half of it.
TIMEOUT = 4.0


class Case(RealServerTestCase):
    stats: InMemoryStats

    async def three(self) -> EtcdCluster:
        """A cluster that holds no election because the machine is slow."""
        return await self.cluster(3, election_timeout=1.0)

    async def all_know(self, value: str) -> tuple[EtcdCluster, Etcd, Key]:
        """A cluster, a client of all its members, and a key whose value all of them know."""
        cluster = await self.three()
        etcd = self.of_all(*cluster.urls)
        key = etcd.key("/a")
        await key.set(value)
        await self.known_everywhere(cluster, key)
        return cluster, etcd, key

    def of_all(self, *urls: str, **options: Any) -> Etcd:
        """A client of several endpoints, which counts what it asks."""
        self.stats = InMemoryStats()
        return self.client(",".join(urls), stats=self.stats, timeout=TIMEOUT, **options)

    async def becomes(self, condition: Callable[[], object]) -> None:
        while not condition():
            await self.pause()

    async def follower(self, cluster: EtcdCluster) -> EtcdProcess:
        leader = await cluster.leader()
        return next(member for member in cluster.members if member is not leader)

    def asked(self, url: str, **labels: str) -> float:
        """How many requests, no waits, have ended at an endpoint."""
        return self.stats.counter_value("endpoint_requests", endpoint=url, **labels)

    def parked(self, url: str) -> float:
        """How many waits are parked on an endpoint."""
        return self.stats.gauge_value("endpoint_long_polls_in_flight", endpoint=url)

    def left_alone(self, etcd: Etcd) -> list[str]:
        return re.findall(r"<(http\S+) (?:BUSY|DOWN)", repr(etcd))

    async def known_everywhere(self, cluster: EtcdCluster, key: Key) -> None:
        """Wait until no member is behind what a quorum knows of a key."""
        truth = (await key.get(quorum=True)).node
        for url in cluster.urls:
            there = self.client(url).key(key.path)
            while await self.of_one(there) != truth:
                await self.pause()

    async def of_one(self, key: Key) -> Any:
        try:
            return (await key.get()).node
        except KeyNotFound:
            return None

    async def asked_everywhere(self, key: Key, urls: list[str]) -> None:
        """Have a kept connection to each endpoint, and know that each is used."""
        before = {url: self.asked(url) for url in urls}
        while any(self.asked(url) == before[url] for url in urls):
            await gatherResults([key.get() for _ in range(8)], consumeErrors=True)

    async def until_left_alone(self, etcd: Etcd, key: Key, url: str) -> None:
        """Get a key until an endpoint is known to be lost; no get fails."""
        while url not in self.left_alone(etcd):
            await gatherResults([key.get() for _ in range(8)], consumeErrors=True)


class KilledTests(Case):
    async def test_no_get_fails_whichever_member_is_killed_meanwhile(self):
        cluster = await self.three()
        etcd = self.of_all(*cluster.urls)
        key = etcd.key("/a")
        await key.set("before")
        await self.known_everywhere(cluster, key)
        await self.asked_everywhere(key, cluster.urls)
        for killed in (await cluster.leader(), await self.follower(cluster)):
            getting = [key.get() for _ in range(32)]
            await killed.kill()
            getting += [key.get() for _ in range(32)]
            for op in await gatherResults(getting, consumeErrors=True):
                self.assertEqual(op.node.value, b"before")
            await self.until_left_alone(etcd, key, killed.url)
            await killed.restart()
            await self.becomes(lambda: not self.left_alone(etcd))
            await self.known_everywhere(cluster, key)

    async def test_writes_that_were_never_sent_move_on(self):
        cluster, _, key = await self.all_know("0")
        await self.asked_everywhere(key, cluster.urls)
        killed = await self.follower(cluster)
        await killed.kill()
        for n in range(20):
            # None is ambiguous: a connection that has ended carries no write.
            self.assertEqual((await key.set(str(n))).node.text, str(n))
        self.assertEqual((await key.get(quorum=True)).node.text, "19")

    async def test_a_member_that_comes_back_is_used_again(self):
        cluster, etcd, key = await self.all_know("0")
        killed = await self.follower(cluster)
        await killed.kill()
        await self.until_left_alone(etcd, key, killed.url)
        await key.set("1")
        await killed.restart()
        await self.becomes(lambda: not self.left_alone(etcd))
        await self.known_everywhere(cluster, key)
        answered = self.asked(killed.url, result="success")
        while self.asked(killed.url, result="success") == answered:
            await key.get()

    async def test_with_the_quorum_lost_plain_gets_are_still_answered(self):
        cluster, _, key = await self.all_know("1")
        last = await self.follower(cluster)
        for member in cluster.members:
            if member is not last:
                await member.kill()
        for op in await gatherResults([key.get() for _ in range(32)], consumeErrors=True):
            self.assertEqual(op.node.text, "1")
        self.assertGreater(self.asked(last.url, result="success"), 0)

    async def test_with_the_quorum_lost_no_write_that_hangs_keeps_a_get_from_its_answer(self):
        cluster, _, key = await self.all_know("1")
        last = await self.follower(cluster)
        for member in cluster.members:
            if member is not last:
                await member.kill()
        # More than there are connections to one member.
        hanging = [key.set("2") for _ in range(100)]
        asking = [key.get(quorum=True) for _ in range(100)]
        ended: list[object] = []
        for each in [*hanging, *asking]:
            each.addBoth(ended.append)
        while len(ended) < 200:
            # Those killed may still be asked now and then, and refuse.
            for op in await gatherResults([key.get() for _ in range(16)], consumeErrors=True):
                self.assertEqual(op.node.text, "1")
        for end in ended:
            self.assertIsInstance(end, Failure)


class HungTests(Case):
    """A member that is stopped accepts connections, and answers nothing."""

    async def test_no_get_fails_and_it_is_left_alone_until_it_goes_on(self):
        cluster, etcd, key = await self.all_know("0")
        await self.asked_everywhere(key, cluster.urls)
        hung = await self.follower(cluster)
        await hung.pause()
        await self.until_left_alone(etcd, key, hung.url)
        # As it is known, no write goes there to become ambiguous.
        asked = self.asked(hung.url)
        for n in range(10):
            self.assertEqual((await key.set(str(n))).node.text, str(n))
        self.assertEqual(self.asked(hung.url), asked)
        await hung.resume()
        await self.becomes(lambda: not self.left_alone(etcd))
        await self.asked_everywhere(key, cluster.urls)

    async def test_a_write_that_was_sent_there_is_ambiguous_and_not_repeated(self):
        cluster = await self.three()
        etcd = self.of_all(*cluster.urls)
        hung = await self.follower(cluster)
        directory = etcd.key("/d")
        await directory.set(None)
        await self.known_everywhere(cluster, directory)
        await self.asked_everywhere(directory, cluster.urls)
        await hung.pause()
        lost: list[Any] = []
        for n in itertools.count():
            try:
                await (directory / str(n)).create("1")
            except AmbiguousWrite as error:
                lost.append(error)
                break
        self.assertEqual(lost[0].endpoint, hung.url)
        # The members that answer know nothing of it, and the next is made once.
        await (directory / "next").create("1")
        await hung.resume()

    async def test_with_two_of_three_hung_plain_gets_are_still_answered(self):
        cluster, _, key = await self.all_know("0")
        await self.asked_everywhere(key, cluster.urls)
        last = await self.follower(cluster)
        hung = [member for member in cluster.members if member is not last]
        for member in hung:
            await member.pause()
        for op in await gatherResults([key.get() for _ in range(8)], consumeErrors=True):
            self.assertEqual(op.node.text, "0")
        for member in hung:
            await member.resume()


class WatchTests(Case):
    async def watched(self, etcd: Etcd, cluster: EtcdCluster) -> tuple[Key, EtcdProcess, list[Any]]:
        """A key whose watch is parked on a member that does not lead, and what it is told."""
        leader = await cluster.leader()
        others = [member for member in cluster.members if member is not leader]
        for n in itertools.count():
            key = etcd.key(f"/w{n}")
            await self.client(leader.url).key(key.path).set("first")
            told: list[Any] = []
            registration = key.events().register(told.append)
            await self.becomes(lambda: any(self.parked(url) for url in cluster.urls))
            for member in others:
                if self.parked(member.url):
                    return key, member, told
            await registration.close()
            await self.becomes(lambda: not self.parked(leader.url))
        raise AssertionError("every key is followed at the leader")

    async def moves(self, lose: Callable[[EtcdProcess], Deferred[Any]]) -> None:
        """Lose the member that a watch is parked on, and write before, meanwhile and after."""
        cluster = await self.three()
        etcd = self.of_all(*cluster.urls)
        key, member, told = await self.watched(etcd, cluster)
        leader = await cluster.leader()
        writer = self.client(leader.url).key(key.path)
        written = [await writer.set(str(n)) for n in range(10)]
        # Of a watch that was told no change yet nothing proves that the history is the same.
        await self.becomes(lambda: len(changes(told)) == 11)
        await lose(member)
        written += [await writer.set(str(n)) for n in range(10, 20)]
        others = [url for url in cluster.urls if url != member.url]
        await self.becomes(lambda: any(self.parked(url) for url in others))
        written += [await writer.set(str(n)) for n in range(20, 30)]
        await self.becomes(lambda: changes(told)[-1:] == [written[-1].node])
        first, *rest = changes(told)
        self.assertEqual(first.text, "first")
        # Each once, in order, and no snapshot in between.
        self.assertEqual(rest, [op.node for op in written])
        for failure in told:
            if isinstance(failure, Failure):
                self.assertTrue(getattr(failure.value, "retryable", False), failure)

    async def test_it_moves_from_a_member_that_is_killed_and_loses_nothing(self):
        await self.moves(EtcdProcess.kill)

    async def test_it_moves_from_a_member_that_hangs_and_loses_nothing(self):
        await self.moves(EtcdProcess.pause)

    async def test_it_moves_from_a_member_that_is_an_endpoint_no_more(self):
        cluster = await self.three()
        states: Var[Any] = Var(Ok(cluster.urls))
        endpoints: Any = Activity.of_states(states)
        self.stats = InMemoryStats()
        etcd = self.client(endpoints, stats=self.stats)
        key, member, told = await self.watched(etcd, cluster)
        states.update(Ok([url for url in cluster.urls if url != member.url]))
        await self.becomes(lambda: any(map(self.parked, cluster.urls)))
        self.assertEqual(self.parked(member.url), 0)
        written = await key.set("1")
        await self.becomes(lambda: changes(told)[-1:] == [written.node])
        (failure,) = [each for each in told if isinstance(each, Failure)]
        failure.trap(EndpointDown)

    async def test_it_outlives_the_loss_of_the_quorum(self):
        cluster = await self.three()
        etcd = self.of_all(*cluster.urls)
        key, member, told = await self.watched(etcd, cluster)
        await self.surely(key, "first", "1")
        lost = [each for each in cluster.members if each is not member]
        for each in lost:
            await each.kill()
        # Its member is alive and leads nowhere, so says that it is not well.
        await self.becomes(lambda: len(self.left_alone(etcd)) == 3)
        for start in [each.restart() for each in lost]:
            await start
        await self.becomes(lambda: not self.left_alone(etcd))
        await cluster.leader()
        await self.surely(key, "1", "2")
        await self.becomes(lambda: changes(told)[-1].text == "2")
        self.assertEqual([node.text for node in changes(told)], ["first", "1", "2"])

    async def surely(self, key: Key, before: str, value: str) -> None:
        """Write a value, once; it takes more than one try if a leader is being elected."""
        while (await key.get(quorum=True)).node.text != value:
            try:
                await key.compare_and_swap(value, prev_value=before)
            except (AmbiguousWrite, TestFailed):
                pass


def changes(told: list[Any]) -> list[Any]:
    """The nodes that were told of, without the failures in between."""
    return [each.node for each in told if isinstance(each, NodeOp)]


class NetworkTests(Case):
    """Two ways to one server, of which one is broken."""

    async def test_a_way_that_refuses_is_left_for_the_other_until_it_is_open_again(self):
        broken, sound = await self.proxy(), await self.proxy()
        etcd = self.of_all(broken.url, sound.url)
        key = etcd.key(self.prefix)
        await key.set("0")
        await self.asked_everywhere(key, [broken.url, sound.url])
        await broken.refuse()
        broken.cut_all()
        await self.becomes(lambda: not broken.connections)
        for n in range(20):
            await key.set(str(n))
            self.assertEqual((await key.get()).node.text, str(n))
        self.assertEqual(self.left_alone(etcd), [broken.url])
        await broken.refuse(False)
        await self.becomes(lambda: not self.left_alone(etcd))
        await self.asked_everywhere(key, [broken.url, sound.url])

    async def test_a_way_that_swallows_all_is_left_likewise(self):
        broken, sound = await self.proxy(), await self.proxy()
        etcd = self.of_all(broken.url, sound.url)
        key = etcd.key(self.prefix)
        await key.set("0")
        await self.asked_everywhere(key, [broken.url, sound.url])
        broken.black_hole()
        await self.until_left_alone(etcd, key, broken.url)
        for n in range(20):
            await key.set(str(n))
        broken.heal()
        await self.becomes(lambda: not self.left_alone(etcd))
        await self.asked_everywhere(key, [broken.url, sound.url])


class DirectKilledTests(KilledTests):
    carrier = "direct"


class DirectWatchTests(WatchTests):
    carrier = "direct"
