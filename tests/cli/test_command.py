"""The command, as a process, on a real etcd: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.realserver import RealServerTestCase

reactor: Any = _reactor


class Command(ProcessProtocol):
    """A run of ``txetcd``: fires with its exit status, output and errors."""

    def __init__(self, given: bytes | None = None) -> None:
        self.ended: Deferred[tuple[Any, str, str]] = Deferred()
        self.out, self.err = b"", b""
        self._given = given

    def connectionMade(self) -> None:
        transport: Any = self.transport
        if self._given is not None:
            transport.write(self._given)
        transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        self.out += data

    def errReceived(self, data: bytes) -> None:
        self.err += data

    def processEnded(self, reason: Failure) -> None:
        status = 0 if reason.check(ProcessDone) else getattr(reason.value, "exitCode", None)
        self.ended.callback((status, self.out.decode(), self.err.decode()))


class Case(RealServerTestCase):
    def begin(self, *arguments: str, given: bytes | None = None, **environ: str) -> Command:
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("ETCDCTL_")}
        command = Command(given)
        reactor.spawnProcess(
            command,
            sys.executable,
            [sys.executable, "-m", "txetcd.cli", *arguments],
            {**inherited, **environ},
        )
        return command

    async def run_(self, *arguments: str, given: bytes | None = None) -> tuple[Any, str, str]:
        url = self.etcd_url
        return await self.begin(*arguments, given=given, ETCDCTL_ENDPOINTS=url).ended

    async def assertPrints(self, printed: str, *arguments: str, given: bytes | None = None) -> None:
        self.assertEqual(await self.run_(*arguments, given=given), (0, printed, ""))


class KeyCommandTests(Case):
    async def test_set_get_update_and_rm(self):
        key = f"{self.prefix}/a"
        await self.assertPrints("1\n", "set", key, "1")
        await self.assertPrints("1\n", "get", key)
        await self.assertPrints("2\n", "update", key, "2")
        status, _, _ = await self.run_("rm", key)
        self.assertEqual(status, 0)
        status, out, err = await self.run_("get", key)
        self.assertEqual((status, out), (4, ""))
        self.assertIn("Key not found", err)
        self.assertEqual(err.count("\n"), 1)

    async def test_mk_and_cas_refuse_what_is_not_as_expected(self):
        key = f"{self.prefix}/a"
        await self.assertPrints("1\n", "mk", key, "1")
        status, _, err = await self.run_("mk", key, "2")
        self.assertEqual(status, 4)
        self.assertIn("Key already exists", err)
        await self.assertPrints("2\n", "cas", "--with-value", "1", key, "2")
        self.assertEqual((await self.run_("cas", "--with-value", "1", key, "3"))[0], 4)
        self.assertEqual((await self.run_("cas", key, "3"))[0], 1)

    async def test_directories(self):
        self.assertEqual((await self.run_("mkdir", f"{self.prefix}/d"))[0], 0)
        await self.run_("set", f"{self.prefix}/d/x", "1")
        await self.assertPrints(f"{self.prefix}/d\n", "ls", self.prefix)
        await self.assertPrints(f"{self.prefix}/d/\n", "ls", "-p", self.prefix)
        self.assertEqual((await self.run_("rmdir", f"{self.prefix}/d"))[0], 4)
        self.assertEqual((await self.run_("rm", "--recursive", f"{self.prefix}/d"))[0], 0)

    async def test_json_is_an_object_a_line(self):
        key = f"{self.prefix}/a"
        await self.run_("set", key, "1")
        status, out, _ = await self.run_("-o", "json", "get", key)
        answer = json.loads(out)
        self.assertEqual((status, answer["action"], out.count("\n")), (0, "get", 1))
        self.assertEqual((answer["node"]["key"], answer["node"]["value"]), (key, "1"))

    async def test_a_value_is_read_from_standard_input(self):
        key = f"{self.prefix}/a"
        await self.assertPrints("from stdin\n", "set", key, "-", given=b"from stdin")
        await self.assertPrints("from stdin\n", "get", key)

    async def test_a_value_that_begins_with_a_dash(self):
        await self.assertPrints("-1\n", "set", f"{self.prefix}/a", "--", "-1")

    async def test_bad_input_is_one_line_and_status_1(self):
        for line in ("get", "set a//b 1", "nothing", "set /a 1 --ttl -1"):
            status, out, err = await self.run_(*line.split())
            self.assertEqual((status, out, err.count("\n")), (1, "", 1), line)

    async def test_a_server_that_is_not_there_is_status_2(self):
        status, _, err = await self.begin("--endpoints", "http://127.0.0.1:1", "get", "/a").ended
        self.assertEqual(status, 2)
        self.assertIn("was not sent", err)

    async def test_a_password_is_never_shown(self):
        ended = self.begin("get", "/a", ETCDCTL_ENDPOINTS="http://u:s3cret@127.0.0.1:1").ended
        status, out, err = await ended
        self.assertEqual(status, 1)
        self.assertNotIn("s3cret", out + err)


class WatchCommandTests(Case):
    async def test_watch_prints_the_next_change_and_ends(self):
        key = f"{self.prefix}/a"
        made = await self.client().key(key).set("1")
        index = str(made.node.modified_index)
        await self.assertPrints("1\n", "watch", "--after-index", str(int(index) - 1), key)

    async def test_watch_forever_prints_every_change_until_it_is_stopped(self):
        key = self.client().key(f"{self.prefix}/a")
        first = await key.set("0")
        after = str(first.node.modified_index)
        watching = self.begin(
            "-o", "json", "watch", "--forever", "--after-index", after, key.path,
            ETCDCTL_ENDPOINTS=self.etcd_url,
        )  # fmt: skip
        for number in range(1, 4):
            await key.set(str(number))
        while watching.out.count(b"\n") < 3:
            await self.pause()
        transport: Any = watching.transport
        transport.signalProcess("INT")
        status, out, _ = await watching.ended
        self.assertEqual(status, 130)
        values = [json.loads(line)["node"]["value"] for line in out.splitlines()]
        self.assertEqual(values, ["1", "2", "3"])


class DemoTests(Case):
    def counted(self, out: str) -> dict[str, int]:
        """The numbers at the end, by their names."""
        named = r"^  (written|seen|by snapshot|lost|twice) +([0-9,]+)"
        found = re.findall(named, out, re.MULTILINE)
        return {name: int(number.replace(",", "")) for name, number in found}

    async def test_the_demonstration_loses_nothing_and_leaves_nothing(self):
        status, out, err = await self.begin("demo").ended
        self.assertEqual((status, err), (0, ""), out)
        counts = self.counted(out)
        self.assertEqual(counts["seen"] + counts["by snapshot"], 1000)
        self.assertEqual((counts["written"], counts["lost"], counts["twice"]), (1000, 0, 0))
        for shown in ("2 kills and restarts", "TestFailed", "expire", "told: delete"):
            self.assertIn(shown, out)
        self.assertNotIn("\x1b", out)

    async def test_the_demonstration_on_a_server_of_the_user_removes_its_directory(self):
        server = await self.server()
        status, out, err = await self.begin("--endpoints", server.url, "demo").ended
        self.assertEqual((status, err), (0, ""), out)
        self.assertEqual(self.counted(out)["lost"], 0)
        left = (await self.client(server.url).key("/").get()).node
        self.assertEqual(left.nodes, ())

    async def test_without_an_etcd_it_says_what_to_install(self):
        status, _, err = await self.begin("demo", TXETCD_ETCD="/nonexistent").ended
        self.assertNotEqual(status, 0)
        self.assertIn("etcd", err)
        self.assertEqual(err.count("\n"), 1)
