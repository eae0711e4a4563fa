"""The benchmark of a watch that follows a writer: that it counts what it is told."""

from __future__ import annotations

from tests.benchmarks.behind import Followed, follow
from tests.realserver import RealServerTestCase


class FollowTests(RealServerTestCase):
    async def test_each_change_is_counted_and_no_loss_is_overlooked(self):
        server = await self.server()
        followed = await follow(server.url, rate=1000, count=300, transport="direct", limit=16)
        self.assertEqual((followed.events, followed.snapshots), (300, 0))
        self.assertGreater(followed.seconds, 0)

    def test_it_says_how_it_went(self):
        text = str(Followed(events=1000, snapshots=2, behind=7, seconds=0.5, cpu=0.1))
        for part in ("1000 events, 2 snap", "2000 events/s", "100 µs", "at most 7 behind"):
            self.assertIn(part, text)
