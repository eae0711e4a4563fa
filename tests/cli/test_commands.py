"""The commands: which operation each asks for, what it prints, and what it refuses."""

from __future__ import annotations

import io

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.store import Store
from txetcd import (
    Action,
    ApiError,
    Data,
    Dir,
    Etcd,
    KeyNotFound,
    NodeOp,
    NotSent,
    ReplyLost,
    Service,
    State,
    TestFailed,
)
from txetcd.cli import commands
from txetcd.cli.exit_status import BadInput
from txetcd.cli.output import Output
from txetcd.model import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Set,
)

ANSWER = NodeOp(Action.SET, Data("/answered", 7, 7, None, b"value"), State(7))
DIRECTORY = NodeOp(
    Action.GET,
    Dir("/d", 4, 4, None, (Data("/d/a", 5, 5), Dir("/d/b", 6, 6, None, (Data("/d/b/c", 7, 7),)))),
    State(7),
)


class Case(SynchronousTestCase):
    def setUp(self):
        self.asked: list = []
        self.stream = io.BytesIO()

    def begin(self, command, *arguments, answer=ANSWER, **options) -> Deferred:
        """A command that runs on a service with one answer."""

        def serve(op):
            self.asked.append(op)
            if isinstance(answer, Exception):
                raise answer
            return answer

        etcd = Etcd(Service.mk(serve), clock=Clock())
        return Deferred.fromCoroutine(
            command(etcd, Output(self.stream), *arguments, **options)
        )

    def assertAsks(self, op, command, *arguments, printed="value\n", **options) -> None:
        self.successResultOf(self.begin(command, *arguments, **options))
        self.assertEqual(self.asked, [op])
        self.assertEqual(self.stream.getvalue().decode(), printed)

    def assertFails(self, kind, command, *arguments, **options) -> str:
        """It prints nothing, and raises; what it says."""
        failure = self.failureResultOf(self.begin(command, *arguments, **options), kind)
        self.assertEqual(self.stream.getvalue(), b"")
        return str(failure.value)

    def assertRefuses(self, kind, command, *arguments, **options) -> str:
        """Nothing is asked, either."""
        said = self.assertFails(kind, command, *arguments, **options)
        self.assertEqual(self.asked, [])
        return said


class ReadTests(Case):
    def test_get(self):
        self.assertAsks(Get("/a"), commands.get, "/a")

    def test_get_sorted_by_quorum(self):
        op = Get("/a", quorum=True, sorted=True)
        self.assertAsks(op, commands.get, "a", sort=True, quorum=True)

    def test_get_of_a_directory_is_bad_input(self):
        said = self.assertFails(BadInput, commands.get, "/d", answer=DIRECTORY)
        self.assertEqual(said, "/d is a directory: list it with ls")

    def test_what_etcd_refuses_is_raised(self):
        self.assertFails(KeyNotFound, commands.get, "/a", answer=ApiError(100))

    def test_ls_lists_the_root_of_itself(self):
        self.assertAsks(Get("/"), commands.ls, answer=DIRECTORY, printed="/d/a\n/d/b\n/d/b/c\n")

    def test_ls_with_all_options(self):
        op = Get("/d", recursive=True, quorum=True, sorted=True)
        self.assertAsks(
            op,
            commands.ls,
            "/d",
            sort=True,
            recursive=True,
            slash=True,
            quorum=True,
            answer=DIRECTORY,
            printed="/d/a\n/d/b/\n/d/b/c\n",
        )

    def test_ls_of_a_key_lists_the_key(self):
        self.assertAsks(Get("/answered"), commands.ls, "/answered", printed="/answered\n")


class WriteTests(Case):
    def test_set(self):
        self.assertAsks(Set("/a", b"1"), commands.set_, "/a", b"1")
        self.assertEqual(self.asked[0].ttl, None)

    def test_set_with_a_ttl_rounds_up(self):
        self.assertAsks(Set("/a", b"1", 3), commands.set_, "/a", b"1", ttl=2.5)

    def test_set_that_swaps(self):
        op = CompareAndSwap("/a", b"1", 5, b"0", ttl=9)
        options = {"swap_with_value": "0", "swap_with_index": 5, "ttl": 9.0}
        self.assertAsks(op, commands.set_, "/a", b"1", **options)

    def test_cas_with_a_value_and_an_index(self):
        op = CompareAndSwap("/a", b"1", 5, b"0")
        self.assertAsks(op, commands.cas, "/a", b"1", with_value="0", with_index=5)

    def test_cas_of_what_is_absent(self):
        op = CompareAndSwap("/a", b"1", prev_exist=False, ttl=4)
        self.assertAsks(op, commands.cas, "/a", b"1", absent=True, ttl=4.0)

    def test_cas_that_fails_is_raised_and_prints_nothing(self):
        options = {"with_value": "0", "answer": ApiError(101)}
        self.assertFails(TestFailed, commands.cas, "/a", b"1", **options)

    def test_cas_needs_a_condition(self):
        words = self.assertRefuses(BadInput, commands.cas, "/a", b"1")
        self.assertIn("--absent", words)

    def test_conditions_that_contradict_are_refused(self):
        self.assertRefuses(ValueError, commands.cas, "/a", b"1", with_index=5, absent=True)

    def test_an_index_of_0_is_refused(self):
        self.assertRefuses(ValueError, commands.set_, "/a", b"1", swap_with_index=0)
        self.assertRefuses(ValueError, commands.cas, "/a", b"1", with_index=0)
        self.assertRefuses(ValueError, commands.rm, "/a", with_index=0)

    def test_mk(self):
        self.assertAsks(Create("/a", b"1", 3), commands.mk, "/a", b"1", ttl=3.0)

    def test_mk_in_order_prints_the_name_that_was_chosen(self):
        op = CreateInOrder("/q", b"1", 3)
        options = {"ttl": 3.0, "in_order": True}
        self.assertAsks(op, commands.mk, "/q", b"1", printed="/answered\n", **options)

    def test_mkdir(self):
        made = NodeOp(Action.CREATE, Dir("/d", 4, 4), State(4))
        options = {"answer": made, "printed": ""}
        self.assertAsks(Create("/d", None, 3), commands.mkdir, "/d", ttl=3.0, **options)

    def test_update(self):
        op = Set("/a", b"1", 3, prev_exist=True)
        self.assertAsks(op, commands.update, "/a", b"1", ttl=3.0)

    def test_rm(self):
        self.assertAsks(Delete("/a"), commands.rm, "/a")

    def test_rm_of_directories(self):
        self.assertAsks(Delete("/a", dir=True), commands.rm, "/a", dir=True)
        self.asked.clear()
        self.stream = io.BytesIO()
        self.assertAsks(Delete("/a", recursive=True), commands.rm, "/a", recursive=True)

    def test_rm_if_it_is_as_expected(self):
        op = CompareAndDelete("/a", 5, b"0")
        self.assertAsks(op, commands.rm, "/a", with_value="0", with_index=5)

    def test_rm_compares_no_directory(self):
        self.assertRefuses(BadInput, commands.rm, "/a", with_value="0", recursive=True)
        self.assertRefuses(BadInput, commands.rm, "/a", with_index=5, dir=True)

    def test_rmdir(self):
        self.assertAsks(Delete("/d", dir=True), commands.rmdir, "/d")


class BadInputTests(Case):
    def test_a_path_that_names_no_key_is_refused_and_named(self):
        for path in ("", "/a//b", "/a/../b", "."):
            words = self.assertRefuses(ValueError, commands.get, path)
            self.assertIn(repr(path), words)

    def test_a_ttl_out_of_range_is_refused_and_named(self):
        for ttl in (-1.0, 8e9, float("nan")):
            words = self.assertRefuses(ValueError, commands.set_, "/a", b"1", ttl=ttl)
            self.assertIn(repr(ttl), words)


class Stream(io.BytesIO):
    """An output that somebody may close at the other end."""

    broken = False

    def write(self, data) -> int:
        if self.broken:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(data)


class WatchTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store(capacity=20)
        self.etcd = Etcd(self.store, clock=self.clock)
        self.stream = Stream()
        self.said: list[str] = []
        self.watching: list[Deferred] = []

    def tearDown(self):
        for each in self.watching:
            each.addErrback(lambda _: None).cancel()
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def watch(self, key="/w", **options) -> Deferred:
        running = commands.watch(
            self.etcd, Output(self.stream), key, tell=self.said.append, **options
        )
        self.watching.append(Deferred.fromCoroutine(running))
        return self.watching[-1]

    def assertPrinted(self, *lines: str) -> None:
        self.assertEqual(self.stream.getvalue().decode().splitlines(), list(lines))

    def test_it_prints_the_next_change_and_ends(self):
        self.store.set("/w", b"before")
        watching = self.watch()
        self.assertNoResult(watching)
        self.assertPrinted()
        self.store.set("/w", b"after")
        self.successResultOf(watching)
        self.assertPrinted("after")

    def test_a_key_that_is_missing_may_come(self):
        watching = self.watch()
        self.store.set("/w", b"1")
        self.successResultOf(watching)
        self.assertPrinted("1")

    def test_recursive_prints_which_key_changed(self):
        watching = self.watch(recursive=True)
        self.store.set("/w/a", b"1")
        self.successResultOf(watching)
        self.assertPrinted("[set] /w/a", "1")

    def test_forever_prints_every_change(self):
        watching = self.watch(recursive=True, forever=True)
        self.store.set("/w/a", b"1")
        self.store.set("/w/b", b"2")
        self.store.delete("/w/a")
        self.assertNoResult(watching)
        self.assertPrinted(
            "[set] /w/a", "1", "[set] /w/b", "2", "[delete] /w/a", "PrevNode.Value: 1"
        )

    def test_after_an_index_it_prints_what_has_happened_since(self):
        first = self.store.set("/w/a", b"1")
        self.store.set("/w/a", b"2")
        self.store.delete("/w/a")
        self.watch(recursive=True, forever=True, after_index=first.node.modified_index)
        self.store.set("/w/b", b"3")
        self.assertPrinted(
            "[set] /w/a", "2", "[delete] /w/a", "PrevNode.Value: 2", "[set] /w/b", "3"
        )
        self.assertEqual(self.said, [])

    def test_after_an_index_one_change_may_be_enough(self):
        first = self.store.set("/w", b"1")
        self.store.set("/w", b"2")
        self.store.set("/w", b"3")
        self.successResultOf(self.watch(after_index=first.node.modified_index))
        self.assertPrinted("2")

    def test_what_history_does_not_hold_is_told_by_a_snapshot_and_said(self):
        first = self.store.set("/w/a", b"1")
        for n in range(30):
            self.store.set("/w/b", str(n).encode())
        self.watch(recursive=True, forever=True, after_index=first.node.modified_index)
        self.store.set("/w/c", b"on")
        self.assertPrinted(
            "[get] /w", "[get] /w/a", "1", "[get] /w/b", "29", "[set] /w/c", "on"
        )
        self.assertEqual(len(self.said), 1)
        self.assertIn("the server no longer has every change of /w", self.said[0])

    def test_a_key_that_went_with_the_history_is_told_as_deleted(self):
        first = self.store.set("/w", b"1")
        self.store.delete("/w")
        for n in range(30):
            self.store.set("/other", str(n).encode())
        self.watch(forever=True, after_index=first.node.modified_index)
        self.assertPrinted("[delete] /w")

    def test_an_index_that_etcd_has_not_reached_is_answered_by_a_snapshot(self):
        """The data were wiped, say, and the index is that of another history."""
        self.store.set("/w", b"1")
        self.watch(forever=True, after_index=1000)
        self.clock.advance(0)
        self.assertPrinted("[get] /w", "1")

    def test_a_failure_that_passes_is_said_once_however_often_it_is_met(self):
        self.watch(recursive=True, forever=True)
        self.store.failures = [NotSent("refused") for _ in range(5)]
        self.store.cut()
        self.clock.pump([5.0] * 6)
        self.store.set("/w/a", b"1")
        self.assertPrinted("[set] /w/a", "1")
        self.assertEqual([line.count("trying again") for line in self.said], [1, 1])
        self.assertIn("cut", self.said[0])
        self.assertIn("refused", self.said[1])

    def test_a_server_that_is_not_there_ends_it(self):
        self.store.failures = [NotSent("refused")]
        self.failureResultOf(self.watch(forever=True, after_index=4), NotSent)

    def test_an_output_that_is_closed_ends_it(self):
        watching = self.watch(forever=True)
        self.stream.broken = True
        self.store.set("/w", b"1")
        self.failureResultOf(watching, BrokenPipeError)

    def test_a_reply_that_is_lost_at_the_start_is_an_error(self):
        self.store.failures = [ReplyLost("cut")]
        self.failureResultOf(self.watch(), ReplyLost)
