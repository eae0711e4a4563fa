"""The command as a process when things break: servers, connections, outputs, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from twisted.internet import reactor as _reactor

from tests.cli.test_command import Case, Command
from txetcd import Dir, NotSent
from txetcd.cli.output import walk
from txetcd.http import Headers, Request
from txetcd.http.transports import treq_service

reactor: Any = _reactor


class BrokenServerTests(Case):
    async def test_a_write_whose_reply_is_lost_is_status_5(self):
        proxy = await self.proxy()
        proxy.cut_after_request(method="PUT")
        key = f"{self.prefix}/a"
        status, out, err = await self.begin("--endpoints", proxy.url, "set", key, "1").ended
        self.assertEqual((status, out, err.count("\n")), (5, "", 1))
        self.assertIn("its outcome is unknown", err)
        self.assertEqual((await self.client().key(key).get()).node.text, "1")

    async def test_a_silent_server_is_status_2_after_the_timeout(self):
        proxy = await self.proxy()
        proxy.black_hole()
        status, _, err = await self.begin(
            "get", "/a", ETCDCTL_ENDPOINTS=proxy.url, ETCDCTL_TIMEOUT="200ms"
        ).ended
        self.assertEqual(status, 2)
        self.assertIn("no reply within", err)

    async def test_a_host_that_is_not_there_is_status_2(self):
        line = ("--endpoints", "http://nosuchhost.invalid:2379", "--timeout", "5s", "get", "/a")
        status, out, err = await self.begin(*line).ended
        self.assertEqual((status, out, err.count("\n")), (2, "", 1), err)
        self.assertIn("nosuchhost.invalid", err)

    async def test_a_server_without_the_v2_api_is_status_6_and_says_what_to_do(self):
        server = await self.server(enable_v2=False)
        status, _, err = await self.begin("--endpoints", server.url, "ls").ended
        self.assertEqual((status, err.count("\n")), (6, 1))
        self.assertIn("--enable-v2", err)

    async def test_who_is_not_authorized_is_status_3_and_no_password_is_shown(self):
        server = await self.server()
        await self.enable_authentication(server.url)
        for username, expected in (("root:s3cret", 0), ("root:wr0ng", 3)):
            status, out, err = await self.begin(
                "set", "/a", "1", ETCDCTL_ENDPOINTS=server.url, ETCDCTL_USERNAME=username
            ).ended
            self.assertEqual(status, expected, err)
            self.assertNotRegex(out + err, "s3cret|wr0ng")

    async def enable_authentication(self, url: str) -> None:
        service = treq_service(reactor, url)
        self.addCleanup(service.close)
        root = json.dumps({"user": "root", "password": "s3cret"}).encode()
        kind = Headers({"Content-Type": "application/json"})
        await service(Request("PUT", "/v2/auth/users/root", "", kind, root))
        await service(Request("PUT", "/v2/auth/enable"))

    async def test_a_watch_goes_on_when_its_server_is_killed_and_comes_back(self):
        server = await self.server()
        key = self.client(server.url).key("/w")
        first = (await key.set("0")).node.modified_index
        watching = self.begin(
            "-o", "json", "watch", "--forever", "--after-index", str(first), "/w",
            ETCDCTL_ENDPOINTS=server.url,
        )  # fmt: skip
        await key.set("1")
        while watching.out.count(b"\n") < 1:
            await self.pause()
        await server.kill()
        while b"trying again" not in watching.err:
            await self.pause()
        await server.restart()
        await key.set("2")
        while watching.out.count(b"\n") < 2:
            await self.pause()
        transport: Any = watching.transport
        transport.signalProcess("TERM")
        status, out, err = await watching.ended
        self.assertEqual(status, 143)
        values = [json.loads(line)["node"]["value"] for line in out.splitlines()]
        self.assertEqual(values, ["1", "2"])
        self.assertNotIn("Traceback", err)


class OutputTests(Case):
    async def test_an_output_that_is_closed_ends_the_command_quietly(self):
        key = self.client().key(f"{self.prefix}/a")
        first = (await key.set("0")).node.modified_index
        watching = self.begin(
            "watch", "--forever", "--after-index", str(first), key.path,
            ETCDCTL_ENDPOINTS=self.etcd_url,
        )  # fmt: skip
        await key.set("1")
        while not watching.out:
            await self.pause()
        transport: Any = watching.transport
        transport.closeStdout()
        # Twisted closes it in its next turn; a request is sent at once, and may be quicker.
        await self.pause()
        await key.set("2")
        status, _, err = await watching.ended
        self.assertEqual((status, err), (141, ""))

    async def test_a_value_of_any_text_comes_back_as_it_went_in(self):
        value = "zoë ☃\n\tß;&=%+"
        key = f"{self.prefix}/ü b"
        status, _, err = await self.run_("set", key, "-", given=value.encode())
        self.assertEqual((status, err), (0, ""))
        await self.assertPrints(f"{value}\n", "get", key)
        await self.assertPrints(f"{key}\n", "ls", self.prefix)

    async def test_a_value_that_is_no_text_is_bad_input(self):
        status, _, err = await self.run_("set", f"{self.prefix}/a", "-", given=b"\xff\xfe")
        self.assertEqual((status, err.count("\n")), (1, 1))
        self.assertIn("not UTF-8", err)


class StoppedDemoTests(Case):
    """The demonstration is stopped in the middle of the burst."""

    async def stopped(self, *arguments: str, signal: str = "INT", tmp: str = "/tmp") -> Command:
        demo = self.begin("demo", *arguments, TMPDIR=tmp)
        while b"Writer and watcher" not in demo.out:
            await self.pause()
            self.assertFalse(demo.ended.called, (demo.out, demo.err))
        await self.writes_have_begun(demo)
        transport: Any = demo.transport
        transport.signalProcess(signal)
        status, _, err = await demo.ended
        self.assertEqual((status, err), ({"INT": 130, "TERM": 143, "HUP": 129}[signal], ""))
        return demo

    async def writes_have_begun(self, demo: Command) -> None:
        top = self.client(_found(rb"http://[0-9.:]+", demo)).key("/")
        while True:
            root = (await top.get(recursive=True)).node
            assert isinstance(root, Dir)
            if any("/burst/" in node.key for node in walk(root)):
                return

    async def test_it_leaves_no_server_and_no_file(self):
        for signal in ("INT", "HUP"):
            folder = self.mktemp()
            os.mkdir(folder)
            demo = await self.stopped(signal=signal, tmp=os.path.abspath(folder))
            url = _found(rb"http://[0-9.:]+", demo)
            await self.failure(self.client(url).key("/").get(), NotSent)
            self.assertEqual(os.listdir(folder), [])

    async def test_it_removes_its_directory_from_the_server_of_the_user(self):
        server = await self.server()
        await self.stopped("--endpoints", server.url)
        root = await self.client(server.url).key("/").get(recursive=True)
        self.assertEqual(root.node.nodes, ())


def _found(pattern: bytes, command: Command) -> str:
    found = re.search(pattern, command.out)
    assert found is not None, command.out
    return found[0].decode()


class TerminalCommand(Command):
    """Run on a terminal of its own: errors come where output does."""

    def connectionMade(self) -> None:
        pass


class TerminalDemoTests(Case):
    def begin_on_a_terminal(self, **environ: str) -> Command:
        demo = TerminalCommand()
        arguments = [sys.executable, "-m", "txetcd.cli", "demo"]
        given = {**os.environ, "TERM": "xterm", "COLUMNS": "60", **environ}
        if "NO_COLOR" not in environ:
            given.pop("NO_COLOR", None)
        reactor.spawnProcess(demo, sys.executable, arguments, given, usePTY=True)
        return demo

    async def shown(self, **environ: str) -> str:
        """What is shown until the bar has come, and the demonstration is stopped."""
        demo = self.begin_on_a_terminal(**environ)
        while demo.out.count("█".encode()) < 100:
            await self.pause()
            self.assertFalse(demo.ended.called, demo.out)
        transport: Any = demo.transport
        transport.signalProcess("INT")
        status, out, _ = await demo.ended
        self.assertEqual(status, 130)
        return out

    async def test_a_terminal_is_shown_colours_and_a_bar_and_no_line_that_is_too_long(self):
        out = await self.shown()
        self.assertIn("\x1b[1mA key", out)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
        for line in re.split(r"\r\x1b\[K|\r?\n", plain):
            self.assertLessEqual(len(line), 60, line)

    async def test_no_color_is_heeded_and_the_bar_stays(self):
        out = await self.shown(NO_COLOR="1")
        self.assertNotRegex(out, r"\x1b\[[0-9;]*m")
        self.assertIn("\r\x1b[K", out)
