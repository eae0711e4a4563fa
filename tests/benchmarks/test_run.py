"""A very quick run, of our own client, on a server of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.benchmarks.__main__ import _parser, _plan
from tests.benchmarks.cases import CASES
from tests.benchmarks.clients import CLIENTS, Client
from tests.benchmarks.clients.txetcd import TxetcdSession
from tests.benchmarks.job import Absent, Job, Sizes
from tests.benchmarks.results import CaseResult
from tests.benchmarks.run import ROOT, Plan, ask_child, run
from tests.benchmarks.server import running_etcd
from tests.benchmarks.store import SMALL, Store
from tests.realserver import require_etcd

TINY = Sizes(
    seconds=0.02, warm_up=0.01, directory=50, events=200, history=50, parked=50, imports=1
)

OURS = next(each for each in CLIENTS if each.name == "txetcd-treq")
MISSING = Client("nobody", "nobody", "nobody:measure", "import nobody", "no-such-distribution")


def _children(pid: int) -> list[int]:
    """The process ids of a process's children; skips the test where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        raise SkipTest("the children of a process cannot be read from /proc here") from None
    return [int(each) for each in told.split()]


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        require_etcd()

    def chosen(self, *names: str) -> list[Any]:
        return [each for each in CASES if each.name in names]


class RunTests(Case):
    def test_our_client_is_measured_in_every_case(self):
        """And one that is not installed is told, and ends nothing."""
        told: list[CaseResult] = []
        names = ("get-32", "set", "directory", "watch", "catch-up", "parked", "import")
        plan = Plan(self.chosen(*names), [OURS, MISSING], rounds=1, sizes=TINY)
        results = run(plan, told.append)

        self.assertEqual(results.cases, told)
        self.assertEqual([each.name for each in told], list(names))
        ours = {each.name: each.outcomes["txetcd-treq"] for each in told}
        self.assertEqual([each.why for each in ours.values()], [""] * len(names))
        for name in ("get-32", "set", "directory", "watch", "catch-up"):
            (found,) = ours[name].rounds
            self.assertEqual(set(found), {"rate", "cpu"})
            self.assertGreater(found["rate"], 0)
            self.assertGreater(found["cpu"], 0)
        self.assertEqual([set(each) for each in ours["parked"].rounds], [{"memory"}])
        self.assertEqual([set(each) for each in ours["import"].rounds], [{"milliseconds"}])
        for each in told:
            absent = each.outcomes["nobody"].to_dict()
            self.assertEqual(absent, {"kind": "absent", "why": "not installed"})
        self.assertRegex(results.machine["etcd"], r"^3\.")

    def test_each_round_begins_with_the_next_client(self):
        clients = CLIENTS[:3]
        first, second, third = clients
        plan = Plan(clients=clients)
        self.assertEqual(plan.turns(0), [first, second, third])
        self.assertEqual(plan.turns(1), [second, third, first])
        self.assertEqual(plan.turns(3), [first, second, third])


class FailureTests(Case):
    def job(self, url: str, **fields: Any) -> Job:
        return Job(**{"client": "txetcd-treq", "case": "get", "url": url, "sizes": TINY, **fields})

    def test_an_error_or_a_wrong_value_is_no_figure(self):
        with running_etcd() as url, Store(url) as store:
            missing = ask_child(self.job(url))
            store.put("v2", SMALL, "another")
            wrong = ask_child(self.job(url))
        self.assertEqual(missing["kind"], "error")
        self.assertIn("KeyNotFound", missing["why"])
        self.assertEqual(
            wrong, {"kind": "error", "why": f"WrongAnswer: {SMALL} is b'another'"}
        )

    def test_a_child_that_takes_too_long_is_ended(self):
        answer = ask_child(self.job("http://127.0.0.1:1"), patience=0.0)
        self.assertEqual(answer["kind"], "error")
        self.assertRegex(answer["why"], "^nothing after 0 s")

    def test_a_child_that_dies_is_told_with_its_last_words(self):
        answer = ask_child(self.job("http://127.0.0.1:1", client="nobody"))
        self.assertEqual(answer, {"kind": "error", "why": "ended with 1: StopIteration"})

    def test_a_transport_that_is_not_there_is_told_as_absent(self):
        with self.assertRaisesRegex(Absent, "carrier pigeon"):
            TxetcdSession("http://127.0.0.1:1", transport="carrier pigeon")


class CommandTests(Case):
    def test_it_ends_all_processes_when_it_is_told_to_end(self):
        argv = ["--quick", "--only", "get", "set", "--clients", "txetcd-treq"]
        command = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks", *argv],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert command.stdout is not None
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        with command.stdout:
            # The table of the first case: the second is being measured.
            self.assertTrue(command.stdout.readline())
            children = [self.watched(each) for each in _children(command.pid)]
            self.assertTrue(children)
            command.terminate()
            self.assertEqual(command.wait(timeout=20), 143)
        for each in children:
            ended, _, _ = select.select([each], [], [], 20)
            self.assertTrue(ended)

    def watched(self, pid: int) -> int:
        """A descriptor that can be read when a process has ended."""
        descriptor = os.pidfd_open(pid)
        self.addCleanup(os.close, descriptor)
        return descriptor

    def test_options_choose_cases_clients_and_sizes(self):
        argv = ["--quick", "--only", "set", "get", "--clients", "wrk", "--rounds", "2"]
        plan = _plan(_parser().parse_args(argv))
        self.assertEqual([each.name for each in plan.cases], ["get", "set"])
        self.assertEqual([each.name for each in plan.clients], ["wrk"])
        self.assertEqual((plan.rounds, plan.sizes), (2, Sizes.quick()))

    def test_without_options_everything_is_measured(self):
        plan = _plan(_parser().parse_args([]))
        self.assertEqual((plan.cases, plan.clients), (list(CASES), list(CLIENTS)))
        self.assertEqual((plan.rounds, plan.sizes), (3, Sizes()))

    def test_a_job_is_read_as_it_was_written(self):
        job = Job("aetcd", "watch", "http://127.0.0.1:1", TINY, index=7)
        self.assertEqual(Job.from_json(job.to_json()), job)
