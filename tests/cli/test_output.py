"""What is printed of each answer, in each format."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta, timezone

from twisted.trial.unittest import SynchronousTestCase

from txetcd import Action, Data, Dir, Lease, NodeOp, State
from txetcd.cli.output import FORMATS, Output, walk

LEASE = Lease(datetime(2030, 1, 2, 3, 4, 5, 600000, timezone.utc), timedelta(seconds=60))
FILE = Data("/d/a", 7, 5, LEASE, b"hello")
BEFORE = Data("/d/a", 6, 5, None, b"hallo")
SET = NodeOp(Action.SET, FILE, State(7), BEFORE)
DELETE = NodeOp(Action.DELETE, Data("/d/a", 8, 5), State(8), BEFORE)
MKDIR = NodeOp(Action.CREATE, Dir("/d", 4, 4), State(4))
TREE = Dir("/d", 4, 4, None, (Dir("/d/b", 9, 9, None, (Data("/d/b/c", 10, 10),)), FILE))
SNAPSHOT = NodeOp(Action.GET, TREE, State(12))


class Case(SynchronousTestCase):
    format = "simple"

    def setUp(self):
        self.stream = io.BytesIO()
        self.out = Output(self.stream, FORMATS[self.format])

    def assertPrinted(self, *lines: str) -> None:
        self.assertEqual(self.stream.getvalue().decode(), "".join(f"{line}\n" for line in lines))

    def objects(self) -> list:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


class SimpleTests(Case):
    def test_a_write_prints_the_value(self):
        self.out.answer(SET)
        self.assertPrinted("hello")

    def test_a_removal_prints_what_was_there(self):
        self.out.answer(DELETE)
        self.assertPrinted("PrevNode.Value: hallo")

    def test_a_directory_prints_nothing(self):
        self.out.answer(MKDIR)
        self.out.answer(NodeOp(Action.DELETE, Dir("/d", 9, 4), State(9), Dir("/d", 4, 4)))
        self.assertPrinted()

    def test_a_key_that_the_server_named_prints_its_name(self):
        self.out.made(SET)
        self.assertPrinted("/d/a")

    def test_a_listing_prints_keys(self):
        self.out.listing(walk(TREE))
        self.assertPrinted("/d/b", "/d/b/c", "/d/a")

    def test_a_listing_may_mark_directories(self):
        self.out.listing(walk(TREE), mark_directories=True)
        self.assertPrinted("/d/b/", "/d/b/c", "/d/a")

    def test_an_event_is_named_by_its_action_and_key(self):
        self.out.event(SET)
        self.out.event(DELETE)
        self.assertPrinted("[set] /d/a", "hello", "[delete] /d/a", "PrevNode.Value: hallo")

    def test_an_event_of_one_key_needs_no_name(self):
        self.out.event(SET, named=False)
        self.assertPrinted("hello")

    def test_a_snapshot_prints_all_that_is_in_it(self):
        self.out.event(SNAPSHOT)
        self.assertPrinted("[get] /d", "[get] /d/b", "[get] /d/b/c", "", "[get] /d/a", "hello")

    def test_a_value_is_printed_as_it_is_stored(self):
        value = "a\nb\x1b[31m ☃".encode()
        self.out.answer(NodeOp(Action.GET, Data("/a", 1, 1, None, value), State(1)))
        self.assertEqual(self.stream.getvalue(), value + b"\n")

    def test_a_key_without_an_encoding_is_printed_with_backslashes(self):
        self.out.listing([Data("/\ud800", 1, 1)])
        self.assertPrinted("/\\ud800")


class ExtendedTests(Case):
    format = "extended"

    def test_a_write(self):
        self.out.answer(SET)
        self.assertPrinted(
            "Key: /d/a",
            "Created-Index: 5",
            "Modified-Index: 7",
            "TTL: 60",
            "PrevNode.Value: hallo",
            "Index: 7",
            "",
            "hello",
        )

    def test_a_removal_has_no_value(self):
        self.out.answer(DELETE)
        self.assertPrinted(
            "Key: /d/a",
            "Created-Index: 5",
            "Modified-Index: 8",
            "TTL: 0",
            "PrevNode.Value: hallo",
            "Index: 8",
        )

    def test_a_listing_has_a_blank_line_between_nodes(self):
        self.out.listing([FILE, Dir("/d/b", 9, 9)], mark_directories=True)
        self.assertPrinted(
            "Key: /d/a",
            "Created-Index: 5",
            "Modified-Index: 7",
            "TTL: 60",
            "",
            "Key: /d/b/",
            "Created-Index: 9",
            "Modified-Index: 9",
            "TTL: 0",
        )


class JsonTests(Case):
    format = "json"

    def test_a_write(self):
        self.out.answer(SET)
        self.assertEqual(
            self.objects(),
            [
                {
                    "action": "set",
                    "node": {
                        "key": "/d/a",
                        "value": "hello",
                        "ttl": 60,
                        "expiration": "2030-01-02T03:04:05.600000Z",
                        "createdIndex": 5,
                        "modifiedIndex": 7,
                    },
                    "prevNode": {
                        "key": "/d/a",
                        "value": "hallo",
                        "createdIndex": 5,
                        "modifiedIndex": 6,
                    },
                    "index": 7,
                }
            ],
        )

    def test_a_removed_node_has_no_value(self):
        self.out.answer(DELETE)
        node = {"key": "/d/a", "createdIndex": 5, "modifiedIndex": 8}
        self.assertEqual(self.objects()[0]["node"], node)

    def test_an_empty_value_is_a_value(self):
        self.out.answer(NodeOp(Action.GET, Data("/a", 1, 1), State(1)))
        self.assertEqual(self.objects()[0]["node"]["value"], "")

    def test_a_directory_says_so(self):
        self.out.answer(MKDIR)
        node = {"key": "/d", "dir": True, "createdIndex": 4, "modifiedIndex": 4}
        self.assertEqual(self.objects(), [{"action": "create", "node": node, "index": 4}])

    def test_a_listing_is_an_object_a_line(self):
        self.out.listing(walk(TREE))
        self.assertEqual([node["key"] for node in self.objects()], ["/d/b", "/d/b/c", "/d/a"])

    def test_a_snapshot_is_one_object_with_all_nodes_side_by_side(self):
        self.out.event(SNAPSHOT)
        (snapshot,) = self.objects()
        self.assertEqual((snapshot["action"], snapshot["index"]), ("get", 12))
        self.assertEqual([node["key"] for node in snapshot["nodes"]], ["/d/b", "/d/b/c", "/d/a"])

    def test_a_value_stays_on_one_line_whatever_it_holds(self):
        value = "a\nb\r\u2028\x1b☃"
        self.out.answer(NodeOp(Action.GET, Data("/a", 1, 1, None, value.encode()), State(1)))
        self.assertEqual(self.stream.getvalue().count(b"\n"), 1)
        self.assertNotIn(b"\x1b", self.stream.getvalue())
        self.assertEqual(self.objects()[0]["node"]["value"], value)


class WalkTests(SynchronousTestCase):
    def test_a_tree_may_be_deeper_than_the_stack(self):
        tree = Dir("/deep", 1, 1)
        for _ in range(20_000):
            tree = Dir("/deep", 1, 1, None, (tree,))
        self.assertEqual(sum(1 for _ in walk(tree)), 20_000)

    def test_an_empty_directory_holds_nothing(self):
        self.assertEqual(list(walk(Dir("/d", 1, 1))), [])
