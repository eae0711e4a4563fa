"""What a server that is stopped, cut off or wiped does to its clients, in memory and really."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import ensureDeferred, gatherResults, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tests.contract.requests import FORM, random_request
from tests.contract.script import Conversations
from tests.contract.sides import Question, Side
from tests.contract.words import in_words
from tests.realserver import RealServerTestCase, reactor
from txetcd import ReplyLost
from txetcd.http import Request, Response
from txetcd.http.transports import direct_service
from txetcd.testing import EtcdProcess, MemoryEtcd

WAIT = Request("GET", "/v2/keys/a", "wait=true")

#: How many commands etcd keeps for a member that is behind, and some more.
BEHIND = 5100


class Misfortunes(Conversations):
    """What is done to a server of the test's own."""

    process: Any
    assertIsNone: Any

    async def do(self, what: str, **options: Any) -> None:
        await maybeDeferred(getattr(self.process, what), **options)

    async def parked(self) -> Question:
        wait = Question(self.service, WAIT)
        await wait.headed
        return wait

    async def test_a_server_that_stops_ends_its_waits_with_nothing(self):
        wait = await self.parked()
        # A real one may have closed the connection before it says so.
        trapped = wait.answered.addErrback(lambda failure: failure.trap(ReplyLost))
        await self.do("stop")
        await trapped
        if wait.response is not None or isinstance(self.process, MemoryEtcd):
            self.assertEqual(in_words(self.some(wait.response), 3), "200 @0 nothing")

    async def test_a_server_that_is_killed_ends_nothing(self):
        wait = await self.parked()
        trapped = wait.answered.addErrback(lambda failure: failure.trap(ReplyLost))
        await self.do("kill")
        await trapped
        self.assertIsNone(wait.response)

    async def test_data_and_history_survive_and_the_index_grows(self):
        await self.ask("PUT", "/a", form="value=1")
        await self.do("restart")
        self.assertEqual(await self.index(), 5)
        await self.do("kill")
        await self.do("start")
        self.assertEqual(await self.index(), 6)
        told = await self.ask("GET", "/a", "wait=true&waitIndex=4")
        self.assertEqual(in_words(told, 3), '200 @3 set /a="1" m1 c1')

    async def test_a_wiped_server_begins_anew_with_the_same_name(self):
        first = await self.ask("PUT", "/a", form="value=1")
        await self.ask("PUT", "/a", form="value=2")
        await self.do("restart", wipe=True)
        again = await self.ask("PUT", "/a", form="value=1")
        self.assertEqual(again.body, first.body)
        for field in ("X-Etcd-Cluster-Id", "X-Etcd-Index", "X-Raft-Term"):
            self.assertEqual(again.headers[field], first.headers[field])

    async def test_a_wait_ends_with_nothing_when_its_client_will_send_no_more(self):
        wait = await self.parked()
        await self.ask("PUT", "/b", form="value=1")
        assert wait.head is not None
        assert wait.head.end_sending is not None
        wait.head.end_sending()
        await wait.answered
        self.assertEqual(in_words(self.some(wait.response), 3), "200 @0 nothing")

    async def test_a_paused_server_answers_when_it_goes_on(self):
        await self.do("pause")
        reading = self.service(Request("GET", "/v2/keys/"))
        await self.moment()
        self.assertEqual(reading.called, False)
        await self.do("resume")
        self.assertEqual(in_words(await reading, 3), "200 @0 get / dir")

    def some(self, response: Response | None) -> Response:
        assert response is not None
        return response


class MisfortunesInMemoryTests(Misfortunes, Side):
    def setUp(self) -> None:
        self.process = self.service = MemoryEtcd(Clock())

    async def moment(self) -> None:  # type: ignore[override]
        pass


class RealMisfortunesTests(Misfortunes, RealServerTestCase):
    index = Side.index
    is_other = False

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.process = await self.server()
        self.service = direct_service(reactor, self.process.url)
        self.addCleanup(self.service.close)

    def moment(self) -> Any:
        return self.pause(0.1)


class ClusterTests(RealServerTestCase, TestCase):
    """Three members, one of which is cut off; and a member in memory with its peer."""

    timeout = 120

    def put(self, value: str) -> Request:
        return Request("PUT", "/v2/keys/x", "", FORM, f"value={value}".encode())

    async def two_of_three(self, **options: Any) -> tuple[EtcdProcess, EtcdProcess]:
        """The leader, and another."""
        cluster = await self.cluster(3, election_timeout=0.5, **options)
        leader = await cluster.leader()
        self.others = [each for each in cluster.members if each is not leader]
        return leader, self.others[0]

    def carrier_to(self, member: EtcdProcess) -> Any:
        service = direct_service(reactor, member.url)
        self.addCleanup(service.close)
        return service

    async def test_without_a_quorum_a_write_times_out(self):
        leader, _ = await self.two_of_three()
        real = self.carrier_to(leader)
        clock = Clock()
        memory = MemoryEtcd(clock)
        for member in self.others:
            await member.kill()
        memory.lose_quorum()
        answers = []
        for service in (memory, real):
            writing = service(self.put("1"))
            clock.advance(7)
            answers.append(await writing)
        words = [in_words(answer, 3) for answer in answers]
        self.assertEqual(words[0], "500 @none 300 (etcdserver: request timed out) @none")
        # etcd may guess at why.
        self.assertIn("500 @none 300 (etcdserver: request timed out", words[1])

    async def test_a_snapshot_damages_the_history_in_the_same_way(self):
        leader, other = await self.two_of_three(snapshot_count=100)
        real, real_peer = self.carrier_to(other), self.carrier_to(leader)
        base = int((await real_peer(self.put("0"))).headers["X-Etcd-Index"])
        memory = MemoryEtcd(Clock(), index=base - 1)
        await memory.peer(self.put("0"))
        random = Random(7)

        def index_of(peer: Any) -> int:
            answer = peer(Request("GET", "/v2/keys/")).result
            return int(answer.headers["X-Etcd-Index"])

        async def both(number: int) -> None:
            # So many changes.
            until = index_of(memory.peer) + number
            while index_of(memory.peer) < until:
                request = random_request(random, base, base)
                if request.method != "GET":
                    await gatherResults([memory.peer(request), real_peer(request)])

        await both(1000)
        await self.until_at(real, memory.index)
        await other.pause()
        memory.fall_behind()
        # What changes nothing: the first of it are heard of all the same.
        todo = [Request("GET", "/v2/keys/", "quorum=true")] * BEHIND

        async def flood() -> None:
            while todo:
                await real_peer(todo.pop())

        await gatherResults([ensureDeferred(flood()) for _ in range(16)])
        await both(900)
        await other.resume()
        memory.catch_up(from_snapshot=True)
        await self.until_at(real, memory.index)

        damaged = 0
        for index in range(memory.index - 990, memory.index):
            scan = Request("GET", "/v2/keys/", f"wait=true&recursive=true&waitIndex={index}")
            scans = [Question(service, scan) for service in (memory, real, memory.peer)]
            await scans[1].headed
            if not scans[0].answered.called:
                # Whatever is left has become a refresh.
                await self.pause(0.1)
                self.assertFalse(scans[1].answered.called)
                self._forget(scans[:2])
                break
            await scans[1].answered
            told = [in_words(self._some(each), base, shows_ttl=False) for each in scans]
            self.assertEqual(told[0], told[1], index)
            damaged += told[0] != told[2]
        self.assertGreater(damaged, 0)

    def _some(self, question: Question) -> Response:
        assert question.response is not None
        return question.response

    def _forget(self, questions: list[Question]) -> None:
        for question in questions:
            question.answered.addErrback(lambda _: None)
            question.under_way.cancel()

    async def until_at(self, service: Any, index: int) -> None:
        while True:
            answer = await service(Request("GET", "/v2/keys/"))
            if int(answer.headers["X-Etcd-Index"]) >= index:
                return
            await self.pause(0.05)
