"""Integration tests of code that uses etcd: a real server, and a network that fails.

Usage: python test_with_etcd.py
   or: trial test_with_etcd.py
"""

import sys
from unittest import main

from twisted.trial import unittest

from txetcd import AmbiguousWrite, connect
from txetcd.testing import EtcdProcess, FaultProxy


class CounterTests(unittest.TestCase):
    """Each test has a server of its own, which starts in less than a second."""

    async def setUp(self):
        self.server = EtcdProcess()
        self.addCleanup(self.server.stop)
        await self.server.start()
        self.proxy = FaultProxy(self.server)
        self.addCleanup(self.proxy.stop)
        await self.proxy.start()
        self.etcd = connect(self.proxy.url)
        self.addCleanup(self.etcd.close)

    async def test_a_key_outlives_a_crash_of_the_server(self):
        await self.etcd.key("/colour").set("blue")

        await self.server.kill()
        await self.server.restart()

        op = await self.etcd.key("/colour").get()
        self.assertEqual(op.node.text, "blue")

    async def test_a_write_whose_reply_is_lost_may_have_been_done(self):
        key = self.etcd.key("/colour")
        self.proxy.cut_after_request(method="PUT")

        await self.assertFailure(key.set("blue"), AmbiguousWrite)

        op = await key.get(quorum=True)
        self.assertEqual(op.node.text, "blue")


if __name__ == "__main__":
    main(argv=sys.argv[:1])
