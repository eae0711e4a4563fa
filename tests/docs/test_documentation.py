"""What the documentation shows works, what it says is so, and nothing public is left out."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import txetcd
from tests.docs.test_examples import python_blocks
from txetcd import Backoff, TxetcdError, UnexpectedResponse, errors
from txetcd.client import DEFAULT_TIMEOUT, connect, default_endpoint_stack, default_stack
from txetcd.filters import InMemoryStats
from txetcd.filters.retry import DEFAULT_BACKOFF as RETRY_BACKOFF
from txetcd.http.body import HIGH_WATER
from txetcd.http.h1.limits import DEFAULT_MAX_BODY
from txetcd.http.pool import FRESH
from txetcd.http.pool_policy import DEFAULT_POOL_LIMITS, LONG_POLL_LIMITS
from txetcd.keys.events import DEFAULT_BACKOFF as EVENTS_BACKOFF
from txetcd.keys.poll.pulse import FLOOR, HEAD_TIME, HISTORY, REARM, SHARE
from txetcd.keys.poll.window import LIMIT
from txetcd.keys.session import LINGER
from txetcd.keys.watching.watch import BUFFER

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"

#: The two commands with which everything begins, and the words above each.
COMMANDS = """\
txetcd
======

Composable services and filters for Twisted, and an etcd client built from them.

See it work, on Linux, with an etcd of its own::

    python3 -m venv .venv && .venv/bin/pip install -e '.[demo]' && .venv/bin/txetcd demo
"""
TEST_COMMAND = """\
Run its tests::

    python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/trial tests
"""


def pages() -> list[Path]:
    return [ROOT / "README.rst", *sorted(DOCS.glob("*.rst")), *sorted(DOCS.glob("*/*.rst"))]


def words(page: str) -> str:
    """The text of a page of the documentation, with one space wherever there is any."""
    return " ".join((DOCS / page).read_text("utf-8").split())


class PageTests(SynchronousTestCase):
    def test_every_example_in_a_page_is_as_shown(self):
        reports = {}
        for page in pages():
            report, _ = run_examples(page.read_text("utf-8"), {})
            if report:
                reports[page.name] = report
        self.assertEqual(reports, {}, "\n".join(reports.values()))

    def test_there_are_examples_to_run(self):
        """Else the test above would hold of pages without any."""
        for page in ("services-and-filters", "watching", "events", "errors", "testing"):
            text = (DOCS / "guide" / f"{page}.rst").read_text("utf-8")
            self.assertGreater(run_examples(text, {})[1], 10, page)

    def test_an_example_that_is_not_as_shown_is_seen(self):
        report, count = run_examples("Sums:\n\n>>> 1 + 1\n2\n>>> 2 + 2\n5\n", {})
        self.assertEqual(count, 2)
        self.assertIn("Expected:\n    5\nGot:\n    4", report)

    def test_every_example_in_a_docstring_is_as_shown(self):
        count = 0
        for module in modules():
            for found in doctest.DocTestFinder(exclude_empty=True).find(module):
                report, examples = run_examples(found.docstring or "", vars(module).copy())
                self.assertEqual(report, "", found.name)
                count += examples
        self.assertGreater(count, 0)

    def test_every_python_block_compiles(self):
        blocks = [
            (page.name, block)
            for page in pages()
            for block in python_blocks(page.read_text("utf-8"))
        ]
        for name, block in blocks:
            compile(block, name, "exec")
        self.assertGreater(len(blocks), 1)

    def test_python_is_shown_in_no_block_that_is_not_run(self):
        """A program is included from docs/examples, or is a doctest; the README has two."""
        with_blocks = [p.name for p in pages() if python_blocks(p.read_text("utf-8"))]
        self.assertEqual(with_blocks, ["README.rst"])


class ReadmeTests(SynchronousTestCase):
    def setUp(self):
        self.text = (ROOT / "README.rst").read_text("utf-8")

    def test_it_begins_with_the_first_command(self):
        self.assertEqual(self.text[: len(COMMANDS)], COMMANDS)

    def test_the_second_command_is_the_next(self):
        commands = re.findall(r"^[^\n]*::\n\n(?:    .*\n)+", self.text, re.MULTILINE)
        self.assertEqual(commands[1], TEST_COMMAND)

    def test_its_links_lead_to_files(self):
        links = re.findall(r"<((?!http)[\w./-]+)>`__", self.text)
        self.assertIn("docs/guide/tutorial.rst", links)
        self.assertEqual([link for link in links if not (ROOT / link).exists()], [])

    def test_the_picture_of_the_layers_is_that_of_the_first_page(self):
        self.assertEqual(layers(self.text), layers((DOCS / "index.rst").read_text("utf-8")))

    def test_the_picture_has_the_filters_of_the_default_stacks_in_order(self):
        stats = InMemoryStats()
        above = default_stack(Clock(), auth=("u", "p"), namespace="/n", stats=stats)
        below = default_endpoint_stack(Clock(), stats=stats)
        rest = layers(self.text)
        for name in (*above.roles, "balancer", *below.roles):
            self.assertIn(name, rest)
            rest = rest.partition(name)[2]


class DefaultTests(SynchronousTestCase):
    """Each number that the documentation gives is that of the code."""

    def test_the_time_for_an_operation(self):
        self.assertEqual(DEFAULT_TIMEOUT, 10.0)
        self.assertEqual(inspect.signature(connect).parameters["timeout"].default, 10.0)
        for page, sentence in [
            ("guide/tutorial.rst", "No operation takes longer than 10 seconds"),
            ("guide/errors.rst", "is the ``timeout`` of `connect`: 10 seconds"),
            ("../README.rst", "has a time limit, by default of 10 seconds"),
        ]:
            self.assertIn(sentence, words(page))

    def test_the_time_for_an_attempt(self):
        above, below = default_stack(Clock()), default_endpoint_stack(Clock())
        self.assertEqual(
            (repr(above["deadline"].filter), repr(below["timeout"].filter)),
            ("Deadline(10)", "Timeout(5, share=0.5)"),
        )
        self.assertIn("10 seconds, of which one attempt may take half", words("guide/errors.rst"))

    def test_the_bound_within_which_a_dead_watch_is_found(self):
        self.assertEqual((REARM, HEAD_TIME, REARM + HEAD_TIME), (30.0, 5.0, 35.0))
        page = words("guide/watching.rst")
        self.assertIn("when you have paused for more than a quarter of a second", page)
        self.assertIn("one that has not come within 5 seconds is a failure", page)
        self.assertIn("hung up after 25 seconds at most", page)
        self.assertIn("found within 35 seconds** (``REARM + HEAD_TIME``)", page)
        self.assertIn("is found within 35 seconds", words("../README.rst"))

    def test_how_much_of_the_history_may_pass_a_parked_wait(self):
        self.assertEqual((HISTORY, SHARE, FLOOR), (1000, 1 / 3, 0.25))
        page = words("guide/watching.rst")
        self.assertIn("etcd keeps the last 1000 changes of the whole store", page)
        self.assertIn("no more than a third of the history passes meanwhile", page)
        self.assertIn("every 25 seconds at most, and four times a second at least", page)

    def test_how_many_scans_are_asked_together(self):
        self.assertEqual(LIMIT, 16)
        page = words("guide/watching.rst")
        self.assertIn("up to 16 as long as each finds something of its own", page)
        self.assertIn("nobody has asked for yet is kept, which is 16 changes at most", page)

    def test_how_long_a_shared_watch_lingers_and_what_a_loop_over_it_holds(self):
        self.assertEqual((LINGER, BUFFER), (5.0, 1000))
        page = words("guide/watching.rst")
        self.assertIn("the watch **lingers** for 5 seconds", page)
        self.assertIn("a loop over `Key.watch` - 1000 changes", page)

    def test_the_longest_reply(self):
        self.assertEqual(DEFAULT_MAX_BODY, 64 * 2**20)
        self.assertIn("Replies have a limit, by default of 64 MiB", words("../README.rst"))
        self.assertIn("The reply is longer than 64 MiB", words("guide/errors.rst"))

    def test_the_limits_of_the_pools(self):
        page = words("guide/transports.rst")
        for name in ("connections", "waiting", "idle_time"):
            limits = [getattr(each, name) for each in (DEFAULT_POOL_LIMITS, LONG_POLL_LIMITS)]
            unit = " s" if name == "idle_time" else ""
            shown = " - ".join(f"{limit:,.0f}{unit}" for limit in limits)
            self.assertIn(f"``{name}`` - {shown} - ", page)
        self.assertEqual((FRESH, HIGH_WATER), (0.01, 64 * 2**10))
        self.assertIn("follows within 10 milliseconds", page)
        self.assertIn("no more than 64 KiB of the next are read", page)
        self.assertIn("refuse one of more than 64 MiB", page)

    def test_the_delays_of_a_watch(self):
        self.assertEqual(repr(EVENTS_BACKOFF), repr(Backoff.exponential_jittered(0.010, 600.0)))
        self.assertIn(
            "by default ``Backoff.exponential_jittered(0.010, 600.0)``, which begins with 10 "
            "milliseconds, and then draws numbers between 0 and a bound that doubles up to 10 "
            "minutes. It has no end.",
            words("guide/events.rst"),
        )

    def test_the_attempts_of_an_operation(self):
        expected = Backoff.exponential_jittered(0.010, 1.0).take(4)
        self.assertEqual(repr(RETRY_BACKOFF), repr(expected))
        self.assertIn(
            "five attempts in all, with delays of 10 milliseconds at first and at most a second",
            words("guide/errors.rst"),
        )


class WatchingTests(SynchronousTestCase):
    """What the page says of its tables is so of those that were printed last."""

    def setUp(self):
        text = (DOCS / "guide" / "watching.txt").read_text("utf-8")
        self.table = text.partition("\n\n")[0].splitlines()
        self.last = text.splitlines()[-1]

    def test_no_promise_was_broken(self):
        self.assertEqual({int(number) for number in re.findall(r"\d+", self.last)}, {0})
        self.assertIn("0 lost, 0 twice, 0 out of order", self.last)

    def test_the_plain_clients_lost_changes(self):
        naive = [line.split() for line in self.table if line.startswith("naive")]
        self.assertEqual([words[1] for words in naive], ["poll", "stream"])
        for words in naive:
            self.assertGreater(int(words[6]), 0, words)


class ErrorTests(SynchronousTestCase):
    def test_the_tree_is_that_of_the_code(self):
        text = (DOCS / "guide" / "errors.rst").read_text("utf-8")
        self.assertEqual(set(drawn_tree(text)), set(tree_of(TxetcdError)))

    def test_every_error_has_a_row(self):
        rows = dict(error_rows())
        missing = [
            name
            for name in errors.__all__
            if name not in rows and name not in ("ErrorCode", *FAMILIES)
        ]
        self.assertEqual(missing, [])

    def test_the_flags_in_a_row_are_those_of_the_code(self):
        for name, flags in error_rows():
            if name not in DEPENDING:
                error = getattr(errors, name)
                actual = shown(error.retryable), shown(error.possibly_applied)
                self.assertEqual(flags, actual, name)

    def test_a_flag_that_depends_does_so(self):
        rows = dict(error_rows())
        for name, samples in DEPENDING.items():
            actual = tuple(
                shown_of({getattr(sample, flag) for sample in samples})
                for flag in ("retryable", "possibly_applied")
            )
            self.assertEqual(rows[name], actual, name)


#: Errors that stand for those below them, which have a row each.
FAMILIES = ("TxetcdError", "NetworkError", "ApiError")

#: Errors whose instances differ in their flags, with instances that do.
DEPENDING: dict[str, list[TxetcdError]] = {
    "RequestTimedOut": [errors.RequestTimedOut(1, possibly_applied=way) for way in (True, False)],
    "RequestCancelled": [errors.RequestCancelled(sent=sent) for sent in (True, False)],
    "ServiceClosed": [errors.ServiceClosed(possibly_applied=way) for way in (True, False)],
    "UnexpectedResponse": [UnexpectedResponse(status) for status in (200, 302, 404, 500)],
    "MalformedResponse": [errors.MalformedResponse(status) for status in (0, 404, 500)],
    "ResponseTooLarge": [errors.ResponseTooLarge(status) for status in (200, 404, 500)],
    "WatchEnded": [errors.WatchEnded(status) for status in (200, 404)],
    "ApiDisabled": [errors.ApiDisabled(404)],
}


class ReferenceTests(SynchronousTestCase):
    def test_every_public_name_is_in_the_reference(self):
        documented = Reference(DOCS / "api")
        missing = [
            f"{module.__name__}.{name}"
            for module in modules()
            for name in getattr(module, "__all__", ())
            if not documented.has(module, name)
        ]
        self.assertEqual(missing, [])

    def test_a_name_that_is_not_is_seen(self):
        documented = Reference(DOCS / "api")
        self.assertTrue(documented.has(txetcd, "Service"))
        self.assertTrue(documented.has(txetcd.client, "DEFAULT_TIMEOUT"))
        self.assertFalse(documented.has(txetcd.client.stacks, "PATIENCE"))
        self.assertFalse(documented.has(txetcd.errors, "BODY_SHOWN"))

    def test_the_first_page_lists_what_can_be_imported_from_txetcd(self):
        page = (DOCS / "api" / "index.rst").read_text("utf-8")
        table = page[: page.index(".. toctree::")]
        self.assertEqual(sorted(re.findall(r"(?<!`)`(\w+)`(?!`)", table)), sorted(txetcd.__all__))


class Reference:
    """What the pages of the reference document, by the directives of autodoc in them."""

    def __init__(self, folder: Path) -> None:
        self._names: dict[str, Any] = {}
        for page in sorted(folder.glob("*.rst")):
            self._read(page.read_text("utf-8"))

    def has(self, module: ModuleType, name: str) -> bool:
        """Whether a name of a module is there, or the same object by another name."""
        if f"{module.__name__}.{name}" in self._names:
            return True
        wanted = getattr(module, name)
        same = [each for each, value in self._names.items() if value is wanted]
        if isinstance(wanted, (int, float, str)) or wanted is None:
            # Numbers are the same object by accident, but not by the same name in a package.
            there = re.compile(rf"{re.escape(module.__name__)}\..*\b{name}")
            same = [each for each in same if there.fullmatch(each)]
        return bool(same)

    def _read(self, text: str) -> None:
        module = ""
        directives = re.finditer(
            r"^ *\.\. auto(\w+):: (\S+)\n((?: +:.*\n)*)", text, re.MULTILINE
        )
        for kind, name, options in (match.groups() for match in directives):
            if kind == "module":
                module = name
                self._read_module(name, options)
            else:
                self._add(name if name.startswith("txetcd.") else f"{module}.{name}")

    def _read_module(self, module: str, options: str) -> None:
        if not re.search(r":members: *$", options, re.MULTILINE):
            return
        excluded = re.search(r":exclude-members: *(.*)", options)
        without = set(re.split(r", *", excluded[1])) if excluded else set()
        for name in importlib.import_module(module).__all__:
            if name not in without:
                self._add(f"{module}.{name}")

    def _add(self, name: str) -> None:
        module, _, attribute = name.rpartition(".")
        self._names[name] = getattr(importlib.import_module(module), attribute)


def modules() -> list[ModuleType]:
    """The modules of the package that others may import: not the command's, which is a program."""
    found = [txetcd]
    for module in pkgutil.walk_packages(txetcd.__path__, "txetcd."):
        parts = module.name.split(".")
        if "cli" not in parts and not any(part.startswith("_") for part in parts):
            found.append(importlib.import_module(module.name))
    return found


def run_examples(text: str, names: dict[str, Any]) -> tuple[str, int]:
    """Run the doctests in a text.

    Returns:
        What is to be said of those that failed, and how many there are.
    """
    test = doctest.DocTestParser().get_doctest(text, names, "text", None, 0)
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return "".join(report), len(test.examples)


def layers(text: str) -> str:
    """The picture of the layers in a page."""
    match = re.search(r"^    your code  (?:.*\n    )+.*", text, re.MULTILINE)
    assert match is not None
    return match[0]


def tree_of(base: type[TxetcdError]) -> Iterator[tuple[str, str]]:
    """Each error of ours below another, as pairs of names."""
    for below in base.__subclasses__():
        if below.__module__ == errors.__name__:
            yield base.__name__, below.__name__
            yield from tree_of(below)


def drawn_tree(text: str) -> Iterator[tuple[str, str]]:
    """The same pairs, of the tree that is drawn in a page."""
    above = ["TxetcdError"]
    for stem, name in re.findall(r"^    ([│├└─ ]*)── (\w+)", text, re.MULTILINE):
        depth = len(stem) // 4 + 1
        del above[depth:]
        yield above[-1], name
        above.append(name)


def error_rows() -> Iterable[tuple[str, tuple[str, str]]]:
    """Each error in the table of the guide, with what it says of the flags."""
    text = (DOCS / "guide" / "errors.rst").read_text("utf-8")
    row = r"^   \* - ((?:`\w+`[,\s]*)+)     - (\w+)\n     - (\w+)\n"
    for names, retryable, possibly_applied in re.findall(row, text, re.MULTILINE):
        for name in re.findall(r"\w+", names):
            yield name, (retryable, possibly_applied)


def shown(flag: bool) -> str:
    return "yes" if flag else "no"


def shown_of(flags: set[bool]) -> str:
    return "depends" if len(flags) > 1 else shown(flags.pop())
