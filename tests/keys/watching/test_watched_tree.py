"""Trees that are shared: each is what the store held at one index."""

from __future__ import annotations

import gc
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Backoff, BackoffsExhausted, Data, Etcd, KeyNotFound, NodeOp, ServiceClosed, v2
from txetcd.errors import ApiError
from txetcd.keys import Contact, Tree
from txetcd.keys.session import LINGER
from txetcd.reactive import Failed, Ok, Pending
from txetcd.testing import MemoryEtcd


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.memory = MemoryEtcd(self.clock, capacity=50)
        self.etcd = Etcd(v2.Keys() >> self.memory, clock=self.clock)
        self.writer = Etcd(v2.Keys() >> self.memory.peer, clock=self.clock)
        self.key, self.top = self.etcd.key("/w"), self.writer.key("/w")
        self.watched = self.key.watch_tree(Backoff.constant(1))
        self.told: list = []

    def tearDown(self):
        self.successResultOf(self.etcd.close())
        self.successResultOf(self.writer.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.memory.waiting, ())

    def write(self, name, value):
        return self.successResultOf((self.top / name).set(value)).node.modified_index

    def observe(self):
        return self.watched.observe(self.told.append)

    def trees(self):
        """What was told as Ok, as plain dicts."""
        return [
            {path: node.value for path, node in state.value.items()}
            for state in self.told
            if isinstance(state, Ok)
        ]

    def lose_history(self):
        """Break the connection, and have the store forget what happened before."""
        self.memory.cut_all()
        for n in range(60):
            self.successResultOf(self.writer.key("/elsewhere").set(str(n)))
        self.clock.advance(1)


class StateTests(Case):
    def test_the_state_is_a_tree_and_another_after_each_change(self):
        self.write("a/b", "1")
        self.observe()
        index = self.write("a/c", "2")
        self.successResultOf((self.top / "a/b").delete())
        self.assertIsInstance(self.told[0], Pending)
        self.assertEqual(self.trees(), [{"a/b": b"1"}, {"a/b": b"1", "a/c": b"2"}, {"a/c": b"2"}])
        self.assertEqual(self.told[2].value.index, index)
        self.assertEqual(self.watched.state, self.told[-1])

    def test_trees_that_were_told_stay_as_they_were(self):
        self.write("a", "1")
        self.observe()
        for n in range(2, 6):
            self.write("a", str(n))
        self.assertEqual([tree["a"] for tree in self.trees()], [b"1", b"2", b"3", b"4", b"5"])
        first, last = self.told[1].value, self.told[-1].value
        self.assertEqual(list(last.diff(first).changed), ["a"])

    def test_a_missing_key_is_an_empty_tree(self):
        self.observe()
        self.write("a", "1")
        self.successResultOf(self.top.delete(recursive=True))
        self.assertEqual(self.trees(), [{}, {"a": b"1"}, {}])
        self.assertIsNone(self.told[-1].value.root)

    def test_a_key_that_is_a_file_is_a_tree_of_one(self):
        self.successResultOf(self.top.set("1"))
        self.observe()
        self.assertEqual(self.trees(), [{"": b"1"}])

    def test_removing_a_directory_above_empties_it(self):
        watched = self.etcd.key("/top/w").watch_tree()
        self.successResultOf(self.writer.key("/top/w/a").set("1"))
        watched.observe(self.told.append)
        self.successResultOf(self.writer.key("/top").delete(recursive=True))
        self.assertEqual(self.trees(), [{"a": b"1"}, {}])

    def test_a_lease_that_ends_is_a_change(self):
        self.successResultOf((self.top / "a").set("1", ttl=5))
        self.observe()
        self.clock.advance(5)
        self.assertEqual(self.trees(), [{"a": b"1"}, {}])

    def test_a_failure_before_anything_is_known_is_told_and_got_over(self):
        self.memory.refuse()
        self.observe()
        self.assertIsInstance(self.told[-1], Failed)
        self.memory.heal()
        self.clock.advance(1)
        self.assertEqual(self.trees(), [{}])

    def test_a_failure_after_something_is_known_leaves_the_tree(self):
        self.write("a", "1")
        self.observe()
        self.write("a", "2")
        self.memory.cut_all()
        self.assertEqual(self.trees(), [{"a": b"1"}, {"a": b"2"}])
        self.assertIs(self.watched.freshness.value.contact, Contact.RECONNECTING)
        self.write("a", "3")
        self.clock.advance(1)
        self.assertEqual(self.trees()[-1], {"a": b"3"})
        self.assertTrue(self.watched.freshness.value.live)

    def test_it_says_how_old_the_tree_may_be(self):
        self.write("a", "1")
        self.observe()
        self.memory.refuse()
        self.memory.cut_all()
        self.clock.pump([1] * 10)
        self.assertGreaterEqual(self.watched.stale_by, 10)
        self.memory.heal()
        self.clock.advance(1)
        self.assertEqual(self.watched.stale_by, 0)

    def test_the_end_of_the_schedule_is_told_and_the_next_observer_begins_anew(self):
        self.watched = self.key.watch_tree([])
        observation = self.observe()
        self.memory.cut_all()
        self.assertEqual(self.told[-1].failure.type, BackoffsExhausted)
        self.successResultOf(observation.close())
        self.observe()
        self.assertIsInstance(self.told[-1], Ok)

    def test_closing_the_client_is_told(self):
        self.observe()
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.told[-1].failure.type, ServiceClosed)


class GapTests(Case):
    def test_after_a_gap_the_difference_is_told_once(self):
        self.write("a", "1")
        self.write("b", "1")
        self.observe()
        self.memory.cut_all()
        self.write("a", "2")
        self.write("c", "3")
        self.successResultOf((self.top / "b").delete())
        self.lose_history()
        self.assertEqual(self.trees(), [{"a": b"1", "b": b"1"}, {"a": b"2", "c": b"3"}])
        diff = self.told[-1].value.diff(self.told[-2].value)
        self.assertEqual(
            [list(each) for each in (diff.added, diff.changed, diff.removed)], [["c"], ["a"], ["b"]]
        )

    def test_after_a_gap_in_which_nothing_happened_nothing_is_told(self):
        self.write("a", "1")
        self.observe()
        self.write("a", "2")
        before = self.watched.state.value.index
        told = len(self.told)
        self.lose_history()
        self.assertEqual(len(self.told), told)
        # That it is so is known up to a later index.
        self.assertGreater(self.watched.state.value.index, before)
        self.write("a", "3")
        self.assertEqual(self.trees()[-1], {"a": b"3"})

    def test_a_key_that_went_in_a_gap_leaves_an_empty_tree(self):
        self.write("a", "1")
        self.observe()
        self.write("a", "2")
        self.memory.cut_all()
        self.successResultOf(self.top.delete(recursive=True))
        self.lose_history()
        self.assertEqual(self.trees(), [{"a": b"1"}, {"a": b"2"}, {}])

    def test_a_key_that_is_missing_still_is_no_news(self):
        self.observe()
        self.lose_history()
        self.assertEqual(self.trees(), [{}])

    def test_a_store_that_was_wiped_is_read_again(self):
        self.write("a", "1")
        self.observe()
        for n in range(10):
            self.write("a", str(n))
        self.memory.restart(wipe=True)
        self.write("b", "1")
        self.clock.pump([1] * 5)
        self.assertEqual(self.trees()[-1], {"b": b"1"})


class SharingTests(Case):
    def test_a_thousand_observers_make_one_watch(self):
        self.assertIs(self.key.watch_tree(Backoff.constant(1)).__class__, type(self.watched))
        plain = self.key.watch_tree()
        self.assertIs(self.key.watch_tree(), plain)
        for _ in range(1000):
            plain.observe(lambda _: None)
        self.assertEqual(len(self.memory.waiting), 1)

    def test_after_the_last_has_gone_it_lingers_and_is_forgotten(self):
        self.write("a", "1")
        self.successResultOf(self.observe().close())
        self.assertIsInstance(self.watched.state, Ok)
        self.clock.advance(LINGER)
        self.assertIsInstance(self.watched.state, Pending)
        self.assertEqual(self.memory.waiting, ())

    def test_a_loop_gets_the_latest(self):
        async def run():
            async for tree in self.watched:
                seen.append(tree["a"].text)
                await ready

        seen: list = []
        ready: Deferred = Deferred()
        self.write("a", "0")
        running = Deferred.fromCoroutine(run())
        for n in range(1, 10):
            self.write("a", str(n))
        ready.callback(None)
        self.assertEqual(seen, ["0", "9"])
        self.write("a", "10")
        self.assertEqual(seen, ["0", "9", "10"])
        running.addErrback(lambda _: None).cancel()
        gc.collect()
        self.assertIn("observed by 0", repr(self.watched))

    def step(self, iterator):
        async def step():
            return await iterator.__anext__()

        return Deferred.fromCoroutine(step())

    def test_a_loop_that_waits_is_told_that_the_client_was_closed(self):
        iterator = self.watched.__aiter__()
        self.successResultOf(self.step(iterator))
        waiting = self.step(iterator)
        self.successResultOf(self.etcd.close())
        self.failureResultOf(waiting, ServiceClosed)
        self.failureResultOf(self.step(iterator), StopAsyncIteration)
        self.assertIn("observed by 0", repr(self.watched))

    def test_a_loop_that_begins_after_the_client_was_closed_is_told_so(self):
        self.successResultOf(self.etcd.close())
        iterator = self.watched.__aiter__()
        self.failureResultOf(self.step(iterator), ServiceClosed)
        self.assertIn("observed by 0", repr(self.watched))

    def test_the_end_of_the_schedule_is_raised_after_the_last_tree(self):
        self.watched = self.key.watch_tree([])
        iterator = self.watched.__aiter__()
        self.assertEqual(len(self.successResultOf(self.step(iterator))), 0)
        self.write("a", "1")
        self.write("a", "2")
        self.memory.cut_all()
        self.assertEqual(self.successResultOf(self.step(iterator))["a"].text, "2")
        self.failureResultOf(self.step(iterator), BackoffsExhausted)
        self.failureResultOf(self.step(iterator), StopAsyncIteration)

    def test_a_loop_that_was_told_of_the_end_sees_nothing_of_a_new_beginning(self):
        self.watched = self.key.watch_tree([])
        iterator = self.watched.__aiter__()
        self.successResultOf(self.step(iterator))
        self.memory.cut_all()
        self.failureResultOf(self.step(iterator), BackoffsExhausted)
        self.observe()
        self.assertIsInstance(self.told[-1], Ok)
        self.failureResultOf(self.step(iterator), StopAsyncIteration)

    def test_a_loop_waits_through_failures_that_pass(self):
        self.memory.refuse()
        iterator = self.watched.__aiter__()
        waiting = self.step(iterator)
        self.assertNoResult(waiting)
        self.memory.heal()
        self.clock.advance(1)
        self.successResultOf(waiting)

    def test_closing_a_loop_ends_a_step_that_waits(self):
        iterator = self.watched.__aiter__()
        self.successResultOf(self.step(iterator))
        waiting = self.step(iterator)
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(waiting, StopAsyncIteration)
        self.failureResultOf(self.step(iterator), StopAsyncIteration)
        self.assertIn("observed by 0", repr(self.watched))

    def test_a_loop_that_is_closed_before_its_first_step_observes_nothing(self):
        iterator = self.watched.__aiter__()
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(self.step(iterator), StopAsyncIteration)
        self.assertEqual(self.memory.requests, [])

    def test_two_steps_at_once_are_refused(self):
        iterator = self.watched.__aiter__()
        self.successResultOf(self.step(iterator))
        waiting = self.step(iterator)
        self.failureResultOf(self.step(iterator), RuntimeError)
        self.write("a", "1")
        self.assertEqual(self.successResultOf(waiting)["a"].text, "1")

    def test_a_loop_tells_its_state(self):
        iterator = self.watched.__aiter__()
        self.assertEqual(repr(iterator), f"<iteration: <latest of {self.watched!r}>>")
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.assertIn(", ended", repr(iterator))

    def test_it_tells_its_state(self):
        self.observe()
        self.assertEqual(
            repr(self.watched), "<WatchedTree of '/w', recursive: live, Ok, observed by 1>"
        )


class ConsistencyTests(Case):
    """Random operations and misfortunes: every tree is what the store held at its index."""

    def test_every_tree_is_what_the_store_held_at_its_index(self):
        for seed in range(15):
            self.told.clear()
            self.run_seed(Random(seed))

    def run_seed(self, random):
        truth = {self.memory.index: self.truth()}
        observation = self.observe()
        for _ in range(120):
            for _ in range(random.choice([1, 1, 1, 5, 30])):
                self.operate(random)
                truth[self.memory.index] = self.truth()
            if random.random() < 0.1:
                self.memory.cut_all()
            if random.random() < 0.3:
                before = self.memory.index
                self.clock.advance(random.choice([0.3, 1, 2]))
                if self.memory.index != before:
                    truth[self.memory.index] = self.truth()
        self.clock.pump([1] * 5)
        truth[self.memory.index] = self.truth()
        indexes = [state.value.index for state in self.told if isinstance(state, Ok)]
        self.assertEqual(indexes, sorted(set(indexes)))
        for state in self.told:
            if isinstance(state, Ok):
                self.check(state.value, truth)
        self.assertEqual(contents_of(self.watched.state.value), self.truth())
        self.successResultOf(observation.close())
        self.clock.advance(LINGER)

    def check(self, tree: Tree, truth):
        # Between two entries nothing below the key has changed.
        known = max(index for index in truth if index <= tree.index)
        self.assertEqual(contents_of(tree), truth[known], f"at {tree.index}")

    def operate(self, random: Random):
        name = random.choice(["a", "b", "d/a", "d/b", "d/e/f", "d", "d/e", "_h", "d/_h/x"])
        key, value = self.top / name, str(random.random())
        operation = random.choice(
            [
                lambda: key.set(value),
                lambda: key.set(value),
                lambda: key.create(value),
                lambda: key.set(None),
                key.delete,
                lambda: key.delete(recursive=True),
                lambda: key.create_in_order(value),
                lambda: key.compare_and_swap(value, prev_exist=False),
                lambda: self.writer.key("/elsewhere").set(value),
            ]
        )
        operation().addErrback(lambda failure: failure.trap(ApiError))

    def read(self) -> NodeOp | None:
        got: list = []
        self.top.get(recursive=True, quorum=True).addBoth(got.append)
        if isinstance(got[0], NodeOp):
            return got[0]
        got[0].trap(KeyNotFound)
        return None

    def truth(self):
        """All keys with values below the key, but for the hidden ones."""
        op = self.read()
        found, nodes = {}, [] if op is None else [op.node]
        while nodes:
            node = nodes.pop()
            if isinstance(node, Data):
                found[node.key] = (node.modified_index, node.value)
            else:
                nodes += node.nodes
        return found


def contents_of(tree: Tree):
    return {node.key: (node.modified_index, node.value) for node in tree.values()}
