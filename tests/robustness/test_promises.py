"""Promises 2 to 6 on a real etcd, behind a proxy that fails on demand.

Promise 1, that no change is lost, has `test_real_server` to itself.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from tests.realserver import RealServerTestCase
from txetcd import (
    AmbiguousWrite,
    Etcd,
    KeyNotFound,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    ServiceClosed,
)
from txetcd.testing import FaultProxy


class Case(RealServerTestCase):
    async def behind_a_proxy(self, **options: Any) -> tuple[FaultProxy, Etcd]:
        proxy = await self.proxy(self.etcd_url)
        return proxy, self.client(proxy.url, **options)

        return None


class WritesTests(Case):
    """Promise 2: no write is repeated behind your back."""

    async def versions(self, name: str) -> list[bytes]:
        """The children of a directory in the order in which they were made."""
        listing = await self.client().key(f"{self.prefix}/{name}").get(sorted=True)
        return [node.value for node in listing.node.nodes]

    async def test_a_write_whose_reply_was_lost_is_ambiguous_and_was_made_once(self):
        proxy, etcd = await self.behind_a_proxy()
        queue = etcd.key(f"{self.prefix}/queue")
        await queue.create_in_order("first")
        for cut in (proxy.cut_after_request, proxy.cut_mid_header, proxy.cut_mid_body):
            before = len(await self.versions("queue"))
            cut()
            error = await self.failure(queue.create_in_order("again"), AmbiguousWrite)
            self.assertEqual(error.op.path, queue.path)
            self.assertIsInstance(error.cause, ReplyLost)
            self.assertIn(proxy.url, str(error))
            self.assertEqual(len(await self.versions("queue")), before + 1)

    async def test_a_delete_whose_reply_was_lost_is_not_sent_again(self):
        proxy, etcd = await self.behind_a_proxy()
        key = etcd.key(f"{self.prefix}/a")
        await key.set("1")
        proxy.cut_after_request()
        await self.failure(key.delete(), AmbiguousWrite)
        await self.failure(self.client().key(key.path).get(), KeyNotFound)
        # Sent again, it would have failed with KeyNotFound.
        self.assertEqual(proxy.cuts, 1)

    async def test_a_write_that_was_cut_on_its_way_is_ambiguous_and_was_not_made(self):
        proxy, etcd = await self.behind_a_proxy()
        key = etcd.key(f"{self.prefix}/a")
        proxy.cut_before_request()
        await self.failure(key.set("1"), AmbiguousWrite)
        await self.failure(key.get(), KeyNotFound)

    async def test_a_write_that_could_not_be_sent_says_so_after_some_attempts(self):
        proxy, etcd = await self.behind_a_proxy()
        await proxy.refuse()
        error = await self.failure(etcd.key(f"{self.prefix}/a").set("1"), NotSent)
        self.assertEqual([type(each) for each in error.reasons], [NotSent] * 4)
        self.assertFalse(error.possibly_applied)

    async def test_a_write_that_could_not_be_sent_at_first_is_sent_when_it_can_be(self):
        proxy, etcd = await self.behind_a_proxy()
        await proxy.refuse()
        writing = etcd.key(f"{self.prefix}/a").set("1")
        await proxy.refuse(False)
        self.assertEqual((await writing).node.value, b"1")

    async def test_a_read_is_made_again_whatever_befell_it(self):
        proxy, etcd = await self.behind_a_proxy()
        key = etcd.key(f"{self.prefix}/a")
        await key.set("1")
        for cut in (
            proxy.cut_before_request,
            proxy.cut_after_request,
            proxy.cut_mid_header,
            proxy.cut_mid_body,
        ):
            cut(times=2)
            self.assertEqual((await key.get()).node.value, b"1")
        self.assertEqual(proxy.cuts, 8)

    async def test_without_a_quorum_a_write_is_ambiguous_and_a_plain_get_answers(self):
        cluster = await self.cluster(3)
        staying, *going = cluster.members
        etcd = self.client(staying.url, timeout=2.0)
        await etcd.key("/a").set("1")
        for member in going:
            await member.kill()
        await self.failure(etcd.key("/a").set("2"), AmbiguousWrite)
        self.assertEqual((await etcd.key("/a").get()).node.value, b"1")
        await self.failure(etcd.key("/a").get(quorum=True), RequestTimedOut)


class CancelTests(Case):
    """Promise 3: cancelling means stopping."""

    async def test_a_cancelled_wait_closes_its_connection_and_the_next_request_works(self):
        proxy, etcd = await self.behind_a_proxy()
        key = etcd.key(f"{self.prefix}/a")
        await key.set("1")
        waiting = key.get(wait=True)
        await self.pause()
        before = proxy.connections
        waiting.cancel()
        await self.failure(waiting, CancelledError)
        while proxy.connections >= before:
            await self.pause()
        self.assertEqual((await key.get()).node.value, b"1")

    async def test_cancelling_at_any_moment_never_breaks_the_next_request(self):
        proxy, etcd = await self.behind_a_proxy()
        key = etcd.key(f"{self.prefix}/a")
        await key.set("1")
        proxy.throttle(bytes_per_turn=7)
        for turns in range(25):
            reading = key.get()
            for _ in range(turns):
                await self.pause(0)
            finished = reading.called
            reading.cancel()
            if not finished:
                await self.failure(reading, CancelledError)
        await proxy.heal()
        self.assertEqual((await key.get()).node.value, b"1")

    async def test_closing_ends_all_that_is_under_way(self):
        proxy, etcd = await self.behind_a_proxy()
        key = etcd.key(f"{self.prefix}/a")
        told: list[Any] = []
        key.events().register(told.append)
        waiting = key.get(wait=True)
        proxy.black_hole()
        writing = key.set("1")
        await self.pause()
        await etcd.close()
        await self.failure(waiting, ServiceClosed)
        await self.failure(writing, AmbiguousWrite)
        self.assertIsInstance(told[-1], Failure)
        self.assertIsInstance(told[-1].value, ServiceClosed)


class DeadlineTests(Case):
    """Promise 4: nothing hangs."""

    async def test_a_server_that_says_nothing_is_given_up_and_named(self):
        proxy, etcd = await self.behind_a_proxy(timeout=0.4)
        proxy.black_hole()
        error = await self.failure(etcd.key("/a").get(), RequestTimedOut)
        for part in ("get /a", proxy.url, "0.4 s"):
            self.assertIn(part, str(error))
        self.assertEqual([reason.seconds for reason in error.reasons][:1], [0.2])

    async def test_a_write_that_is_given_up_is_ambiguous(self):
        proxy, etcd = await self.behind_a_proxy(timeout=0.4)
        proxy.black_hole()
        error = await self.failure(etcd.key("/a").set("1"), AmbiguousWrite)
        self.assertIsInstance(error.cause, RequestTimedOut)

    async def test_a_stopped_member_is_given_up_and_serves_when_it_goes_on(self):
        server = await self.server()
        etcd = self.client(server.url, timeout=0.4)
        await etcd.key("/a").set("1")
        await server.pause()
        await self.failure(etcd.key("/a").get(), RequestTimedOut)
        await server.resume()
        self.assertEqual((await etcd.key("/a").get()).node.value, b"1")

    async def test_a_wait_is_not_given_up(self):
        _, etcd = await self.behind_a_proxy(timeout=0.1)
        key = etcd.key(f"{self.prefix}/a")
        waiting = key.get(wait=True)
        await self.pause(0.4)
        self.assertFalse(waiting.called)
        await key.set("1")
        self.assertEqual((await waiting).node.value, b"1")


class SlowTests(Case):
    async def test_a_reply_that_comes_byte_by_byte_is_read_whole(self):
        proxy, etcd = await self.behind_a_proxy()
        key = etcd.key(f"{self.prefix}/a")
        proxy.throttle()
        await key.set("1")
        self.assertEqual((await key.get()).node.value, b"1")

    async def test_a_slow_witness_slows_the_poll_and_loses_nothing(self):
        _proxy, etcd = await self.behind_a_proxy()
        key = etcd.key(f"{self.prefix}/a")
        await key.set("0")
        told: list[bytes] = []
        ready: Deferred[None] = Deferred()

        def witness(op: Any) -> Deferred[None]:
            told.append(op.node.value)
            return ready

        registration = key.events().register(witness)
        while not told:
            # A write that is made at the same time may be the first to arrive.
            await self.pause()
        for number in range(1, 50):
            await key.set(str(number))
        self.assertEqual(told, [b"0"])
        ready.callback(None)
        while len(told) < 50:
            await self.pause()
        self.assertEqual(told, [b"%d" % number for number in range(50)])
        await registration.close()


# --- the same over the direct transport --------------------------------------------------


class DirectWritesTests(WritesTests):
    carrier = "direct"


class DirectCancelTests(CancelTests):
    carrier = "direct"


class DirectDeadlineTests(DeadlineTests):
    carrier = "direct"


class DirectSlowTests(SlowTests):
    carrier = "direct"
