"""A tree is what the store held at one index, and a diff is what lies between two."""

from __future__ import annotations

import gc
import weakref
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.tree.small_store import SmallStore
from txetcd import Action, Data, Dir, Lease, NodeOp, State, Tree, TreeDiff
from txetcd.keys.tree.branch import Branch, same
from txetcd.keys.tree.journal import KEPT, Journal

WATCHED = "/w"
DEEP = 1500

EXPIRATION = datetime(2026, 1, 1, tzinfo=timezone.utc)


def tree_of(store: SmallStore, path: str = WATCHED) -> Tree:
    return Tree.of(path, store.get(path), store.index)


def parts(diff: TreeDiff) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    return dict(diff.added), dict(diff.changed), dict(diff.removed)


def entries(tree: Tree, path: str = "") -> Any:
    """The branch at a path, to see what two trees share."""
    found: Any = tree.top
    for name in path.split("/") if path else ():
        found = found.entries[name]
    return found


class Case(SynchronousTestCase):
    def setUp(self):
        self.store = SmallStore()
        for path, value in [
            ("/w/b", b"1"),
            ("/w/a/y", b"2"),
            ("/w/a/x", b"3"),
            ("/w/a-b", b"4"),
            ("/elsewhere", b"5"),
        ]:
            self.store.set(path, value)
        self.tree = tree_of(self.store)

    def after(self, *ops: NodeOp) -> Tree:
        tree = self.tree
        for op in ops:
            tree = tree.after(op)
        return tree


class MappingTests(Case):
    def test_a_path_leads_to_the_node_itself(self):
        self.assertEqual(self.tree["a/x"], self.store.nodes["/w/a/x"])
        self.assertEqual(self.tree["b"].text, "1")

    def test_iteration_is_in_the_order_of_the_parts_of_paths(self):
        self.assertEqual(list(self.tree), ["a/x", "a/y", "a-b", "b"])
        self.assertEqual([path for path, _ in self.tree.items()], list(self.tree))
        self.assertEqual([node.text for node in self.tree.values()], ["3", "2", "4", "1"])

    def test_the_views_are_those_of_a_mapping(self):
        self.assertEqual(len(self.tree.items()), 4)
        self.assertIn(("b", self.tree["b"]), self.tree.items())
        self.assertIn(self.tree["b"], self.tree.values())
        self.assertIn("a/y", self.tree.keys())

    def test_a_path_that_is_none_is_a_key_error(self):
        path: Any
        for path in ("c", "a", "a/z", "a/x/z", "", "/b", "b/", "a//x", 5, None):
            self.assertNotIn(path, self.tree)
            with self.assertRaises(KeyError) as caught:
                self.tree[path]
            self.assertEqual(caught.exception.args, (path,))
        self.assertIsNone(self.tree.get("c"))

    def test_the_root_is_the_watched_key_without_what_is_in_it(self):
        self.assertEqual(self.tree.root, Dir("/w", 4, 4))

    def test_the_directories_are_those_below_the_key(self):
        self.store.set("/w/a/c/d/e")
        tree = tree_of(self.store)
        self.assertEqual(list(tree.directories), ["a", "a/c", "a/c/d"])
        self.assertEqual(len(tree.directories), 3)
        self.assertEqual(tree.directories["a/c"], Dir("/w/a/c", 9, 9))
        self.assertEqual(repr(tree.directories), "<directories: 'a', 'a/c', 'a/c/d'>")
        for path in ("", "b", "a/c/x", "a/x/y"):
            self.assertNotIn(path, tree.directories)

    def test_a_key_that_is_no_directory_is_a_tree_of_one_path(self):
        tree = tree_of(self.store, "/w/b")
        self.assertEqual(dict(tree), {"": self.store.nodes["/w/b"]})
        self.assertEqual(tree.root, self.store.nodes["/w/b"])
        self.assertEqual(dict(tree.directories), {})
        self.assertNotIn("x", tree)

    def test_a_missing_key_is_an_empty_tree(self):
        tree = tree_of(self.store, "/none")
        self.assertEqual((dict(tree), len(tree), tree.root), ({}, 0, None))
        self.assertNotIn("", tree)
        self.assertEqual(dict(tree.directories), {})

    def test_the_whole_store_can_be_a_tree(self):
        tree = tree_of(self.store, "/")
        self.assertEqual(list(tree), ["elsewhere", "w/a/x", "w/a/y", "w/a-b", "w/b"])
        self.assertEqual(list(tree.after(self.store.set("/a"))), ["a", *tree])
        self.assertEqual(tree.root, Dir("/", 0, 0))

    def test_the_repr_is_short(self):
        self.assertEqual(repr(self.tree), "<Tree of '/w' at index 8: 4 keys>")
        self.assertEqual(repr(tree_of(self.store, "/w/b")), "<Tree of '/w/b' at index 8: 1 key>")

    def test_it_cannot_be_changed(self):
        with self.assertRaises(attrs.exceptions.FrozenInstanceError):
            self.tree.index = 9  # type: ignore[misc]

    def test_the_path_is_checked(self):
        self.assertEqual(Tree.of("w/", None, 3).path, "/w")
        self.assertRaises(ValueError, Tree.of, "/a//b", None, 3)

    def test_an_answer_about_another_key_makes_no_tree(self):
        error = self.assertRaises(ValueError, Tree.of, "/w/a", self.store.get(WATCHED), 8)
        self.assertIn("'/w'", str(error))
        self.assertRaises(ValueError, self.tree.reread, self.store.get("/"), 8)


class EqualityTests(Case):
    def test_trees_are_equal_by_what_they_hold_and_not_by_their_index(self):
        self.store.set("/elsewhere")
        self.assertEqual(tree_of(self.store), self.tree)
        self.assertNotEqual(tree_of(self.store).index, self.tree.index)

    def test_a_tree_that_was_changed_is_another(self):
        later = self.after(self.store.set("/w/b", b"1"))
        self.assertNotEqual(later, self.tree)
        self.assertNotEqual(self.after(self.store.set("/w/dir", None)), self.tree)

    def test_trees_of_two_keys_differ(self):
        self.assertNotEqual(tree_of(self.store, "/x"), tree_of(self.store, "/y"))

    def test_a_tree_equals_a_mapping_of_the_same(self):
        self.assertEqual(self.tree, dict(self.tree))
        self.assertNotEqual(self.tree, {})
        self.assertNotEqual(self.tree, 5)

    def test_it_has_no_hash(self):
        self.assertRaises(TypeError, hash, self.tree)


class ChangeTests(Case):
    def check(self, tree: Tree) -> None:
        self.assertEqual(dict(tree), self.store.below(tree.path))
        self.assertEqual(len(tree), len(dict(tree)))
        directories = self.store.below(tree.path, Dir)
        root = directories.pop("", None)
        self.assertEqual(dict(tree.directories), directories)
        self.assertEqual(tree.root, root or tree.get(""))
        self.assertEqual(tree.index, self.store.index)

    def test_every_kind_of_write_is_followed(self):
        tree = self.tree
        for action in (Action.SET, Action.UPDATE, Action.COMPARE_AND_SWAP):
            tree = tree.after(self.store.set("/w/a/x", action.value.encode(), action))
            self.check(tree)
        self.check(tree.after(self.store.set("/w/new", b"", Action.CREATE)))

    def test_every_kind_of_removal_is_followed(self):
        tree = self.tree
        for path, action in [
            ("/w/a/x", Action.DELETE),
            ("/w/a/y", Action.EXPIRE),
            ("/w/b", Action.COMPARE_AND_DELETE),
        ]:
            tree = tree.after(self.store.delete(path, action))
            self.check(tree)
        self.assertEqual(dict(tree.directories), {"a": self.store.nodes["/w/a"]})

    def test_a_directory_goes_with_all_that_is_in_it(self):
        self.store.set("/w/a/c/d")
        tree = tree_of(self.store).after(self.store.delete("/w/a", Action.EXPIRE))
        self.check(tree)
        self.assertEqual(len(tree), 2)

    def test_directories_made_on_the_way_bear_the_index_of_the_key(self):
        tree = self.after(self.store.set("/w/p/q/r"))
        self.check(tree)
        self.assertEqual(tree.directories["p/q"], Dir("/w/p/q", 9, 9))

    def test_a_directory_is_made(self):
        self.check(self.after(self.store.set("/w/p/q", None, Action.CREATE)))

    def test_a_directory_replaces_a_value(self):
        tree = self.after(self.store.set("/w/b", None))
        self.check(tree)
        self.check(tree.after(self.store.set("/w/b/c")))

    def test_a_directory_that_is_updated_keeps_what_is_in_it(self):
        node = Dir("/w/a", 9, 5, Lease(EXPIRATION, timedelta(5)))
        tree = self.after(NodeOp(Action.UPDATE, node, State(9)))
        self.assertEqual(dict(tree), dict(self.tree))
        self.assertEqual(tree.directories["a"], node)

    def test_the_watched_key_is_deleted_and_made_again(self):
        tree = self.after(self.store.delete(WATCHED))
        self.check(tree)
        tree = tree.after(self.store.set("/w/x/y"))
        self.check(tree)
        tree = tree.after(self.store.delete(WATCHED))
        self.check(tree.after(self.store.set(WATCHED)))

    def test_a_key_above_is_deleted(self):
        tree = tree_of(self.store, "/w/a")
        self.check(tree.after(self.store.delete(WATCHED)))

    def test_nothing_else_that_is_done_above_changes_anything(self):
        tree = tree_of(self.store, "/w/a")
        node = Dir(WATCHED, 9, 4, Lease(EXPIRATION, timedelta(5)))
        later = tree.after(NodeOp(Action.UPDATE, node, State(9)))
        self.assertEqual((later, later.index), (tree, 9))
        self.check(tree.after(self.store.set("/elsewhere")))

    def test_a_key_whose_name_begins_alike_is_no_concern(self):
        tree = tree_of(self.store, "/w/a")
        self.check(tree.after(self.store.delete("/w/a-b")))
        self.store.set("/w/a-b")
        self.check(tree_of(self.store, "/w/a-b").after(self.store.delete("/w/a")))

    def test_deleting_what_is_not_there_moves_the_index_alone(self):
        for path in ("/w/none", "/w/none/x", "/w/b/x"):
            node = Data(path, 9, 9)
            tree = self.after(NodeOp(Action.DELETE, node, State(9)))
            self.assertEqual((tree, tree.index), (self.tree, 9))

    def test_hidden_keys_are_in_no_tree(self):
        tree = self.after(self.store.set("/w/_h"), self.store.set("/w/a/_d/x"))
        self.assertEqual((tree, tree.index), (self.tree, 10))
        self.check(tree.after(self.store.delete("/w/a/_d")))
        snapshot = Dir(WATCHED, 4, 4, None, (Data("/w/_h", 9, 9), Dir("/w/_d", 9, 9)))
        self.assertEqual(len(Tree.of(WATCHED, NodeOp(Action.GET, snapshot, State(9)), 9)), 0)

    def test_a_watched_key_may_be_hidden_itself(self):
        self.store.set("/_secret/a")
        tree = tree_of(self.store, "/_secret")
        self.assertEqual(list(tree), ["a"])
        self.check(tree.after(self.store.set("/_secret/b")))

    def test_the_older_tree_stays_as_it_was(self):
        before = dict(self.tree)
        self.after(self.store.set("/w/a/x"), self.store.delete("/w/a"), self.store.set("/w/c"))
        self.assertEqual(dict(self.tree), before)
        self.assertEqual(len(self.tree), 4)

    def test_what_did_not_change_is_shared(self):
        later = self.after(self.store.set("/w/b"))
        self.assertIs(entries(later, "a"), entries(self.tree, "a"))

    def test_a_snapshot_is_no_change(self):
        error = self.assertRaises(ValueError, self.tree.after, self.store.get(WATCHED))
        self.assertIn("reread()", str(error))

    def test_a_change_that_was_told_before_is_refused(self):
        op = self.store.set("/w/b")
        later = self.after(op)
        error = self.assertRaises(ValueError, later.after, op)
        self.assertIn("index 9 is not after <Tree of '/w' at index 9", str(error))


class DiffTests(Case):
    def test_a_tree_does_not_differ_from_itself(self):
        diff = self.tree.diff(self.tree)
        self.assertFalse(diff)
        self.assertEqual(parts(diff), ({}, {}, {}))
        self.assertEqual(repr(diff), "<TreeDiff: 0 added, 0 changed, 0 removed>")

    def test_keys_are_added_changed_and_removed(self):
        ops = (self.store.set("/w/c"), self.store.set("/w/b", b"9"), self.store.delete("/w/a-b"))
        later = self.after(*ops)
        diff = later.diff(self.tree)
        self.assertTrue(diff)
        self.assertEqual(
            parts(diff), ({"c": later["c"]}, {"b": later["b"]}, {"a-b": self.tree["a-b"]})
        )
        self.assertEqual(diff.directories, ())
        self.assertEqual(repr(diff), "<TreeDiff: 1 added, 1 changed, 1 removed>")

    def test_the_diff_the_other_way_is_the_inverse(self):
        later = self.after(self.store.set("/w/c"), self.store.delete("/w/a"))
        forth, back = later.diff(self.tree), self.tree.diff(later)
        self.assertEqual((forth.added, forth.removed), (back.removed, back.added))

    def test_a_key_written_with_the_same_value_is_changed(self):
        later = self.after(self.store.set("/w/b", b"1"))
        self.assertEqual(list(later.diff(self.tree).changed), ["b"])

    def test_all_that_were_in_a_directory_are_removed(self):
        later = self.after(self.store.delete("/w/a"))
        diff = later.diff(self.tree)
        self.assertEqual(list(diff.removed), ["a/x", "a/y"])
        self.assertEqual(diff.directories, ("a",))

    def test_a_value_that_became_a_directory_is_removed_and_what_is_in_it_added(self):
        later = self.after(self.store.set("/w/b", None), self.store.set("/w/b/c"))
        diff = later.diff(self.tree)
        self.assertEqual((list(diff.removed), list(diff.added)), (["b"], ["b/c"]))
        self.assertEqual(diff.directories, ("b",))
        back = self.tree.diff(later)
        self.assertEqual((list(back.removed), list(back.added)), (["b/c"], ["b"]))

    def test_directories_alone_are_a_difference(self):
        later = self.after(self.store.set("/w/d", None))
        diff = later.diff(self.tree)
        self.assertTrue(diff)
        self.assertEqual((parts(diff), diff.directories), (({}, {}, {}), ("d",)))

    def test_directories_made_on_the_way_are_told(self):
        later = self.after(self.store.set("/w/p/q/r"))
        self.assertEqual(later.diff(self.tree).directories, ("p", "p/q"))
        gone = self.after(self.store.delete(WATCHED))
        self.assertEqual(gone.diff(self.tree).directories, ("", "a"))

    def test_a_directory_made_anew_is_another(self):
        ops = (self.store.delete("/w/a"), self.store.set("/w/a", None))
        self.assertEqual(self.after(*ops).diff(self.tree).directories, ("a",))

    def test_the_order_is_that_of_the_tree(self):
        later = self.after(*[self.store.set(path) for path in ("/w/c/2", "/w/c-d", "/w/c/1")])
        self.assertEqual(list(later.diff(self.tree).added), ["c/1", "c/2", "c-d"])

    def test_a_key_that_comes_and_goes_is_no_difference(self):
        later = self.after(self.store.set("/w/c"), self.store.delete("/w/c"))
        self.assertFalse(later.diff(self.tree))

    def test_a_diff_cannot_be_changed(self):
        diff: Any = self.after(self.store.set("/w/c")).diff(self.tree)
        with self.assertRaises(TypeError):
            diff.added["x"] = 1

    def test_a_tree_of_another_key_is_refused(self):
        self.assertRaises(ValueError, self.tree.diff, tree_of(self.store, "/other"))

    def test_two_lines_of_one_tree_are_compared(self):
        one, other = self.store.set("/w/c"), self.store.set("/w/d")
        left, right = self.after(one), self.after(other)
        diff = right.diff(left)
        self.assertEqual((list(diff.added), list(diff.removed)), (["d"], ["c"]))
        further = right.after(self.store.set("/w/e"))
        self.assertEqual(list(further.diff(right).added), ["e"])
        self.assertEqual(list(further.diff(self.tree).added), ["d", "e"])

    def test_a_diff_of_neighbours_does_not_look_at_the_rest(self):
        hide(self.tree)
        later = self.after(self.store.set("/w/a/x"), self.store.set("/w/_hidden"))
        hide(later)
        self.assertEqual(list(later.diff(self.tree).changed), ["a/x"])

    def test_a_comparison_does_not_look_into_what_is_shared(self):
        later = attrs.evolve(self.after(self.store.set("/w/b")), journal=Journal())
        hide(self.tree, "a")
        self.assertIs(entries(later, "a"), entries(self.tree, "a"))
        self.assertEqual(list(later.diff(self.tree).changed), ["b"])
        self.assertFalse(later.diff(attrs.evolve(later, journal=Journal())))

    def test_a_node_is_the_same_until_it_is_written(self):
        lease = Lease(EXPIRATION, timedelta(5))
        node = Data("/a", 6, 5, lease, b"v")
        self.assertTrue(same(node, Data("/a", 6, 5, Lease(EXPIRATION, timedelta(3)), b"v")))
        self.assertTrue(same(Dir("/a", 6, 5, None, (node,)), Dir("/a", 6, 5)))
        for other in (
            Data("/a", 7, 5, lease, b"v"),
            Data("/a", 6, 6, lease, b"v"),
            Data("/a", 6, 5, lease, b"w"),
            Data("/a", 6, 5, None, b"v"),
            Data("/a", 6, 5, Lease(EXPIRATION + timedelta(1), timedelta(5)), b"v"),
            Dir("/a", 6, 5, lease),
        ):
            self.assertFalse(same(node, other), other)
            self.assertFalse(same(other, node), other)


class Unseen:
    """Entries that can be looked up and replaced, but not be walked through."""

    def __init__(self, entries: Any) -> None:
        self.get, self.set = entries.get, entries.set


def hide(tree: Tree, path: str = "") -> None:
    """Let nobody walk through what is in a directory."""
    branch = entries(tree, path)
    object.__setattr__(branch, "entries", Unseen(branch.entries))


class RereadTests(Case):
    def test_it_shares_all_that_is_the_same(self):
        again = self.tree.reread(self.store.get(WATCHED), 12)
        self.assertIs(again.top, self.tree.top)
        self.assertEqual((again.index, again.path), (12, WATCHED))
        self.assertFalse(again.diff(self.tree))

    def test_it_shares_the_branches_that_are_the_same(self):
        self.store.set("/w/b", b"9")
        again = self.tree.reread(self.store.get(WATCHED), self.store.index)
        self.assertIs(entries(again, "a"), entries(self.tree, "a"))
        self.assertIs(again["a-b"], self.tree["a-b"])
        self.assertEqual(list(again.diff(self.tree).changed), ["b"])

    def test_a_lease_that_runs_down_is_no_change(self):
        def read(seconds: int) -> NodeOp:
            lease = Lease(EXPIRATION, timedelta(seconds=seconds))
            node = Dir(WATCHED, 4, 4, lease, (Data("/w/x", 5, 5, lease, b"v"),))
            return NodeOp(Action.GET, node, State(9))

        tree = Tree.of(WATCHED, read(60), 9)
        self.assertIs(tree.reread(read(50), 9).top, tree.top)

    def test_another_lease_is_a_change(self):
        def read(lease: Lease | None) -> NodeOp:
            return NodeOp(Action.GET, Data(WATCHED, 5, 5, lease, b"v"), State(9))

        tree = Tree.of(WATCHED, read(Lease(EXPIRATION, timedelta(5))), 9)
        later = Lease(EXPIRATION + timedelta(5), timedelta(5))
        self.assertTrue(tree.reread(read(later), 9).diff(tree))
        self.assertTrue(tree.reread(read(None), 9).diff(tree))

    def test_a_directory_that_is_another_is_no_longer_shared(self):
        self.store.delete("/w/a")
        self.store.set("/w/a", None)
        again = self.tree.reread(self.store.get(WATCHED), self.store.index)
        self.assertEqual(again.diff(self.tree).directories, ("a",))
        self.assertEqual(again.directories["a"], self.store.nodes["/w/a"])

    def test_what_is_gone_is_gone(self):
        self.store.delete("/w/a/x")
        again = self.tree.reread(self.store.get(WATCHED), self.store.index)
        self.assertEqual(list(again.diff(self.tree).removed), ["a/x"])
        nothing = again.reread(None, 20)
        self.assertEqual(len(nothing.diff(again).removed), 3)
        self.assertEqual(len(nothing.reread(self.store.get(WATCHED), 21)), 3)

    def test_the_index_may_fall(self):
        again = self.tree.reread(self.store.get(WATCHED), 2)
        self.assertEqual(again.index, 2)

    def test_changes_go_on_from_it(self):
        self.store.set("/w/b", b"9")
        again = self.tree.reread(self.store.get(WATCHED), self.store.index)
        later = again.after(self.store.set("/w/c"))
        self.assertEqual(list(later.diff(again).added), ["c"])
        self.assertEqual(list(later.diff(self.tree).changed), ["b"])


class JournalTests(SynchronousTestCase):
    def test_it_tells_what_lies_between_two_positions_in_any_order(self):
        journal = Journal()
        self.assertEqual([journal.add(path) for path in "abcb"], [1, 2, 3, 4])
        self.assertEqual(journal.between(1, 4), {"b", "c"})
        self.assertEqual(journal.between(2, 0), {"a", "b"})
        self.assertEqual(journal.between(4, 4), set())

    def test_it_forgets_the_oldest(self):
        journal = Journal(kept=3)
        for path in "abcde":
            journal.add(path)
        self.assertIsNone(journal.between(1, 5))
        self.assertEqual(journal.between(2, 5), {"c", "d", "e"})
        self.assertEqual(journal.between(3, 4), {"d"})
        self.assertEqual(repr(journal), "<Journal of 3 changes up to 5>")

    def test_a_diff_beyond_it_compares_all(self):
        store = SmallStore()
        store.set("/w/a")
        first = tree = tree_of(store)
        for n in range(KEPT + 1):
            tree = tree.after(store.set(f"/w/{n % 7}"))
        self.assertEqual(list(tree.diff(first).added), list("0123456"))

    def test_it_keeps_no_old_tree_alive(self):
        store = SmallStore()
        store.set("/w/a/b")
        first = tree_of(store)
        later = first.after(store.set("/w/a/b"))
        seen = weakref.ref(first)
        del first
        self.assertIsNone(seen())
        self.assertEqual(len(later), 1)


class DeepTests(SynchronousTestCase):
    """etcd keeps trees that are deeper than calls can be."""

    def setUp(self):
        path = WATCHED + "/d" * DEEP
        node: Any = Data(path, 4, 4, None, b"v")
        while node.key != WATCHED:
            node = Dir(node.key.rpartition("/")[0], 4, 4, None, (node,))
        self.path, self.read = path, NodeOp(Action.GET, node, State(4))
        self.tree = Tree.of(WATCHED, self.read, 4)

    def test_it_is_read_walked_and_shown(self):
        self.assertEqual(list(self.tree), ["/".join("d" * DEEP)])
        self.assertEqual(len(self.tree.directories), DEEP - 1)
        self.assertIn("1 key", repr(self.tree))
        self.assertEqual(self.tree, Tree.of(WATCHED, self.read, 4))
        self.assertEqual(self.tree, dict(self.tree))

    def test_it_is_made_by_one_change_and_removed_by_another(self):
        set_ = NodeOp(Action.SET, Data(self.path, 5, 5, None, b"v"), State(5))
        tree = Tree.of(WATCHED, None, 4).after(set_)
        self.assertEqual(len(tree), 1)
        self.assertEqual(len(tree.diff(self.tree).directories), DEEP)
        gone = tree.after(NodeOp(Action.DELETE, Data(self.path, 6, 5), State(6)))
        self.assertEqual(len(gone), 0)
        self.assertEqual(len(gone.diff(tree).removed), 1)

    def test_it_is_read_again(self):
        self.assertIs(self.tree.reread(self.read, 9).top, self.tree.top)

    def test_it_is_let_go(self):
        top = weakref.ref(entries(self.tree))
        del self.tree
        gc.collect()
        self.assertIsNone(top())


# --- laws --------------------------------------------------------------------

NAMES = ["a", "b", "c", "_h"]

paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(
    lambda names: "/w/" + "/".join(names)
)
writes = st.tuples(
    st.sampled_from(["set", "update", "compareAndSwap", "dir"]),
    st.one_of(paths, st.just(WATCHED), st.just("/w-not")),
)
removals = st.tuples(st.sampled_from(["delete", "expire"]), st.one_of(paths, st.just(WATCHED)))
steps = st.lists(st.one_of(writes, writes, removals), max_size=25)


def do(store: SmallStore, step: tuple[str, str]) -> NodeOp | None:
    """Carry out a step, if etcd would."""
    what, path = step
    if what in ("delete", "expire"):
        return store.delete(path, Action(what)) if path in store.nodes else None
    value = None if what == "dir" else b"v%d" % store.index
    if not store.can_set(path, value):
        return None
    if what in ("update", "compareAndSwap") and path not in store.nodes:
        return None
    return store.set(path, value, Action.SET if what == "dir" else Action(what))


def grown(done: list[tuple[str, str]]) -> tuple[SmallStore, list[Tree]]:
    """The trees of one watch, from an empty store through some steps."""
    store = SmallStore()
    trees = [tree_of(store)]
    for step in done:
        op = do(store, step)
        if op is not None:
            trees.append(trees[-1].after(op))
    return store, trees


class LawTests(SynchronousTestCase):
    @given(steps)
    def test_a_tree_is_what_the_store_holds(self, done):
        store, trees = grown(done)
        tree = trees[-1]
        self.assertEqual(dict(tree), store.below(WATCHED))
        self.assertEqual(len(tree), len(list(tree)))
        self.assertEqual(list(tree), sorted(tree, key=lambda path: path.split("/")))
        self.assertEqual([*tree.items()], [(path, tree[path]) for path in tree])

    @given(steps.map(lambda done: [step for step in done if "/_" not in step[1]]))
    def test_it_is_the_same_as_one_that_is_read(self, done):
        store, trees = grown(done)
        read = tree_of(store)
        self.assertEqual(trees[-1], read)
        self.assertEqual(dict(trees[-1].directories), dict(read.directories))
        self.assertEqual((trees[-1].root, trees[-1].index), (read.root, read.index))

    @given(steps, st.data())
    def test_a_diff_applied_to_the_older_gives_the_newer(self, done, draw):
        _, trees = grown(done)
        older, newer = (draw.draw(st.sampled_from(trees)) for _ in range(2))
        diff = newer.diff(older)
        made = {path: node for path, node in older.items() if path not in diff.removed}
        made.update(diff.added)
        made.update(diff.changed)
        self.assertEqual(made, dict(newer))
        self.assertFalse(diff.added.keys() & older.keys())
        self.assertLessEqual(diff.changed.keys(), older.keys())
        self.assertEqual(bool(diff), newer != older)

    @given(steps, st.data())
    def test_the_journal_and_the_structure_tell_the_same(self, done, draw):
        _, trees = grown(done)
        older, newer = (draw.draw(st.sampled_from(trees)) for _ in range(2))
        apart = attrs.evolve(older, journal=Journal(), position=0)
        self.assertIs(newer._journal, older._journal)
        by_journal, by_structure = newer.diff(older), newer.diff(apart)
        self.assertEqual(by_journal, by_structure)
        self.assertEqual(list(by_journal.added), list(by_structure.added))

    @given(steps, steps)
    @settings(max_examples=60)
    def test_what_is_read_again_shares_what_is_the_same(self, before, since):
        store, _ = grown(before)
        old = tree_of(store)
        for step in since:
            do(store, step)
        read, again = tree_of(store), old.reread(store.get(WATCHED), store.index)
        self.assertEqual(again, read)
        self.assertEqual(again.diff(old), read.diff(old))
        self.assertEqual(dict(again.directories), dict(read.directories))
        for path, node in again.items():
            if old.get(path) == node:
                self.assertIs(node, old[path])
        for path in again.directories:
            one, other = entries(again, path), branch_of(old, path)
            if other is not None and nothing_differs_below(path, again, old):
                self.assertIs(one, other)


def branch_of(tree: Tree, path: str) -> Branch | None:
    found: Any = tree.top
    for name in path.split("/"):
        if not isinstance(found, Branch):
            return None
        found = found.entries.get(name)
    return found if isinstance(found, Branch) else None


def nothing_differs_below(path: str, one: Tree, other: Tree) -> bool:
    diff = one.diff(other)
    changed = [*diff.added, *diff.changed, *diff.removed, *diff.directories]
    return not any(each == path or each.startswith(f"{path}/") for each in changed)
