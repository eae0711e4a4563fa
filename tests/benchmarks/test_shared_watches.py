"""The benchmark of shared watches runs, and leaves nothing; no time or size is asserted."""

from __future__ import annotations

from twisted.internet import reactor

from tests.benchmarks.shared_watches import QUICK, measure, table
from tests.realserver import RealServerTestCase


class SharedWatchesBenchmarkTests(RealServerTestCase):
    async def test_everything_is_measured_and_nothing_is_left(self):
        server = await self.server()
        found = await measure(reactor, server.url, QUICK)
        self.assertEqual(found["one watch"], {"observers": 20, "watches of the server": 1})
        left = {name: n for name, n in found["come and go"].items() if name.endswith("left")}
        self.assertEqual(set(left.values()), {0}, left)
        self.assertGreater(found["stopped"]["writes"], 0)
        self.assertIn("come and go\n  watches ", table(found))
