"""The report, of figures that are written out here."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.benchmarks.report import case_table, layers_table, machine_lines
from tests.benchmarks.results import CaseResult, Outcome, Results

MACHINE = {
    "python": "CPython 3.11.7",
    "platform": "Linux 6.1, x86_64",
    "cpu": "A Processor",
    "cpus": 2,
    "etcd": "3.5.1",
    "clients": {"txetcd-treq": "0.1", "wrk": "not installed"},
    "below": {"twisted": "26.10.0"},
}


def outcome(*rounds: tuple[float, float]) -> Outcome:
    """An outcome with rates and CPU times."""
    return Outcome([{"rate": rate, "cpu": cpu} for rate, cpu in rounds])


def gets() -> CaseResult:
    return CaseResult(
        "get",
        "get, one at a time",
        {
            "txetcd-treq": outcome((9_000, 50), (30_000, 35), (12_000, 40)),
            "treq": outcome((1_000, 800), (1_200, 700), (900, 900)),
            "aetcd": outcome((2_000, 70), (4_000, 90)),
            "k3etcd": Outcome(kind="absent", why="not installed"),
            "wrk": Outcome(kind="n/a", why="it only\nreads"),
        },
    )


class OutcomeTests(SynchronousTestCase):
    def test_the_median_is_that_of_the_rounds(self):
        self.assertEqual(outcome((1, 7), (9, 5), (2, 6)).median("rate"), 2)
        self.assertEqual(outcome((1, 7), (9, 5)).median("cpu"), 6)

    def test_a_figure_that_was_not_measured_has_none(self):
        self.assertIsNone(outcome((1, 2)).median("memory"))
        self.assertIsNone(Outcome().median("rate"))

    def test_an_error_in_one_round_leaves_no_figure(self):
        broken = outcome((1, 2))
        broken.add({"figures": {"rate": 3, "cpu": 4}})
        broken.add({"kind": "error", "why": "WrongAnswer: it is 'x'"})
        self.assertIsNone(broken.median("rate"))
        self.assertEqual(broken.to_dict(), {"kind": "error", "why": "WrongAnswer: it is 'x'"})


class RatioTests(SynchronousTestCase):
    def test_a_ratio_is_of_medians(self):
        self.assertEqual(gets().ratio("txetcd-treq", "rate", "treq"), 12.0)
        self.assertEqual(gets().ratio("txetcd-treq", "cpu", "treq"), 0.05)
        self.assertEqual(gets().ratio("txetcd-treq", "cpu", "aetcd"), 0.5)

    def test_without_one_of_the_figures_there_is_no_ratio(self):
        self.assertIsNone(gets().ratio("txetcd-treq", "rate", "k3etcd"))
        self.assertIsNone(gets().ratio("k3etcd", "rate", "treq"))
        self.assertIsNone(gets().ratio("treq", "rate", "nobody"))


class TableTests(SynchronousTestCase):
    maxDiff = None

    def test_a_table_has_medians_ratios_and_what_is_missing(self):
        self.assertEqual(
            case_table(gets()),
            """\
get, one at a time  per second  / treq  / aetcd  CPU µs each  / treq  / aetcd
-----------------------------------------------------------------------------
txetcd, treq            12,000   12.0×    4.00×           40   0.05×    0.50×
stock treq               1,000   1.00×    0.33×          800   1.00×    10.0×
aetcd (v3)               3,000   3.00×    1.00×           80   0.10×    1.00×
k3etcd              not installed
wrk                 n/a: it only reads""",
        )

    def test_a_table_where_nothing_could_be_measured_says_why(self):
        nothing = CaseResult("get", "get", {"wrk": Outcome(kind="error", why="it broke")})
        self.assertEqual(case_table(nothing), "get\n---\nwrk  error: it broke")

    def test_the_machine_and_the_versions_are_named(self):
        told = machine_lines(MACHINE, {"rounds": 3, "seconds": 1.0, "warm_up": 0.5})
        self.assertEqual(
            told,
            """\
CPython 3.11.7 on Linux 6.1, x86_64; 2 × A Processor
etcd 3.5.1, with v2, not waiting for its disk
txetcd-treq 0.1, wrk not installed, twisted 26.10.0
medians of 3 rounds of 1.0 s each, after 0.5 s of warming up""",
        )

    def test_layers_are_listed(self):
        results = Results(MACHINE, {}, layers={"encode": 3.14159, "the whole stack": 40})
        self.assertEqual(
            layers_table(results),
            """\
layers of txetcd  CPU µs
------------------------
encode              3.14
the whole stack    40.00""",
        )


class FileTests(SynchronousTestCase):
    def test_a_file_has_every_round_the_medians_and_the_machine(self):
        results = Results(MACHINE, {"rounds": 2}, [gets()], {"encode": 3.0})
        read = json.loads(json.dumps(results.to_dict()))
        self.assertEqual(read["machine"], MACHINE)
        self.assertEqual(read["settings"], {"rounds": 2})
        self.assertEqual(read["layers"], {"encode": 3.0})
        self.assertEqual(read["cases"]["get"]["title"], "get, one at a time")
        clients = read["cases"]["get"]["clients"]
        self.assertEqual(
            clients["aetcd"],
            {
                "median": {"rate": 3000, "cpu": 80},
                "rounds": [{"rate": 2000, "cpu": 70}, {"rate": 4000, "cpu": 90}],
            },
        )
        self.assertEqual(clients["k3etcd"], {"kind": "absent", "why": "not installed"})
