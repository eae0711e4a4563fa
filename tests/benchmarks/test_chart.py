"""The chart, read as XML."""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from tests.benchmarks.chart import LONGEST, OTHERS, OURS, WIDTH, Bar, bars, draw
from tests.benchmarks.results import CaseResult, Outcome, Results

SVG = "{http://www.w3.org/2000/svg}"

BARS = [
    Bar("txetcd, direct", 20_000, 40, ours=True),
    Bar("a <b> & c", 5_000, 80, ours=False),
    Bar("slow", 1, 8_000, ours=False),
]


def measured(**figures: float) -> Outcome:
    return Outcome([dict(figures)])


class ChartTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = ElementTree.fromstring(draw(BARS, "CPython, etcd"))

    def test_each_client_has_a_bar_in_both_panels(self):
        """The longest of each panel is as long as can be; one of nearly nothing can be seen."""
        rectangles = self.root.findall(f"{SVG}rect")
        widths = [float(each.get("width", "")) for each in rectangles]
        self.assertEqual(widths, [LONGEST, 1.1, 55.0, 2.2, 1.0, LONGEST])
        colours = [each.get("fill") for each in rectangles]
        self.assertEqual(colours, [OURS, OURS, OTHERS, OTHERS, OTHERS, OTHERS])

    def test_names_figures_and_the_note_are_written(self):
        words = [each.text for each in self.root.findall(f"{SVG}text")]
        self.assertEqual(
            words,
            [
                "get, 32 in flight",
                "gets per second",
                "more is better",
                "CPU µs per get",
                "less is better",
                *("txetcd, direct", "20,000", "40"),
                *("a <b> & c", "5,000", "80"),
                *("slow", "1", "8,000"),
                "CPython, etcd",
            ],
        )

    def test_all_is_inside(self):
        height = float(self.root.get("height", ""))
        for each in self.root.findall(f"{SVG}rect"):
            self.assertLess(float(each.get("x", "")) + float(each.get("width", "")), WIDTH - 60)
            self.assertLess(float(each.get("y", "")) + float(each.get("height", "")), height - 20)


class BarsTests(SynchronousTestCase):
    def test_clients_with_figures_are_shown_in_the_order_of_the_report(self):
        outcomes = {
            "wrk": measured(rate=50_000, cpu=9),
            "aetcd": measured(rate=10_000, cpu=70),
            "treq": Outcome(kind="error", why="it broke"),
            "txetcd-direct": measured(rate=20_000, cpu=40),
        }
        results = Results({}, {}, [CaseResult("get-32", "", outcomes)])
        self.assertEqual(
            bars(results),
            [
                Bar("txetcd, direct", 20_000, 40, ours=True),
                Bar("aetcd (v3)", 10_000, 70, ours=False),
            ],
        )

    def test_there_are_none_of_a_case_that_was_not_measured(self):
        self.assertEqual(bars(Results({}, {})), [])
