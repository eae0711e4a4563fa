"""The benchmark of the tree runs, and measures what it says; no time is asserted."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.benchmarks import tree


class TreeBenchmarkTests(SynchronousTestCase):
    def test_everything_is_measured_for_each_shape_and_size(self):
        costs = tree.measure(sizes=(10, 30), rounds=2, updates=20)
        self.assertEqual(
            {(cost.what, cost.shape, cost.keys) for cost in costs},
            {
                (what, shape, keys)
                for what in ("after", "after and diff", "after, by dict", "after and diff, by dict")
                for shape in ("wide", "deep")
                for keys in (10, 30)
            },
        )
        for cost in costs:
            self.assertGreaterEqual(cost.microseconds, 0)

    def test_the_trees_have_as_many_keys_as_they_say(self):
        for shape in tree.SHAPES:
            self.assertEqual(len(tree._tree(shape, 123)), 123)

    def test_the_peer_does_the_same(self):
        before = tree._tree("wide", 20)
        change = tree._set(tree.wide(5), 40)
        after = before.after(change)
        copy = tree._copied(dict(before), change)
        self.assertEqual(copy, dict(after))
        diff = after.diff(before)
        found = (dict(diff.added), dict(diff.changed), dict(diff.removed))
        self.assertEqual(tree._compared(copy, dict(before)), found)

    def test_the_command_prints_a_table_and_writes_the_figures(self):
        file = Path(self.mktemp())
        printed = io.StringIO()
        with redirect_stdout(printed):
            tree.main(["--quick", "--json", str(file)])
        self.assertIn("wide, after ", printed.getvalue())
        self.assertIn("100 keys", printed.getvalue())
        self.assertEqual(len(json.loads(file.read_text("utf-8"))), 16)
