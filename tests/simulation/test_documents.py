"""The page of the documentation, its figures and its pictures are those of the code."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import skipUnless
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.__main__ import main
from tests.simulation.report import report, shown
from tests.simulation.results import Result, Variant, to_json
from tests.simulation.scenarios import SCENARIOS, SEED, simulate

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PICTURES = {
    "overload": ["no retries", "retries without a budget", "16 clients"],
    "hedging": ["Hedge(quantile=0.99)", "one in 1000"],
    "balancing": ["RoundRobin", "LeastLoaded", "PeakEwma"],
    "members": ["refuses, no accrual", "hangs, the default"],
}


def everything() -> dict[str, Result]:
    return {name: simulate(name) for name in SCENARIOS}


class FigureTests(SynchronousTestCase):
    def test_the_figures_are_those_that_are_found_now(self):
        """Else run: python -m tests.simulation, as the page says."""
        kept = json.loads((DOCS / "guide" / "simulation.json").read_text("utf-8"))
        now = json.loads(to_json(everything(), SEED))
        self.assertEqual(list(kept), list(now))
        for name, result in now.items():
            self.assertEqual(kept[name], result, name)

    def test_the_tables_are_those_of_the_figures(self):
        text = "".join(report(name, each) for name, each in everything().items())
        self.assertEqual((DOCS / "guide" / "simulation.txt").read_text("utf-8"), text)


class PageTests(SynchronousTestCase):
    def setUp(self):
        self.page = (DOCS / "guide" / "simulation.rst").read_text("utf-8")
        self.words = " ".join(self.page.split())

    def says(self, sentence: str) -> None:
        self.assertIn(sentence, self.words)

    def test_every_table_is_in_it(self):
        for name in SCENARIOS:
            self.assertIn(f":start-at: {name}:", self.page)

    def test_every_picture_is_in_it_and_says_what_it_shows(self):
        for name in PICTURES:
            self.assertIn(f".. image:: /_static/simulation-{name}.svg\n   :alt: ", self.page)

    def test_its_numbers_on_overload_are_the_figures(self):
        stall, fleet, refusing = map(simulate, ("stall", "fleet", "refusing"))
        load, capacity = stall.settings["load"], stall.settings["capacity"]
        self.says(f"serves {capacity} requests a second, and is asked for {load}")
        sent = stall["retries without a budget"]["sent per request"]
        self.says(f"sends {sent} requests for each")
        self.says(f"is as good as no retries at all: {stall['the default']['recovers after s']} s")
        self.says(f"takes {stall['the default, LoadShedding']['recovers after s']} s to recover")
        clients, floor = fleet.settings["clients"], 10
        asked = fleet.settings["load"]
        self.says(f"{clients} clients may together send {clients * floor} retries a second")
        self.says(f"{asked} + {clients * floor} + {asked // 5}")
        self.assertGreater(asked + clients * floor + asked // 5, fleet.settings["capacity"])
        small = fleet["min_per_second=1, ratio=0.1"]["recovers after s"]
        self.says(f"it recovers after {small} s")
        answered = [
            refusing[name]["answered per s"]
            for name in ("no retries", "the default, LoadShedding", "the default, AdaptiveLimit")
        ]
        self.says("answers {} requests a second; with `LoadShedding` {}".format(*answered[:2]))
        self.says(f"with an `AdaptiveLimit` {answered[2]}")

    def test_its_numbers_on_copies_are_the_figures(self):
        found, overloaded = simulate("hedging"), simulate("overloaded")
        for name in ("no copies", "Hedge", "Hedge, budget of a twentieth", "Hedge(quantile=0.99)"):
            self.says(f"{found[name]['p99.9 ms']:.0f} ms")
        self.says(f"{found['Hedge(quantile=0.99)']['more sent %']} % more requests")
        self.says(f"fails {overloaded['Hedge without a budget']['failed %']:.0f} %")

    def test_its_numbers_on_servers_are_the_figures(self):
        slow, members, panic = map(simulate, ("one slow", "members", "panic"))
        for each in slow.variants:
            self.says(f"{each.figures['first server %']:g} %")
            self.says(f"{each.figures['p99 ms']:.0f} ms")
        alone = members["refuses, no accrual"]
        self.says(f"{shown(alone['met it'])} requests are sent to it, and {alone['failed']} fail")
        self.says(f"after {members['refuses, the default']['found after s']} s")
        self.says(f"{shown(panic['panic_threshold=0.5']['failed'])} requests fail")


class PictureTests(SynchronousTestCase):
    def text(self, name: str) -> str:
        return (DOCS / "_static" / f"simulation-{name}.svg").read_text("utf-8")

    def test_they_are_small_and_show_what_they_should(self):
        for name, words in PICTURES.items():
            text = self.text(name)
            self.assertLess(len(text), 60_000, name)
            ElementTree.fromstring(text)
            for each in words:
                self.assertIn(each, text, name)

    def test_they_have_no_date_and_no_background(self):
        for name in PICTURES:
            text = self.text(name)
            self.assertNotIn("dc:date", text)
            self.assertNotIn("fill: #ffffff", text)

    @skipUnless(find_spec("matplotlib"), "matplotlib is not installed")
    def test_the_same_figures_are_the_same_pictures(self):
        from tests.simulation.plots import draw

        first, second = draw(everything()), draw(everything())
        self.assertEqual(sorted(first), sorted(f"simulation-{name}.svg" for name in PICTURES))
        self.assertEqual(first, second)

    @skipUnless(find_spec("matplotlib"), "matplotlib is not installed")
    def test_what_was_not_simulated_is_not_drawn(self):
        from tests.simulation.plots import draw

        self.assertEqual(draw({"stall": simulate("stall")}), {})


class CommandTests(SynchronousTestCase):
    def run_main(self, *argv: str) -> str:
        printed = StringIO()
        with redirect_stdout(printed):
            main(argv)
        return printed.getvalue()

    def test_it_prints_a_table_for_each_that_is_asked_for(self):
        printed = self.run_main("--only", "panic")
        self.assertEqual(printed, report("panic", simulate("panic")))

    def test_another_seed_gives_other_figures(self):
        self.assertNotEqual(
            self.run_main("--only", "panic", "--seed", "2"), self.run_main("--only", "panic")
        )

    def test_it_writes_the_figures_and_the_tables(self):
        figures, text = Path(self.mktemp()), Path(self.mktemp())
        printed = self.run_main("--only", "panic", "--json", str(figures), "--text", str(text))
        self.assertEqual(text.read_text("utf-8"), printed)
        kept: dict[str, Any] = json.loads(figures.read_text("utf-8"))
        self.assertEqual((list(kept), kept["seed"]), (["seed", "panic"], SEED))

    def test_a_scenario_that_is_not_known_is_refused(self):
        errors, sys.stderr = sys.stderr, StringIO()
        try:
            self.assertRaises(SystemExit, main, ["--only", "nothing"])
            self.assertIn("invalid choice: 'nothing'", sys.stderr.getvalue())
        finally:
            sys.stderr = errors


class ReportTests(SynchronousTestCase):
    def test_what_never_came_to_pass_is_called_so(self):
        variants = [Variant("a", {"s": 1234, "%": 0.5}), Variant("a long one", {"s": None, "%": 9})]
        self.assertEqual(
            report("name", Result("Title", {}, variants)),
            "name: Title\n\n"
            "                s    %\n"
            "a           1,234  0.5\n"
            "a long one  never    9\n\n",
        )
