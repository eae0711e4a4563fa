"""The members of a real cluster, as it tells them."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred

from tests.realserver import RealServerTestCase
from txetcd import v2
from txetcd.client import member_urls
from txetcd.http import Request
from txetcd.http.transports import direct_service
from txetcd.reactive import Failed, Ok

reactor: Any = _reactor


class MemberUrlsTests(RealServerTestCase):
    async def known(self, urls: Any) -> tuple[str, ...]:
        """The first that is known of the members."""
        found: Deferred[tuple[str, ...]] = Deferred()

        def told(state: Any) -> None:
            if isinstance(state, Ok) and not found.called:
                found.callback(state.value)

        observation = urls.observe(told)
        self.addCleanup(observation.close)
        return await found

    async def test_from_one_member_a_client_finds_all_of_them(self):
        cluster = await self.cluster()
        urls: Any = member_urls(cluster.endpoints[:1], transport=self.carrier, reactor=reactor)
        self.assertEqual(await self.known(urls), tuple(sorted(cluster.endpoints)))

        key = self.client(urls).key("/a")
        await key.set("1")
        self.assertEqual((await key.get(quorum=True)).node.value, b"1")

    async def test_one_that_was_removed_is_forgotten_though_it_was_the_one_to_begin_with(self):
        cluster = await self.cluster()
        first, second, third = cluster.endpoints
        urls = member_urls(first, reactor=reactor, interval=0.05)
        await self.known(urls)
        transport = direct_service(reactor, second)
        self.addCleanup(transport.close)
        members = await (v2.Members() >> transport)(v2.AskMembers())
        (gone,) = [member.id for member in members if first in member.client_urls]

        await cluster.members[0].kill()
        # It may have been the leader: another is elected first.
        removal = Request("DELETE", f"/v2/members/{gone}")
        while (await transport(removal)).status not in (204, 404, 410):
            await self.pause()
        while urls.state != Ok(tuple(sorted([second, third]))):
            await self.pause()

    async def test_nothing_is_left_when_nobody_answers(self):
        proxy = await self.proxy()
        proxy.black_hole()
        urls = member_urls(proxy.url, reactor=reactor, timeout=0.2)
        failed: Deferred[None] = Deferred()

        def told(state: Any) -> None:
            if isinstance(state, Failed) and not failed.called:
                failed.callback(None)

        observation = urls.observe(told)
        await failed
        await observation.close()
        self.flushLoggedErrors()


class DirectMemberUrlsTests(MemberUrlsTests):
    carrier = "direct"
