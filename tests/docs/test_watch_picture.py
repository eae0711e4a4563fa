"""The picture of what etcd alone loses is drawn from a watch that was run."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.watch_cases import CASES, Case, Play
from tests.docs.watch_picture import draw, picture
from txetcd import NodeOp
from txetcd.http import Request

PICTURE = Path(__file__).resolve().parent.parent.parent / "docs" / "_static" / "watching.svg"


class CaseTests(SynchronousTestCase):
    def test_etcd_alone_loses_something_in_each(self):
        for case in CASES:
            changes = set(range(len(case.play().changes)))
            self.assertLess(case.alone, changes, case.title)

    def test_each_change_is_told_or_a_snapshot_is_in_its_place(self):
        for case in CASES:
            play = case.play()
            covered = [*play.told]
            for first, last in play.snapshots:
                covered.extend(range(first, last + 1))
            self.assertEqual(sorted(covered), [*range(len(play.changes))], case.title)

    def test_a_snapshot_is_told_only_where_the_history_is_lost(self):
        lost = [case.title for case in CASES if case.play().snapshots]
        self.assertEqual(lost, [case.title for case in CASES[2:]])


class Polls(Play):
    """A play that a plain loop follows: a wait, and the next one after what that told."""

    def watch(self, after_index: int | None = None) -> None:
        self._ask(4)

    def _ask(self, index: int) -> None:
        waiting = self._client.key("/colour").get(wait=True, wait_index=index)
        waiting.addCallbacks(self._answered, lambda _: self._ask(index))

    def _answered(self, op: NodeOp) -> None:
        self._told(op)
        self._ask(op.node.modified_index + 1)


class Stream(Play):
    """A play that is followed by one request for all that comes."""

    def watch(self, after_index: int | None = None) -> None:
        since = str((after_index or 0) + 1)
        query = f"wait=true&stream=true&waitIndex={since}"
        self.answer = self.memory(Request("GET", "/v2/keys/colour", query))


class AloneTests(SynchronousTestCase):
    """What the picture says of etcd is so of the one in memory, but for a stream that is behind."""

    def test_a_stream_from_the_past_tells_one_change(self):
        play = Stream()
        CASES[0].happens(play)
        play.memory.stop()
        body = self.successResultOf(play.answer).body
        told = [json.loads(line)["node"]["value"] for line in body.splitlines()]
        self.assertEqual({int(each) for each in told}, CASES[0].alone)

    def test_a_plain_loop_is_told_of_nothing_that_a_member_gets_as_a_whole(self):
        play = Polls()
        CASES[2].happens(play)
        self.assertEqual(play.told, CASES[2].alone)

    def test_a_plain_loop_waits_for_the_old_index_of_a_store_that_was_wiped(self):
        play = Polls()
        CASES[3].happens(play)
        self.assertEqual(play.told, CASES[3].alone)


class PictureTests(SynchronousTestCase):
    def test_that_of_the_guide_is_the_one_that_the_code_draws_now(self):
        self.assertEqual(
            PICTURE.read_text("utf-8"),
            picture(),
            "draw it anew: python -m tests.docs.watch_picture >docs/_static/watching.svg",
        )

    def test_it_shows_what_is_lost_and_what_is_told(self):
        def happens(play: Play) -> None:
            play.watch()
            play.mark("a <mark>")
            play.changes_one_by_one(3)

        drawn = ElementTree.fromstring(draw([Case("a title", frozenset({1}), happens)]))
        svg = "{http://www.w3.org/2000/svg}"
        words = [each.text for each in drawn.iter(f"{svg}text")]
        self.assertEqual(words[:2], ["a title", "a <mark>"])
        self.assertEqual(words.count("5"), 3)
        self.assertEqual([words.count(each) for each in ("4", "6")], [2, 2])
        lost = [each for each in drawn.iter(f"{svg}path") if each.get("stroke-width")]
        self.assertEqual(len(lost), 2)
