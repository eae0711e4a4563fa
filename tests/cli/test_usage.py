"""From a command line to an operation, and what is said of a line that makes no sense."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

import txetcd.cli
from txetcd import Action, ApiError, Data, Etcd, NodeOp, Service, State
from txetcd.cli import app, demo, main
from txetcd.cli.exit_status import ExitStatus
from txetcd.cli.settings import Settings
from txetcd.model import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Set,
)

ANSWER = NodeOp(Action.SET, Data("/a", 7, 7, None, b"value"), State(7))


class Standard(io.TextIOWrapper):
    """Standard input or output, as a pipe."""

    def __init__(self, given: bytes = b"") -> None:
        self.raw_bytes = io.BytesIO(given)
        super().__init__(self.raw_bytes, "utf-8", write_through=True)

    @property
    def text(self) -> str:
        return self.raw_bytes.getvalue().decode()


class Case(SynchronousTestCase):
    def setUp(self):
        self.asked: list = []
        self.settings: list[Settings] = []
        self.answer: NodeOp | Exception = ANSWER
        self.clock = Clock()
        self.patch(app, "run", self.run_at_once)
        self.patch(os, "environ", {"TERM": "xterm"})

    def run_at_once(self, begin: Callable, report: Callable) -> int:
        results: list = []
        Deferred.fromCoroutine(begin(self.clock)).addBoth(results.append)
        (result,) = results
        return report(result.value) if isinstance(result, Failure) else result

    def command(self, *arguments: str, given: bytes = b"") -> tuple[int, str, str]:
        """Run a command line; its exit status, output and errors."""

        def serve(op):
            self.asked.append(op)
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        def client(settings: Settings, reactor: object) -> Etcd:
            self.settings.append(settings)
            return Etcd(Service.mk(serve), clock=self.clock)

        out, err = Standard(), Standard()
        self.patch(Settings, "client", client)
        self.patch(sys, "stdin", Standard(given))
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        status = main(arguments)
        return int(status), out.text, err.text


class LineTests(Case):
    def assertAsks(self, op, line: str, given: bytes = b"") -> None:
        self.asked.clear()
        self.assertEqual(self.command(*line.split(), given=given)[::2], (0, ""), line)
        self.assertEqual(self.asked, [op], line)

    def test_each_command_with_each_option(self):
        for line, op in (
            ("get /a", Get("/a")),
            ("get --sort --quorum /a", Get("/a", quorum=True, sorted=True)),
            ("get -q /a", Get("/a", quorum=True)),
            ("set /a 1", Set("/a", b"1")),
            ("set --ttl 5 /a 1", Set("/a", b"1", 5)),
            ("set /a 1 --swap-with-value 0", CompareAndSwap("/a", b"1", prev_value=b"0")),
            ("set /a 1 --swap-with-index 5", CompareAndSwap("/a", b"1", 5)),
            ("cas /a 1 --with-value 0", CompareAndSwap("/a", b"1", prev_value=b"0")),
            ("cas /a 1 --with-index 5 --ttl 9", CompareAndSwap("/a", b"1", 5, ttl=9)),
            ("cas /a 1 --absent", CompareAndSwap("/a", b"1", prev_exist=False)),
            ("mk /a 1 --ttl 5", Create("/a", b"1", 5)),
            ("mk --in-order /a 1", CreateInOrder("/a", b"1")),
            ("mkdir /a --ttl 5", Create("/a", None, 5)),
            ("update /a 1 --ttl 5", Set("/a", b"1", 5, prev_exist=True)),
            ("rm /a", Delete("/a")),
            ("rm --dir /a", Delete("/a", dir=True)),
            ("rm --recursive /a", Delete("/a", recursive=True)),
            ("rm -r /a", Delete("/a", recursive=True)),
            ("rm /a --with-value 0", CompareAndDelete("/a", prev_value=b"0")),
            ("rm /a --with-index 5", CompareAndDelete("/a", 5)),
            ("rmdir /a", Delete("/a", dir=True)),
            ("ls", Get("/")),
            ("ls /a", Get("/a")),
            ("ls --sort --recursive -p -q /a", Get("/a", True, quorum=True, sorted=True)),
            ("ls -r /a", Get("/a", recursive=True)),
        ):
            self.assertAsks(op, line)

    def test_a_value_from_standard_input(self):
        for command, op in (
            ("set /a", Set("/a", b"1\n2\n")),
            ("mk /a", Create("/a", b"1\n2\n")),
            ("update /a", Set("/a", b"1\n2\n", prev_exist=True)),
            ("cas --absent /a", CompareAndSwap("/a", b"1\n2\n", prev_exist=False)),
        ):
            self.assertAsks(op, command, given=b"1\n2\n")
            self.assertAsks(op, f"{command} -", given=b"1\n2\n")

    def test_an_empty_value(self):
        self.assertEqual(self.command("set", "/a", "")[0], 0)
        self.assertEqual(self.asked, [Set("/a", b"")])

    def test_a_value_that_begins_with_a_dash(self):
        self.assertAsks(Set("/a", b"-1"), "set /a -- -1")
        self.assertAsks(Set("/a", b"--ttl"), "set -- /a --ttl")

    def test_a_watch_asks_for_the_index_then_waits(self):
        self.command("watch", "/a")
        self.assertEqual(self.asked[0], Get("/a", quorum=True))
        self.assertEqual((self.asked[1].wait, self.asked[1].wait_index), (True, 8))

    def test_a_watch_after_an_index_waits_from_the_next(self):
        self.command("watch", "-r", "--after-index", "5", "/a")
        self.assertEqual((self.asked[1].recursive, self.asked[1].wait_index), (True, 6))


class SettingsTests(Case):
    GIVEN = Settings("http://h:1,http://h:2", "u:p", "3s", "json")
    OPTIONS = (
        "--endpoints", "http://h:1,http://h:2", "--username", "u:p", "--timeout", "3s", "-o", "json"
    )  # fmt: skip

    def test_options_before_the_command(self):
        _, out, _ = self.command(*self.OPTIONS, "get", "/a")
        self.assertEqual(self.settings, [self.GIVEN])
        self.assertTrue(out.startswith('{"action":"set"'))

    def test_options_after_the_command(self):
        self.command("get", "/a", *self.OPTIONS)
        self.assertEqual(self.settings, [self.GIVEN])

    def test_the_option_after_the_command_wins(self):
        self.command("--timeout", "1s", "get", "--timeout", "2s", "/a")
        self.assertEqual(self.settings[0].timeout, "2s")

    def test_the_environment_stands_in(self):
        os.environ["ETCDCTL_ENDPOINTS"] = "http://e:1"
        os.environ["ETCDCTL_USERNAME"] = "e:p"
        os.environ["ETCDCTL_OUTPUT"] = "json"
        _, out, _ = self.command("--timeout", "1s", "get", "/a")
        self.assertEqual(self.settings, [Settings("http://e:1", "e:p", "1s", "json")])
        self.assertTrue(out.startswith("{"))

    def test_one_command_leaves_nothing_for_the_next(self):
        self.command("--timeout", "1s", "get", "/a")
        self.command("get", "/a")
        self.assertEqual(self.settings[1], Settings())

    def test_the_demonstration_asks_the_environment_for_no_server(self):
        seen: list[Settings] = []

        async def begin(reactor, terminal, settings) -> int:
            seen.append(settings)
            return 0

        os.environ["ETCDCTL_ENDPOINTS"] = "http://precious:1"
        os.environ["ETCDCTL_USERNAME"] = "e:p"
        self.patch(demo, "demo", begin)
        self.assertEqual(self.command("demo")[0], 0)
        self.assertEqual(self.command("demo", "--endpoints", "http://h:1")[0], 0)
        self.assertEqual([s.endpoints for s in seen], [None, "http://h:1"])
        self.assertEqual(seen[1].username, "e:p")


class BadInputTests(Case):
    def assertBad(self, words: str, *arguments: str) -> None:
        """One line of error with these words, no output, nothing asked, and status 1."""
        status, out, err = self.command(*arguments)
        self.assertEqual((status, out, self.asked), (1, "", []), arguments)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertTrue(err.startswith("txetcd: "), err)
        self.assertIn(words, err)

    def test_a_line_that_makes_no_sense(self):
        self.assertBad("Missing argument 'KEY' (see txetcd get --help)", "get")
        self.assertBad("No such command 'frobnicate'", "frobnicate")
        self.assertBad("unexpected extra argument", "get", "/a", "/b")
        self.assertBad("put -- before a value with a dash", "set", "/a", "-1x")
        self.assertBad("'soon' is not a valid", "set", "/a", "1", "--ttl", "soon")
        self.assertBad("'x' is not a valid", "watch", "/a", "--after-index", "x")
        self.assertBad("'xml' is not one of", "-o", "xml", "get", "/a")

    def test_a_value_that_is_missing(self):
        self.assertBad("no value: standard input is empty", "set", "/a")

    def test_what_the_library_refuses_is_named(self):
        self.assertBad("'/a//b'", "get", "/a//b")
        self.assertBad("-5", "set", "/a", "1", "--ttl", "-5")
        self.assertBad("prev_index=0", "cas", "/a", "1", "--with-index", "0")
        self.assertBad("no condition", "cas", "/a", "1")
        self.assertBad("an index must lie between", "rm", "/a", "--with-index", "-1")

    def test_a_format_of_the_environment_that_is_none(self):
        os.environ["ETCDCTL_OUTPUT"] = "xml"
        self.assertBad("'xml'", "get", "/a")

    def test_no_command_is_answered_by_the_help(self):
        self.assertEqual(self.command(), self.command("--help"))
        self.assertIn("Commands:", self.command()[1])


class ErrorTests(Case):
    def test_an_error_is_one_line_and_its_status(self):
        self.answer = ApiError(100, "Key not found", "/a\n")
        status, out, err = self.command("get", "/a")
        self.assertEqual((status, out), (4, ""))
        self.assertEqual(err, "txetcd: Key not found (/a\\n), code 100 [get /a]\n")

    def test_ctrl_c_before_anything_runs_is_130_and_quiet(self):
        def interrupted(*_: object) -> int:
            raise KeyboardInterrupt

        self.patch(app, "run", interrupted)
        status, out, err = self.command("get", "/a")
        self.assertEqual((status, out, err.strip()), (130, "", ""))


class HelpTests(Case):
    def test_the_version(self):
        status, out, err = self.command("--version")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^txetcd \d+\.\d+\S*\n$")

    def test_each_command_has_help(self):
        for name in app.app.commands:
            status, out, _ = self.command(name, "--help")
            self.assertEqual(status, 0)
            self.assertIn("--endpoints", out)

    def test_all_commands_are_there(self):
        expected = "cas demo get ls mk mkdir rm rmdir set update watch"
        self.assertEqual(sorted(app.app.commands), expected.split())

    def test_every_exit_status_is_documented_where_one_looks(self):
        guide = Path(__file__).parents[2] / "docs" / "guide" / "command-line.rst"
        for place, text in (
            ("--help", self.command("--help")[1]),
            ("the docstring", txetcd.cli.__doc__ or ""),
            ("the guide", guide.read_text("utf-8")),
        ):
            told = {int(n) for n in re.findall(r"^\s*(\d+)  +\S", text, re.MULTILINE)}
            self.assertEqual(told, {int(status) for status in ExitStatus}, place)

    def test_the_reactor_is_left_alone_until_it_is_needed(self):
        program = "import sys, txetcd.cli; print('twisted.internet.reactor' in sys.modules)"
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        self.assertEqual(printed.stdout.strip(), b"False")
