"""A real etcd is hurt in every way, and no watch of it breaks a promise; nor is the judge blind."""

from __future__ import annotations

import argparse
import json
import os
import random
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.realserver import RealServerTestCase, reactor
from tests.robustness.planted import ResumesAtTheHeader
from tests.robustness.watching import __main__ as command
from tests.robustness.watching.campaign import carry_out, long_plans, short_plans
from tests.robustness.watching.faults import FAULTS, kinds_for
from tests.robustness.watching.faulty import EventsOf
from tests.robustness.watching.jobs import TOP, Jobs
from tests.robustness.watching.losses import losses
from tests.robustness.watching.naive import NAIVE
from tests.robustness.watching.plan import Phase, Plan, Run, Watch
from tests.robustness.watching.promises import (
    PROMISES,
    NotConsistent,
    NotDeclared,
    NotOrdered,
    NotReliable,
    NotResumable,
    NotTrue,
    NotUnique,
    WrongSnapshot,
)
from tests.robustness.watching.report import figures, percentile, summary, tables
from tests.robustness.watching.run import run
from tests.robustness.watching.sides import Side
from tests.robustness.watching.store_faults import snapshots
from tests.robustness.watching.told import Kind, Told, of_event, of_tree
from tests.robustness.watching.truth import Change, History, Unknown, content_of, read, sent_at
from tests.robustness.watching.verdict import Verdict, judge
from tests.robustness.watching.watchers import BACKOFF, WATCHERS, Registered
from tests.robustness.watching.wire import Reply, split
from txetcd import Action, Data, Dir, KeyNotFound, NodeOp, State
from txetcd.keys.events import KeyEvents
from txetcd.testing import EtcdProcess


class FirstClient(Registered):
    """A witness of the loop that the first client had."""

    def _events(self) -> KeyEvents:
        return EventsOf(self._key, ResumesAtTheHeader, BACKOFF)


class RealTests(RealServerTestCase):
    """Each kind of fault once, with every way of watching: two minutes and a half."""

    timeout = 600

    async def assertWell(self, size: int, kinds: list[str]) -> Run:
        """A run with faults that struck, in which no promise was broken and plain clients lost.

        Where the machine is too slow for the traffic it is skipped, but not in CI.
        """
        runs: list[Run] = []
        plan = Plan(1, size, kinds)
        await carry_out(reactor, plan, runs.append)
        for made in runs:
            if not made.damaged:
                self.assertEqual(made.wrongs, [], made.plan)
        reason = runs[-1].void
        if reason is not None and os.environ.get("CI", "").lower() != "true":
            raise SkipTest(f"{len(runs)} runs show nothing, the last since {reason}")
        self.assertIs(reason, None)
        return runs[-1]

    async def test_no_promise_is_broken_on_a_cluster_of_three_and_plain_clients_lose(self):
        run = await self.assertWell(3, kinds_for(3))
        self.assertEqual({phase.fault for phase in run.phases}, set(kinds_for(3)))
        self.assertEqual(set(run.naive), set(NAIVE))
        for kind, (_, lost, _) in run.naive.items():
            self.assertGreater(lost, 0, kind)
        self.assertGreater(sum(watch.verdict.gaps for watch in run.watches), 0)

    async def test_the_loop_of_the_first_client_is_caught(self):
        plan = Plan(1, 1, ["none"])
        made = await run(reactor, plan, {"planted": FirstClient})
        (planted,) = (watch for watch in made.watches if watch.name.startswith("planted"))
        self.assertGreater(planted.verdict.count(NotReliable), 0)
        self.assertGreater(planted.verdict.count(NotUnique), 0)

    async def test_no_promise_is_broken_on_a_member_that_is_alone(self):
        await self.assertWell(1, ["none", "killed", "flood-cut-off", "wiped"])


class RecoveredMemberTests(RealServerTestCase):
    """What no client can see: why `SnapshotGap` fills the history of the member first."""

    timeout = 120

    async def test_a_member_hides_events_that_take_the_place_of_renewed_leases(self):
        cluster = await self.cluster(3, snapshot_count=500)
        leader = await cluster.leader()
        behind = next(member for member in cluster.members if member is not leader)
        writer = Side("write", 1, leader.port)
        self.addCleanup(writer.kill)
        # A thousand places of the history of every member are now those of renewed leases.
        await writer.carry_out("refresh 1100")
        await self.pause(0.2)
        await behind.pause()
        await writer.carry_out("flood 6500")
        await behind.resume()
        while not snapshots(behind):
            await self.pause()
        key = self.client(leader.url).key("/beside/0")
        index = (await key.set("last", ttl=60)).node.modified_index
        while (await self.client(behind.url).key("/beside/0").get()).node.modified_index < index:
            await self.pause()
        seen = [await self.events_from(member, index - 950, index) for member in (leader, behind)]
        self.assertEqual(len(seen[0]), 951)
        # It answers as if nothing were missing.
        self.assertLess(len(seen[1]), 951)
        self.assertLessEqual(set(seen[1]), set(seen[0]))

    async def events_from(self, member: EtcdProcess, first: int, last: int) -> list[int]:
        """The indexes of the events that a member has in its history."""
        root, found, index = self.client(member.url).key("/"), [], first
        while index <= last:
            op = await root.get(recursive=True, wait=True, wait_index=index)
            found.append(op.node.modified_index)
            index = op.node.modified_index + 1
        return found


# --- the judge ---------------------------------------------------------------------------------


def changes(*indexes: int, word: str = "v") -> list[Change]:
    return [Change(index, "set", f"{TOP}/{index % 3}", f"{word}{index}") for index in indexes]


class JudgeTests(SynchronousTestCase):
    """It finds each promise that is broken, and nothing where all are kept."""

    def setUp(self) -> None:
        self.changes = changes(4, 5, 6, 8, 9)
        self.history = History(self.changes, TOP, True)

    def snapshot(self, index: int, kind: Kind = Kind.SNAPSHOT, history: Any = None) -> Told:
        return Told(kind, index, content=(history or self.history).content_at(index))

    def told(self, *indexes: int) -> list[Told]:
        """The snapshot of an empty store, and events."""
        return [self.snapshot(3), *(self.event(index) for index in indexes)]

    def event(self, index: int, history: Any = None) -> Told:
        return Told(Kind.EVENT, index, (history or self.history).by_index[index])

    def broken(self, told: list[Told], *later: History) -> list[type]:
        return [type(each) for each in judge([self.history, *later], told).broken]

    def test_every_event_in_order_is_well(self):
        verdict = judge([self.history], self.told(4, 5, 6, 8, 9))
        self.assertEqual(verdict, Verdict(events=5, snapshots=1))

    def test_a_snapshot_in_place_of_events_is_well_and_counted(self):
        verdict = judge([self.history], [*self.told(4), self.snapshot(8), self.event(9)])
        self.assertEqual(verdict, Verdict(events=2, snapshots=2, gaps=1, covered=3))

    def test_a_snapshot_in_place_of_nothing_is_no_gap(self):
        told = [*self.told(4, 5, 6), self.snapshot(7), self.event(8), self.event(9)]
        self.assertEqual(judge([self.history], told), Verdict(events=5, snapshots=2))

    def test_an_event_that_is_missing_is_lost(self):
        self.assertEqual(self.broken(self.told(4, 5, 8, 9)), [NotReliable])

    def test_each_event_that_is_missing_counts(self):
        self.assertEqual(judge([self.history], self.told(4, 9)).count(NotReliable), 3)

    def test_the_last_event_can_be_lost(self):
        self.assertEqual(self.broken(self.told(4, 5, 6, 8)), [NotReliable])

    def test_who_was_told_nothing_has_lost_everything(self):
        self.assertEqual(judge([self.history], []).count(NotReliable), 5)

    def test_an_event_that_is_told_again_is_twice(self):
        self.assertEqual(self.broken(self.told(4, 5, 6, 6, 8, 9)), [NotUnique])
        self.assertEqual(self.broken(self.told(4, 5, 6, 5, 8, 9)), [NotUnique])

    def test_an_event_that_is_told_late_is_out_of_order(self):
        self.assertEqual(self.broken(self.told(4, 6, 5, 8, 9)), [NotReliable, NotOrdered])

    def test_an_event_that_a_snapshot_stands_for_is_out_of_order(self):
        told = [self.snapshot(6), *(self.event(index) for index in (6, 8, 9))]
        self.assertEqual(self.broken(told), [NotOrdered])

    def test_a_snapshot_of_the_past_is_out_of_order(self):
        told = [*self.told(4, 5, 6, 8), self.snapshot(6), self.event(8), self.event(9)]
        self.assertEqual(self.broken(told), [NotOrdered, NotUnique])

    def test_a_snapshot_that_shows_something_else_declares_nothing(self):
        told = [*self.told(4, 5), Told(Kind.SNAPSHOT, 8, content=7), self.event(9)]
        self.assertEqual(self.broken(told), [WrongSnapshot])

    def test_events_without_a_snapshot_before_them_are_undeclared(self):
        self.assertEqual(self.broken(self.told(4, 5, 6, 8, 9)[1:]), [NotDeclared])
        self.assertEqual(judge([self.history], self.told(4, 5, 6, 8, 9)[1:], True).broken, ())

    def test_an_event_that_never_was_is_untrue(self):
        other = Told(Kind.EVENT, 7, Change(7, "set", f"{TOP}/1", "v7"))
        told = [*self.told(4, 5, 6), other, self.event(8), self.event(9)]
        self.assertEqual(self.broken(told), [NotTrue])

    def test_an_event_with_another_value_is_untrue(self):
        other = Told(Kind.EVENT, 6, Change(6, "set", f"{TOP}/0", "else"))
        told = [*self.told(4, 5), other, self.event(8), self.event(9)]
        self.assertEqual(self.broken(told), [NotTrue])

    def test_going_on_after_an_index_is_well_if_it_is_exact(self):
        resumed = Told(Kind.RESUMED, 5)
        self.assertEqual(self.broken([*self.told(4, 5), resumed, *self.told(6, 8, 9)[1:]]), [])
        self.assertEqual(
            self.broken([*self.told(4, 5), resumed, *self.told(8, 9)[1:]]), [NotResumable]
        )
        self.assertEqual(
            self.broken([*self.told(4, 5), resumed, *self.told(5, 6, 8, 9)[1:]]), [NotResumable]
        )

    def test_a_tree_is_what_the_store_held_at_its_index(self):
        told = [self.snapshot(index, Kind.TREE) for index in (3, 4, 5, 8, 9)]
        self.assertEqual(judge([self.history], told), Verdict(snapshots=5))
        wrong = Told(Kind.TREE, 6, content=self.history.content_at(5))
        self.assertEqual(self.broken([*told[:3], wrong, *told[3:]]), [NotConsistent])

    def test_a_tree_that_is_not_the_last_has_lost_something(self):
        self.assertEqual(self.broken([self.snapshot(8, Kind.TREE)]), [NotReliable])

    # --- another history ---------------------------------------------------------------------

    def test_a_snapshot_declares_another_history(self):
        other = History(changes(4, 5, word="new"), TOP, True)
        told = [*self.told(4, 5), self.snapshot(4, history=other), self.event(5, other)]
        verdict = judge([self.history, other], told)
        self.assertEqual(verdict, Verdict(events=3, snapshots=2, gaps=1))

    def test_the_snapshot_of_a_missing_key_declares_it_as_well(self):
        other = History(changes(5, word="new"), TOP, True)
        told = [*self.told(4, 5), Told(Kind.SNAPSHOT, 3), self.event(5, other)]
        self.assertEqual(self.broken(told, other), [])

    def test_another_history_without_a_word_is_undeclared(self):
        other = History(changes(6, 7, word="new"), TOP, True)
        told = [*self.told(4, 5), self.event(6, other), self.event(7, other)]
        self.assertEqual(self.broken(told, other), [NotDeclared])

    def test_another_history_that_was_not_heard_of_is_undeclared(self):
        other = History(changes(4, word="new"), TOP, True)
        self.assertEqual(self.broken(self.told(4, 5, 6, 8, 9), other), [NotDeclared])


class TruthTests(SynchronousTestCase):
    """What happened, from what members tell."""

    def history(self, *changes: tuple[int, str, str, str | None], path: str = "/t/w") -> History:
        return History([Change(*each) for each in changes], path, True)

    def test_contents_are_those_after_each_change(self):
        history = self.history(
            (4, "set", "/t/w/a", "1"),
            (5, "set", "/t/w/a", "2"),
            (7, "create", "/t/w/b/c", "3"),
            (8, "delete", "/t/w/b", None),
            (9, "expire", "/t/w/a", None),
        )
        shown = [{}, {"/t/w/a": "1"}, {"/t/w/a": "2"}, {"/t/w/a": "2"}]
        shown += [{"/t/w/a": "2", "/t/w/b/c": "3"}, {"/t/w/a": "2"}, {}, {}]
        contents = [history.content_at(index) for index in range(3, 11)]
        self.assertEqual(contents, [content_of(each) for each in shown])

    def test_the_removal_of_what_is_above_concerns_a_watch(self):
        history = self.history((4, "set", "/t/w/a", "1"), (5, "delete", "/t", None))
        self.assertEqual((history.indexes, history.content_at(5)), ([4, 5], 0))

    def test_what_is_beside_or_hidden_is_no_concern(self):
        history = self.history(
            (4, "set", "/t/wide", "1"),
            (5, "set", "/t/w/_x", "1"),
            (6, "set", "/t/w/a/_x/b", "1"),
            (7, "delete", "/t/w/_x", None),
            (8, "delete", "/t/wi", None),
            (9, "set", "/t", "1"),
        )
        self.assertEqual(history.indexes, [])

    def test_a_key_alone_is_told_of_itself(self):
        told = [Change(4, "set", "/k", "1"), Change(5, "set", "/k/x", "1")]
        self.assertEqual(History(told, "/k", False).indexes, [4])

    def files(self, *texts: str) -> list[Path]:
        folder = Path(self.mktemp())
        folder.mkdir()
        files = [folder / str(number) for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        return files

    def line(self, history: int, index: int, key: str = "/a") -> str:
        node = {"key": key, "value": "1", "modifiedIndex": index}
        return f"{history} {index} {json.dumps({'action': 'set', 'node': node})}\n"

    def test_what_any_member_told_is_known(self):
        one = self.line(0, 4) + self.line(0, 6) + self.line(1, 4)
        files = self.files(one, self.line(0, 4) + self.line(0, 6))
        known = [[change.index for change in each] for each in read(files)]
        self.assertEqual(known, [[4, 6], [4]])

    def test_what_one_member_does_not_have_another_tells(self):
        behind = self.line(0, 4) + "0 5 gap 8\n" + self.line(0, 9)
        files = self.files(behind, self.line(0, 4) + self.line(0, 8) + self.line(0, 9))
        self.assertEqual([change.index for change in read(files)[0]], [4, 8, 9])

    def test_what_no_member_has_is_unknown(self):
        behind = self.line(0, 4) + "0 5 gap 8\n" + self.line(0, 9)
        with self.assertRaisesRegex(Unknown, "nobody told of 5 to 8 of history 0"):
            read(self.files(behind, self.line(0, 4)))

    def test_members_that_disagree_or_lose_what_they_told_show_nothing(self):
        with self.assertRaisesRegex(Unknown, "disagree"):
            read(self.files(self.line(0, 4), self.line(0, 4, "/b")))
        with self.assertRaisesRegex(Unknown, "lost what it had told"):
            read(self.files(self.line(0, 4) + "0 4 broken {}\n"))

    def test_a_value_tells_when_it_was_sent(self):
        self.assertEqual([sent_at("12-34.500000"), sent_at("0-0"), sent_at(None)], [34.5, 0, 0])

    def test_what_a_plain_client_was_not_told_is_lost(self):
        node = '{"action":"set","node":{"key":"/top/w/%d","value":"v%d","modifiedIndex":%d}}'
        lines = [f"{n} {node % (n % 3, n, n)}\n" for n in (5, 6, 6, 9)]
        (file,) = self.files("".join(lines))
        history = History(changes(4, 5, 6, 8, 9), TOP, True)
        self.assertEqual(losses([history], file), (4, 1, 1))
        self.assertEqual(losses([history], self.files("")[0]), (0, 5, 0))


class ToldTests(SynchronousTestCase):
    """What is kept of what is told."""

    def test_an_event_keeps_what_the_history_has(self):
        op = NodeOp(Action.SET, Data("/a", 7, 5, None, b"1"), State(9))
        told = of_event(op)
        self.assertEqual((told.kind, told.index), (Kind.EVENT, 7))
        self.assertEqual(told.change, Change(7, "set", "/a", "1"))

    def test_a_removal_has_no_value(self):
        before = Data("/a", 5, 5, None, b"1")
        op = NodeOp(Action.EXPIRE, Data("/a", 7, 5), State(9), before)
        self.assertEqual(of_event(op).change, Change(7, "expire", "/a"))

    def test_a_snapshot_keeps_its_content(self):
        inner = Dir("/t/d", 4, 4, None, (Data("/t/d/a", 5, 5, None, b"1"),))
        node = Dir("/t", 4, 4, None, (inner, Data("/t/b", 6, 6, None, b"2")))
        told = of_event(NodeOp(Action.GET, node, State(9)))
        self.assertEqual((told.kind, told.index), (Kind.SNAPSHOT, 9))
        self.assertEqual(told.content, content_of({"/t/d/a": "1", "/t/b": "2"}))

    def test_a_key_that_is_missing_is_a_snapshot_of_nothing(self):
        gone = NodeOp(Action.DELETE, Dir("/t", 9, 9), State(9))
        for told in (of_event(KeyNotFound(100, index=9)), of_event(gone)):
            self.assertEqual((told.kind, told.index, told.content), (Kind.SNAPSHOT, 9, 0))

    def test_a_tree_keeps_its_content(self):
        class Shown(dict):
            index = 9

        told = of_tree(Shown(a=Data("/t/a", 5, 5, None, b"1")))
        self.assertEqual((told.kind, told.index), (Kind.TREE, 9))
        self.assertEqual(told.content, content_of({"/t/a": "1"}))


# --- the processes beside ------------------------------------------------------------------


class WireTests(SynchronousTestCase):
    HEAD = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 12\r\n"
    CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    SIZED = HEAD + b"Content-Length: 2\r\n\r\nxy"

    def test_replies_are_taken_off_one_after_another(self):
        data = bytearray(self.CHUNKED + self.SIZED)
        self.assertEqual(split(data), Reply(200, 12, b"abcde"))
        self.assertEqual(split(data), Reply(200, 12, b"xy"))
        self.assertEqual((split(data), bytes(data)), (None, b""))

    def test_one_that_has_not_come_whole_stays(self):
        for whole in (self.CHUNKED, self.SIZED):
            for length in range(len(whole)):
                data = bytearray(whole[:length])
                self.assertIs(split(data), None)
                self.assertEqual(len(data), length)


class JobsTests(SynchronousTestCase):
    def test_changes_are_of_every_kind_and_no_value_is_written_twice(self):
        jobs = Jobs(random.Random(1))
        made = [jobs.change() for _ in range(3000)]
        lines = {job.split(b" HTTP", 1)[0].split(b"/v2", 1)[0] for job in made}
        self.assertEqual(lines, {b"PUT ", b"POST ", b"DELETE "})
        for word in (b"ttl=1", b"refresh=true", b"recursive=true", b"/_hidden", b"prevExist"):
            self.assertTrue(any(word in job for job in made), word)
        values = [job.split(b"value=", 1)[1].split(b"&")[0] for job in made if b"value=" in job]
        self.assertEqual(len(values), len(set(values)))

    def test_the_same_seed_makes_the_same_changes(self):
        one, other = (Jobs(random.Random(7)) for _ in range(2))
        for _ in range(100):
            first, second = one.change(), other.change()
            self.assertEqual(first.split(b"\r\n")[0], second.split(b"\r\n")[0])


# --- what is printed -----------------------------------------------------------------------------


class ReportTests(SynchronousTestCase):
    def made(self, **options: Any) -> Run:
        watches = [
            Watch("witness, direct", Verdict(90, 3, 2, 10), 4),
            Watch("tree, direct", Verdict(snapshots=70), is_tree=True),
        ]
        fields: dict[str, Any] = {
            "plan": Plan(7, 3, ["killed"]),
            "phases": [Phase("killed", 5, [0.1, 0.3, 0.2])],
            "watches": watches,
            "naive": {"poll": (50, 40, 6), "stream": (80, 9, 0)},
            "changes": 100,
            "seconds": 0.5,
        }
        return Run(**{**fields, **options})

    def test_a_row_tells_what_a_watcher_was_told_and_what_it_broke(self):
        rows = [line.split() for line in tables([self.made(), self.made()]).splitlines()]
        self.assertEqual(rows[0][:6], ["watcher", "told", "snapshots", "gaps", "covered", "lost"])
        self.assertIn(["witness,", "direct", "180", "6", "4", "20", *["0"] * 7], rows)
        self.assertIn(["tree,", "direct", "140", "-", "0", "0", *["0"] * 7], rows)
        self.assertIn(["naive", "poll", "100", "-", "-", "-", "80", "12", *["-"] * 5], rows)

    def test_a_row_tells_how_long_recovery_took(self):
        rows = [line.split() for line in tables([self.made()]).splitlines()]
        self.assertIn(["killed", "1", "5", "3", "0.200", "0.300", "0.300"], rows)

    def test_percentiles_are_of_what_was_seen(self):
        values = [float(n) for n in range(1, 101)]
        shares = (0.5, 0.99, 0.995, 1.0)
        self.assertEqual([percentile(values, s) for s in shares], [50, 99, 100, 100])
        self.assertEqual([percentile([3.0], s) for s in (0.0, 0.5, 1.0)], [3, 3, 3])
        self.assertEqual(percentile([], 0.5), 0)

    def test_the_summary_counts_everything(self):
        broken = [NotReliable("not told", 4, 5, 6), NotUnique("x", 7)]
        bad = Watch("x", Verdict(5, broken=broken))
        text = summary([self.made(), self.made(watches=[bad])])
        self.assertIn("200 changes; 95 events told, and 70 trees; 2 gaps declared; seeds", text)
        self.assertIn("3 lost, 1 twice, 0 out of order, 0 undeclared, 0 resumed wrongly", text)

    def test_a_run_shows_nothing_if_a_fault_missed_or_little_was_written_or_it_is_not_known(self):
        self.assertIs(self.made().void, None)
        self.assertIn("only 20 changes", self.made(seconds=5.0).void)
        self.assertEqual(self.made(unknown="gone").void, "gone")
        self.assertIn("damaged the history of a member, 2 times", self.made(damaged=2).void)
        missed = Run(Plan(1, 3, []), [Phase("killed", 0)], changes=100)
        self.assertIn("struck nothing: killed", missed.void)

    def test_wrongs_are_what_was_broken_who_was_late_and_what_was_left(self):
        bad = Watch("x", Verdict(5, broken=[NotTrue("y", 4)]))
        run = Run(Plan(1, 3, []), [Phase("killed", 1, late=["z"])], [bad], leaks=["left"])
        self.assertEqual(run.wrongs, ["x: y", "killed: z heard nothing new", "left"])

    def test_the_figures_are_json(self):
        told = json.loads(json.dumps(figures(self.made())))
        self.assertEqual((told["seed"], told["told"], told["void"]), (7, 90, None))
        self.assertEqual(told["watches"][0]["gaps"], 2)
        self.assertEqual(told["naive"]["poll"], {"told": 50, "lost": 40, "twice": 6})
        self.assertEqual(told["faults"][0]["recovery"], [0.1, 0.3, 0.2])


class CommandTests(SynchronousTestCase):
    def options(self, *argv: str) -> argparse.Namespace:
        return command._parser().parse_args(argv)

    def test_the_short_form_has_each_kind_of_fault(self):
        plans = short_plans(3)
        self.assertEqual({kind for plan in plans for kind in plan.kinds}, set(FAULTS))
        self.assertEqual([(plan.seed, plan.size) for plan in plans], [(3, 3), (4, 1)])

    def test_the_long_form_takes_one_seed_after_another_for_three_members_and_for_one(self):
        plans = [plan for plan, _ in zip(long_plans(5), range(4), strict=False)]
        self.assertEqual([plan.seed for plan in plans], [5, 6, 7, 8])
        self.assertEqual([plan.size for plan in plans], [3, 1, 3, 1])
        self.assertEqual(plans[1].kinds, kinds_for(1))

    def test_it_ends_when_there_were_seeds_and_events_enough(self):
        told = Run(Plan(1, 3, []), watches=[Watch("x", Verdict(60_000))])
        self.assertFalse(command._is_enough([told] * 16, self.options()))
        self.assertTrue(command._is_enough([told] * 20, self.options()))
        self.assertTrue(command._is_enough([told] * 2, self.options("--seeds", "2")))
        more = self.options("--seeds", "2", "--events", "180000")
        self.assertEqual([command._is_enough([told] * n, more) for n in (2, 3)], [False, True])

    def test_kinds_can_be_chosen_and_what_is_not_known_is_named(self):
        plans = list(command._plans(self.options("--short", "--kinds", "killed, wiped")))
        self.assertEqual([plan.kinds for plan in plans], [["killed", "wiped"]] * 2)
        with self.assertRaisesRegex(argparse.ArgumentTypeError, "'gone' is none of none"):
            command._kinds("killed,gone")

    def test_it_must_bite(self):
        hard = Run(Plan(1, 3, []), naive={"poll": (1, 1, 0), "stream": (1, 1, 0)})
        easy = Run(Plan(1, 3, []), naive={"poll": (1, 1, 0), "stream": (1, 0, 0)})
        self.assertEqual([command._bites([hard]), command._bites([easy])], [True, False])

    def test_each_way_of_watching_and_each_promise_has_a_name_of_its_own(self):
        self.assertEqual(len(WATCHERS), 7)
        self.assertEqual(len({promise.word for promise in PROMISES}), len(PROMISES))
