"""What etcd answers: values that are immutable, equal by content, and safe to show."""

from datetime import datetime, timedelta, timezone

import attrs
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Action, Data, Dir, Lease, NodeOp, State, Version

LEASE = Lease(datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc), timedelta(seconds=60))
DATA = Data("/a/b", 7, 5, LEASE, "ü".encode())
DIR = Dir("/a", 4, 4, None, (DATA,))


class ActionTests(SynchronousTestCase):
    def test_the_values_are_the_names_that_etcd_uses(self):
        names = "get set update create compareAndSwap compareAndDelete delete expire"
        self.assertEqual([action.value for action in Action], names.split())

    def test_three_actions_remove_the_node(self):
        self.assertEqual(
            [action.value for action in Action if action.removes],
            ["compareAndDelete", "delete", "expire"],
        )


class ValueTests(SynchronousTestCase):
    def test_all_are_immutable(self):
        op = NodeOp(Action.SET, DATA, State(7))
        for instance in (LEASE, DATA, DIR, op, State(7), Version("1", "1")):
            field = attrs.fields(type(instance))[0].name
            with self.assertRaises(attrs.exceptions.FrozenInstanceError):
                setattr(instance, field, None)
            with self.assertRaises(AttributeError):
                instance.other = 1

    def test_all_are_equal_and_hashed_by_content(self):
        for instance in (LEASE, DATA, DIR, NodeOp(Action.SET, DIR, State(7)), Version("1", "1")):
            self.assertEqual(len({instance, attrs.evolve(instance)}), 1)
        self.assertNotEqual(DATA, attrs.evolve(DATA, value=b""))
        self.assertNotEqual(DIR, attrs.evolve(DIR, nodes=()))

    def test_a_key_and_a_directory_with_the_same_fields_differ(self):
        self.assertNotEqual(Data("/a", 1, 1), Dir("/a", 1, 1))

    def test_an_empty_state_knows_nothing(self):
        self.assertEqual(State(), State(index=0, cluster_id="", raft_index=0, raft_term=0))


class TextTests(SynchronousTestCase):
    def test_text_is_the_value_read_as_utf_8(self):
        self.assertEqual(DATA.text, "ü")
        self.assertEqual(Data("/a", 1, 1).text, "")

    def test_a_value_that_is_not_utf_8_has_no_text(self):
        with self.assertRaises(UnicodeDecodeError):
            _ = Data("/a", 1, 1, None, b"\xff").text


class NameTests(SynchronousTestCase):
    def test_the_name_is_the_last_part_of_the_key(self):
        self.assertEqual(DATA.name, "b")
        self.assertEqual(DIR.name, "a")
        self.assertEqual(Dir("/", 0, 0).name, "")


class ReprTests(SynchronousTestCase):
    def test_a_short_value_is_shown(self):
        self.assertEqual(
            repr(Data("/a", 2, 1, None, b"x" * 60)),
            f"Data('/a', {b'x' * 60!r}, modified_index=2, created_index=1, lease=None)",
        )

    def test_a_long_value_is_cut(self):
        self.assertEqual(
            repr(Data("/a", 2, 1, None, b"x" * 61)),
            f"Data('/a', {b'x' * 60 + b'...'!r}, modified_index=2, created_index=1, lease=None)",
        )

    def test_a_directory_counts_its_nodes_and_shows_none(self):
        self.assertEqual(
            repr(DIR), "Dir('/a', <1 nodes>, modified_index=4, created_index=4, lease=None)"
        )

    def test_the_repr_of_a_result_is_as_short(self):
        tree = Dir("/", 0, 0, None, (DIR,) * 1000)
        self.assertTrue(len(repr(NodeOp(Action.GET, tree, State(7), tree))) < 400)


class DeepTreeTests(SynchronousTestCase):
    """A tree may be deeper than the interpreter can call."""

    DEPTH = 100_000

    def tree(self, value=b"1"):
        node: Data | Dir = Data("/deep", 1, 1, None, value)
        for _ in range(self.DEPTH):
            node = Dir("/d", 1, 1, None, (node,))
        return node

    def test_a_deep_tree_can_be_made_shown_and_dropped(self):
        self.assertEqual(
            repr(self.tree()), "Dir('/d', <1 nodes>, modified_index=1, created_index=1, lease=None)"
        )
