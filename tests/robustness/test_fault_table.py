"""A real cluster is hurt in every way, and the client is caught at nothing: each kind once."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.realserver import RealServerTestCase, reactor
from tests.robustness import __main__ as command
from tests.robustness.cluster.campaign import ATTEMPTS, carry_out
from tests.robustness.cluster.faults import FAULTS
from tests.robustness.cluster.history import Call, History
from tests.robustness.cluster.plan import Plan, Run
from tests.robustness.cluster.report import figures, summary, table
from tests.robustness.cluster.violation import Kind, Violation
from txetcd import Action, AmbiguousWrite, Data, KeyNotFound, NodeOp, NotSent, State
from txetcd.model import Get, Set


class Case(RealServerTestCase):
    #: A watch whose connection died without a word notices after 30 seconds, each time.
    timeout = 300

    async def assertWell(self, fault: str) -> None:
        """A run with a fault that struck, and nothing done wrong.

        Where the machine is too slow for the traffic it is skipped, but not in CI.
        """
        runs: list[Run] = []
        plan = Plan(fault, 1, transport=self.carrier, before=0.7, fault_time=2.2, after=1.2)
        await carry_out(reactor, [plan], runs.append)
        for run in runs:
            self.assertEqual(list(run.violations), [], run.plan)
        reason = runs[-1].void
        if reason is not None and os.environ.get("CI", "").lower() != "true":
            raise SkipTest(f"{len(runs)} runs show nothing, the last since {reason}")
        self.assertIs(reason, None)


class NetworkTests(Case):
    carrier = "direct"

    async def test_connections_are_refused(self):
        await self.assertWell("refused")

    async def test_connections_are_reset_before_the_request(self):
        await self.assertWell("reset-before-request")

    async def test_connections_are_reset_after_the_request(self):
        await self.assertWell("reset-after-request")

    async def test_replies_are_cut_in_their_heads(self):
        await self.assertWell("mid-header")

    async def test_replies_are_cut_in_their_bodies(self):
        await self.assertWell("mid-body")

    async def test_connections_end_in_order_and_too_early(self):
        await self.assertWell("clean-end")

    async def test_everything_is_swallowed(self):
        await self.assertWell("black-hole")

    async def test_replies_are_swallowed(self):
        await self.assertWell("replies-lost")

    async def test_servers_are_gone_without_a_word(self):
        await self.assertWell("half-open")

    async def test_everything_comes_too_late(self):
        await self.assertWell("delayed")

    async def test_replies_come_slowly(self):
        await self.assertWell("throttled")


class MembersTests(Case):
    carrier = "treq"

    async def test_a_member_is_killed_and_restarted(self):
        await self.assertWell("killed")

    async def test_a_member_is_stopped_and_goes_on(self):
        await self.assertWell("paused")

    async def test_the_quorum_is_lost_and_comes_back(self):
        await self.assertWell("quorum-lost")

    async def test_the_leader_is_lost(self):
        await self.assertWell("leader-lost")

    async def test_a_member_is_replaced_by_a_new_one(self):
        await self.assertWell("member-replaced")


class ReportTests(SynchronousTestCase):
    """What is printed, of runs made by hand."""

    def made(self, **changes):
        node = Data("/a", 5, 5, None, b"1")
        calls = [
            Call(Get("/a"), outcome=NodeOp(Action.GET, node, State(5)), seconds=0.5),
            Call(Get("/a"), outcome=KeyNotFound(100, index=4)),
            Call(Set("/a", "1"), outcome=AmbiguousWrite(None)),
            Call(Set("/a", "2"), outcome=NotSent()),
        ]
        told: list[Any] = [KeyNotFound(100, index=3), NodeOp(Action.SET, node, State(5))]
        plan = Plan("killed", 7, kinds=("get", "set"))
        given = {"hits": 2, "seconds": 0.01, "violations": (), **changes}
        return Run.of(plan, History(calls, told=told), **given)

    def test_a_row_counts_what_was_answered_what_is_ambiguous_and_what_failed(self):
        lines = table([self.made()]).splitlines()
        self.assertEqual(lines[0].split()[:4], ["fault", "get", "set", "watch"])
        self.assertEqual(lines[1].split()[:4], ["killed", "2/0/0", "0/1/1", "1/1/0"])
        self.assertEqual(lines[1].split()[-3:], ["2", "0.50", "7"])

    def test_runs_of_one_kind_are_one_row(self):
        violation = Violation(Kind.DOUBLED, "x")
        runs = [self.made(), self.made(violations=[violation], hits=5)]
        row = table(runs).splitlines()[1].split()
        self.assertEqual(row[1:3], ["4/0/0", "0/2/2"])
        self.assertEqual(row[4:8], ["0", "1", "0", "0"])
        self.assertEqual(row[-3:], ["7", "0.50", "7,7"])

    def test_void_runs_are_named_and_not_counted(self):
        row = table([self.made(), self.made(hits=0)]).splitlines()[1]
        self.assertEqual(row.split()[1], "2/0/0")
        self.assertTrue(row.endswith("7 void: 7"))

    def test_a_run_is_void_if_nothing_was_struck_or_too_little_asked_or_history_lost(self):
        self.assertIs(self.made().void, None)
        self.assertIn("struck no request", self.made(hits=0).void)
        self.assertIn("only 50 operations", self.made(seconds=0.08).void)
        self.assertIn("gone", self.made(broken="gone").void)

    def test_the_summary_counts_each_kind(self):
        violations = [Violation(kind, "x") for kind in (Kind.LOST, Kind.LEAKED, Kind.LEAKED)]
        self.assertEqual(
            summary([self.made(violations=violations)]),
            "1 lost, 0 doubled, 0 misreported, 2 leaked",
        )

    def test_the_figures_are_json(self):
        told = json.loads(json.dumps(figures(self.made())))
        self.assertEqual(told["operations"]["set"], {"ambiguous": 1, "failed": 1})
        self.assertEqual(told["watch"], {"changes": 1, "snapshots": 1, "failures": 0})
        self.assertEqual(told["errors"], {"KeyNotFound": 1, "AmbiguousWrite": 1, "NotSent": 1})


class CommandTests(SynchronousTestCase):
    """What it makes of its arguments."""

    def plans(self, *argv):
        return command._plans(command._parser().parse_args(argv))

    def test_the_short_form_makes_one_run_of_each_kind(self):
        plans = self.plans("--short", "--seed", "3", "--transport", "treq")
        self.assertEqual([plan.fault for plan in plans], list(FAULTS))
        self.assertEqual({(plan.seed, plan.transport) for plan in plans}, {(3, "treq")})

    def test_the_long_form_makes_several_longer_ones(self):
        plans = self.plans("--kinds", "killed,paused")
        self.assertEqual([plan.seed for plan in plans], [1, 2, 3, 4, 5] * 2)
        self.assertGreater(plans[0].fault_time, self.plans("--short")[0].fault_time)

    def test_operations_can_be_chosen(self):
        self.assertEqual(self.plans("--ops", "get, set")[0].kinds, ["get", "set"])

    def test_what_is_not_known_is_named(self):
        with self.assertRaisesRegex(argparse.ArgumentTypeError, "'gone' is none of refused"):
            command._of(FAULTS)("refused,gone")

    def test_there_are_twelve_kinds_at_least(self):
        self.assertGreaterEqual(len(FAULTS), 12)
        self.assertGreater(ATTEMPTS, 1)
