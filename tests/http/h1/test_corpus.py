"""The files of the corpus, their mutants, and the programs that make and read more of them."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from tests.http.h1 import fuzz
from tests.http.h1.corpus import FOLDERS, ROOT, cases
from tests.http.h1.laws import RESPONSE, Case, Violation, check
from tests.http.h1.mutate import SMALL, TINY, Mutator

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "http.rst"

#: How many mutants the tests read.
MUTANTS = 20_000


class CorpusTests(SynchronousTestCase):
    def test_there_is_a_corpus(self):
        """Else the tests below would hold of nothing."""
        self.assertGreater(len(cases()), 200)
        self.assertGreater(sum("etcd" in name for name in cases()), 20)
        self.assertLess(max(len(case.data) for case in cases().values()), 1000)

    def test_a_file_is_in_the_folder_of_what_comes_of_it(self):
        kinds = {name: check(case).kind for name, case in cases().items()}
        expected = {name: FOLDERS[name.partition("/")[0]] for name in kinds}
        self.assertEqual(kinds, expected)

    def test_the_guide_tells_how_many_there_are_and_how_many_mutants_are_read(self):
        text = " ".join(GUIDE.read_text("utf-8").split())
        told = re.search("against some ([0-9]+) recorded and written ones", text)
        assert told is not None
        self.assertLess(abs(len(cases()) - int(told[1])), 10)
        self.assertIn(f"The tests read {MUTANTS:,} mutants", text)

    def test_every_folder_is_read(self):
        folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
        self.assertEqual(folders, set(FOLDERS))

    def test_every_split_in_two_is_as_the_whole(self):
        for case in cases().values():
            data = case.data
            check(case, *[(data[:place], data[place:]) for place in range(1, len(data))])

    def test_so_it_is_with_limits_that_are_reached(self):
        for limits in (SMALL, TINY):
            for case in cases().values():
                data = case.data
                splits = [(data[:place], data[place:]) for place in range(1, len(data), 7)]
                check(case._replace(limits=limits), *splits)


class MutatorTests(SynchronousTestCase):
    def drawn(self, seed: int, count: int = 200) -> list[Case]:
        mutator = Mutator(list(cases().values()), seed)
        return [mutator.next() for _ in range(count)]

    def test_what_is_drawn_depends_on_the_seed_alone(self):
        self.assertEqual(self.drawn(1), self.drawn(1))
        self.assertNotEqual(self.drawn(1), self.drawn(2))

    def test_nearly_all_are_different_and_none_is_long(self):
        drawn = self.drawn(1, 2000)
        self.assertGreater(len({case.data for case in drawn}), 1500)
        self.assertLessEqual(max(len(case.data) for case in drawn), 500)

    def test_mutants_keep_the_laws(self):
        kinds: Counter[str] = Counter()
        for block in fuzz.blocks(MUTANTS, seed=1):
            result = fuzz.run(block)
            self.assertEqual(result.violation, "")
            kinds += result.kinds
        self.assertEqual(kinds.total(), MUTANTS)
        self.assertEqual(set(kinds), set(FOLDERS.values()))
        self.assertGreater(kinds[RESPONSE], fuzz.LEAST_RESPONSES * kinds.total())


class ProgramTests(SynchronousTestCase):
    def run_with(self, kinds: Counter[str], violation: str = "") -> tuple[int, str]:
        """The program, with what its processes find."""
        written = io.StringIO()
        result = fuzz.Result(fuzz.Block(1, 0, 10), kinds, violation)
        with patch.object(fuzz, "_results", lambda *_: [result]), patch("sys.stdout", written):
            status = fuzz.main(["--count", "10", "--jobs", "1"])
        return status, written.getvalue()

    def test_it_tells_how_many_ended_in_what(self):
        status, written = self.run_with(Counter({RESPONSE: 1, "MalformedResponse": 9}))
        self.assertEqual(status, 0)
        self.assertRegex(
            written,
            r"\A10 responses, each whole and byte by byte, [\d,]+/s\n"
            r" 90.00%  MalformedResponse\n 10.00%  response\n\Z",
        )

    def test_with_hardly_any_response_it_says_that_it_shows_little(self):
        status, _ = self.run_with(Counter({"MalformedResponse": 10}))
        self.assertEqual(status, 2)

    def test_a_violation_is_printed_and_ends_it(self):
        status, written = self.run_with(Counter(), "seed 1")
        self.assertEqual((status, written), (1, "seed 1\n"))

    def test_a_violation_comes_with_all_that_is_needed_to_see_it_again(self):
        def broken(case: Case) -> None:
            raise Violation("broken")

        with patch.object(fuzz, "check", broken):
            result = fuzz.run(fuzz.Block(5, 3, 10))
        first = Mutator(list(cases().values()), "5/3").next()
        self.assertEqual(
            result.violation, f"seed 5, block 3, mutant 0:\ncheck({first!r})\nViolation: broken"
        )
        self.assertEqual(result.kinds, Counter())
