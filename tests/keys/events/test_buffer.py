"""Buffers of iterations: bounded, in order, and nothing dropped that is not declared."""

from __future__ import annotations

import gc
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.store import Store
from txetcd import (
    Action,
    Backoff,
    BackoffsExhausted,
    Data,
    Dir,
    Etcd,
    NodeOp,
    NotSent,
    ReplyLost,
    ServiceClosed,
    State,
)
from txetcd.keys import Coalesced
from txetcd.keys.events.buffer import LatestPerKey, Lossless


def change(index, key="/w/a", action=Action.SET, kind=Data):
    return NodeOp(action, kind(key, index, index), State(index))


def snapshot(index):
    return NodeOp(Action.GET, Dir("/w", 1, 1), State(index))


def taken(buffer):
    """All that is in a buffer: indexes, and how many each stands for besides itself."""
    ops = [buffer.pop() for _ in range(len(buffer))]
    return [(op.node.modified_index, getattr(op, "dropped", 0)) for op in ops]


class LosslessTests(SynchronousTestCase):
    def test_it_gives_what_it_was_given_in_order(self):
        buffer = Lossless(3)
        self.assertTrue(all(buffer.offer(change(n)) for n in (1, 2, 3)))
        self.assertEqual(taken(buffer), [(1, 0), (2, 0), (3, 0)])

    def test_it_refuses_what_does_not_fit(self):
        buffer = Lossless(1)
        buffer.offer(change(1))
        self.assertEqual((buffer.full, buffer.offer(change(2)), len(buffer)), (True, False, 1))
        self.assertEqual(repr(buffer), "<Lossless, 1 of 1>")


class LatestPerKeyTests(SynchronousTestCase):
    def fill(self, size, *ops):
        buffer = LatestPerKey(size)
        self.refused = [op for op in ops if not buffer.offer(op)]
        self.assertLessEqual(len(buffer), size)
        return buffer

    def test_it_keeps_each_one_until_it_is_full(self):
        buffer = self.fill(3, change(1), change(2), change(3))
        self.assertEqual(taken(buffer), [(1, 0), (2, 0), (3, 0)])

    def test_when_it_is_full_it_keeps_the_last_of_each_key_and_says_so(self):
        buffer = self.fill(3, change(1, "/w/b"), *map(change, range(2, 10)))
        self.assertEqual(taken(buffer), [(1, 0), (9, 7)])
        self.assertEqual(self.refused, [])

    def test_what_stands_for_others_is_an_operation_like_any_other(self):
        buffer = self.fill(1, change(1), change(2))
        op = buffer.pop()
        assert isinstance(op, Coalesced)
        self.assertIsInstance(op, NodeOp)
        self.assertEqual((op.action, op.node, op.dropped), (Action.SET, Data("/w/a", 2, 2), 1))

    def test_the_order_is_that_of_the_indexes_still(self):
        buffer = self.fill(2, change(1), change(2, "/w/b"), change(3))
        self.assertEqual(taken(buffer), [(2, 0), (3, 1)])

    def test_it_refuses_one_more_key_than_it_can_hold(self):
        buffer = self.fill(2, *[change(n, f"/w/{n}") for n in (1, 2, 3)])
        self.assertEqual([op.node.modified_index for op in self.refused], [3])
        self.assertFalse(buffer.full)
        buffer.pop()
        self.assertTrue(buffer.offer(self.refused[0]))
        self.assertEqual(taken(buffer), [(2, 0), (3, 0)])

    def test_when_all_was_taken_it_keeps_each_one_again(self):
        buffer = self.fill(2, change(1), change(2), change(3))
        self.assertEqual(taken(buffer), [(3, 2)])
        for n in (4, 5):
            buffer.offer(change(n))
        self.assertEqual(taken(buffer), [(4, 0), (5, 0)])

    def test_a_snapshot_takes_the_place_of_all_before_it(self):
        buffer = self.fill(2, change(1), change(2, "/w/b"), change(3), snapshot(9), change(10))
        self.assertEqual(taken(buffer), [(1, 3), (10, 0)])

    def test_a_removal_takes_the_place_of_what_it_removed(self):
        gone = change(3, "/w", Action.DELETE, Dir)
        buffer = self.fill(2, change(1), snapshot(2), gone)
        self.assertEqual(taken(buffer), [(3, 2)])

    def test_a_directory_made_again_does_not_hide_that_it_was_removed(self):
        """Else whoever is told would keep what had been in it."""
        removed = change(2, "/w/d", Action.DELETE, Dir)
        made = change(3, "/w/d", Action.SET, Dir)
        buffer = self.fill(2, change(1, "/w/d/x"), removed, made)
        self.assertEqual(self.refused, [made])
        self.assertEqual(taken(buffer), [(1, 0), (2, 0)])

    def test_what_must_wait_for_its_turn_holds_up_what_comes_after_it(self):
        removed = change(1, "/w/d", Action.DELETE, Dir)
        made = change(2, "/w/d", Action.SET, Dir)
        buffer = self.fill(2, removed, made, change(3))
        self.assertEqual([op.node.modified_index for op in self.refused], [3])
        self.assertEqual(taken(buffer), [(1, 0), (2, 0)])

    def test_a_value_in_place_of_a_directory_does_not_hide_that_it_was_removed(self):
        removed, made = change(1, "/w/d", Action.DELETE, Dir), change(2, "/w/d")
        buffer = self.fill(1, removed, made)
        self.assertEqual((taken(buffer), self.refused), ([(1, 0)], [made]))

    def test_it_tells_its_state(self):
        self.assertEqual(repr(self.fill(2, change(1))), "<LatestPerKey, 1 of 2>")

    @given(
        st.integers(1, 6),
        st.lists(
            st.one_of(
                st.tuples(st.sampled_from(["set", "delete"]), st.sampled_from("abc")),
                st.sampled_from([("mkdir", "d"), ("rmdir", "d"), ("set", "d/x"), ("get", "")]),
                st.just(("take", "")),
            ),
            max_size=60,
        ),
    )
    def test_whoever_applies_what_is_told_ends_up_with_the_same(self, size, steps):
        """Each one that was not refused is told or counted, in order, and within bounds."""
        buffer, told = LatestPerKey(size), []
        truth: dict[str, int] = {}
        accepted: dict[str, int] = {}
        offered = 0
        for index, (step, key) in enumerate(steps, 1):
            if step == "take":
                if buffer:
                    told.append(buffer.pop())
                continue
            op = happen(truth, step, key, index)
            if op is None:
                continue
            while not buffer.offer(op):
                # It pauses: nothing else is asked for until there is room.
                told.append(buffer.pop())
            offered += 1
            apply(accepted, op)
            self.assertLessEqual(len(buffer), size)
        told += [buffer.pop() for _ in range(len(buffer))]
        found: dict[str, int] = {}
        for op in told:
            apply(found, op)
        self.assertEqual(found, accepted)
        self.assertEqual(sum(1 + getattr(op, "dropped", 0) for op in told), offered)
        indexes = [op.etcd.index for op in told]
        self.assertEqual(indexes, sorted(set(indexes)))


def happen(truth, step, key, index):
    """What etcd would tell of a step, or None if that cannot be."""
    path = f"/w/{key}"
    there = [each for each in truth if f"{each}/".startswith(f"{path}/")]
    if step == "get":
        nodes = tuple(Data(each, at, at) for each, at in truth.items() if each != "/w/d")
        return NodeOp(Action.GET, Dir("/w", 1, 1, None, nodes), State(index))
    if step in ("delete", "rmdir"):
        for each in there:
            del truth[each]
        kind = Data if step == "delete" else Dir
        return change(index, path, Action.DELETE, kind) if there else None
    if step == "mkdir" and there:
        return None
    truth[path] = index
    return change(index, path, kind=Dir if step == "mkdir" else Data)


def apply(state, op):
    """What a follower makes of it: what is at or below its node is replaced."""
    if op.action is Action.GET:
        state.clear()
        state.update({node.key: node.modified_index for node in op.node.nodes})
        return
    if op.action.removes:
        for each in [key for key in state if f"{key}/".startswith(f"{op.node.key}/")]:
            del state[each]
    elif isinstance(op.node, Data):
        state[op.node.key] = op.node.modified_index


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store(capacity=20)
        self.etcd = Etcd(self.store, clock=self.clock)
        self.key = self.etcd.key("/w")
        self.store.set("/w/a", b"0")

    def tearDown(self):
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.store.parked, [])

    def iterator(self, buffer=3, **options):
        options.setdefault("backoff", Backoff.constant(1))
        return self.key.events(recursive=True, buffer=buffer, **options).__aiter__()

    def step(self, iterator):
        async def step():
            return await iterator.__anext__()

        return Deferred.fromCoroutine(step())

    def take(self, iterator):
        op = self.successResultOf(self.step(iterator))
        return "snapshot" if op.action is Action.GET else int(op.node.value)

    def write(self, first, last, key="/w/a"):
        for n in range(first, last + 1):
            self.store.set(key, b"%d" % n)


class ReadAheadTests(Case):
    def test_it_reads_ahead_while_the_loop_is_busy(self):
        iterator = self.iterator()
        self.assertEqual(self.take(iterator), "snapshot")
        self.write(1, 2)
        asked = len(self.store.asked)
        self.assertEqual([self.take(iterator), self.take(iterator)], [1, 2])
        self.assertEqual(len(self.store.asked), asked)

    def test_nothing_is_asked_before_the_first_step(self):
        self.iterator()
        self.assertEqual(self.store.asked, [])

    def test_when_the_buffer_is_full_nothing_is_under_way(self):
        iterator = self.iterator()
        self.take(iterator)
        self.write(1, 3)
        asked = len(self.store.asked)
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))
        self.write(4, 8)
        self.assertEqual(len(self.store.asked), asked)
        self.assertEqual([self.take(iterator) for _ in range(8)], list(range(1, 9)))

    def test_it_goes_on_when_there_is_room(self):
        iterator = self.iterator()
        self.take(iterator)
        self.write(1, 3)
        self.take(iterator)
        self.assertEqual(len(self.store.parked), 1)

    def test_a_loop_that_stands_still_for_long_gets_a_snapshot_after_the_buffer(self):
        iterator = self.iterator()
        self.take(iterator)
        self.write(1, 1000)
        self.assertEqual([self.take(iterator) for _ in range(4)], [1, 2, 3, "snapshot"])
        self.write(1001, 1001)
        self.assertEqual(self.take(iterator), 1001)

    def test_a_step_waits_for_what_is_not_there_yet(self):
        iterator = self.iterator()
        self.take(iterator)
        waiting = self.step(iterator)
        self.assertNoResult(waiting)
        self.write(1, 1)
        self.assertEqual(self.successResultOf(waiting).node.value, b"1")

    def test_a_step_that_was_cancelled_loses_nothing(self):
        iterator = self.iterator()
        self.take(iterator)
        waiting = self.step(iterator)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.write(1, 2)
        self.assertEqual([self.take(iterator), self.take(iterator)], [1, 2])

    def test_failures_that_pass_are_told_to_on_error(self):
        errors: list = []
        iterator = self.iterator(on_error=errors.append)
        self.take(iterator)
        self.write(1, 1)
        self.store.cut()
        self.write(2, 2)
        self.clock.advance(1)
        self.assertEqual([type(error) for error in errors], [ReplyLost])
        self.assertEqual([self.take(iterator), self.take(iterator)], [1, 2])

    def test_a_loop_in_on_error_may_close_the_iterator(self):
        def closes(error):
            closed.append(Deferred.fromCoroutine(iterator.aclose()))

        closed: list = []
        self.store.failures = [NotSent("refused")] * 9
        iterator = self.iterator(on_error=closes)
        self.failureResultOf(self.step(iterator), StopAsyncIteration)
        self.assertEqual((len(closed), self.clock.getDelayedCalls()), (1, []))

    def test_a_loop_that_closes_when_it_is_given_an_event_leaves_nothing(self):
        async def run():
            async for _ in iterator:
                await iterator.aclose()

        iterator = self.iterator()
        self.successResultOf(Deferred.fromCoroutine(run()))
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_the_end_of_the_schedule_is_raised_after_all_that_came_before(self):
        iterator = self.iterator(backoff=[])
        self.take(iterator)
        self.write(1, 1)
        self.store.cut()
        self.assertEqual(self.take(iterator), 1)
        self.failureResultOf(self.step(iterator), BackoffsExhausted)
        self.failureResultOf(self.step(iterator), StopAsyncIteration)

    def test_one_that_is_closed_raises_nothing_more(self):
        iterator = self.iterator(backoff=[])
        self.take(iterator)
        self.store.cut()
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(self.step(iterator), StopAsyncIteration)

    def test_closing_the_client_is_raised(self):
        iterator = self.iterator()
        self.take(iterator)
        waiting = self.step(iterator)
        self.successResultOf(self.etcd.close())
        self.failureResultOf(waiting, ServiceClosed)
        self.failureResultOf(self.step(iterator), StopAsyncIteration)

    def test_a_service_that_fails_as_if_cancelled_fails_one_step(self):
        self.store.failures = [CancelledError()]
        iterator = self.iterator()
        self.failureResultOf(self.step(iterator), CancelledError)
        self.assertEqual(self.take(iterator), "snapshot")

    def test_an_iterator_that_nobody_has_leaves_nothing(self):
        iterator = self.iterator()
        self.take(iterator)
        self.assertEqual(len(self.store.parked), 1)
        del iterator
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_so_does_one_in_a_circle_of_references(self):
        circle: list = [self.iterator()]
        circle.append(circle)
        self.take(circle[0])
        del circle
        gc.collect()
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_so_does_one_that_is_paused(self):
        iterator = self.iterator(1)
        self.take(iterator)
        self.write(1, 5)
        del iterator
        gc.collect()
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_one_that_waits_is_not_collected(self):
        waiting = self.step(self.iterator())
        self.successResultOf(waiting)
        iterator = self.iterator()
        self.take(iterator)
        waiting = self.step(iterator)
        del iterator
        gc.collect()
        self.write(1, 1)
        self.successResultOf(waiting)

    def test_a_loop_that_is_left_leaves_nothing(self):
        async def run():
            async for _ in self.key.events(recursive=True, buffer=5):
                return

        self.successResultOf(Deferred.fromCoroutine(run()))
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_closing_drops_what_is_held_and_ends_a_step_that_waits(self):
        iterator = self.iterator()
        self.take(iterator)
        self.write(1, 2)
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(self.step(iterator), StopAsyncIteration)
        other = self.iterator()
        self.take(other)
        waiting = self.step(other)
        self.successResultOf(Deferred.fromCoroutine(other.aclose()))
        self.failureResultOf(waiting, StopAsyncIteration)

    def test_it_tells_its_state(self):
        iterator = self.iterator()
        self.take(iterator)
        self.assertIn("<ReadAhead, reading: <Inbox of <Lossless, 0 of 3>> of ", repr(iterator))
        self.write(1, 3)
        self.assertIn("paused", repr(iterator))
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.assertIn("closed", repr(iterator))

    def test_whatever_the_times_each_change_is_seen_once_or_covered_by_a_snapshot(self):
        for seed in range(30):
            random = Random(seed)
            iterator, written = self.iterator(random.randint(1, 8)), [0]
            seen: list[int] = []
            self.store.set("/w/a", b"0")
            self.take(iterator)
            for _ in range(100):
                if random.random() < 0.5:
                    written.append(written[-1] + 1)
                    self.write(written[-1], written[-1])
                elif written[-1] > (seen[-1] if seen else 0):
                    op = self.successResultOf(self.step(iterator))
                    whole = op.action is Action.GET
                    value = int((op.node.nodes[0] if whole else op.node).value)
                    before = seen[-1] if seen else 0
                    self.assertTrue(value == before + 1 or (whole and value > before), seed)
                    seen.append(value)
            self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))


class LatestTests(Case):
    def test_a_full_buffer_keeps_the_latest_and_reads_on(self):
        iterator = self.iterator(on_full="latest")
        self.take(iterator)
        self.write(1, 1000)
        self.assertEqual(len(self.store.parked), 1)
        op = self.successResultOf(self.step(iterator))
        assert isinstance(op, Coalesced)
        self.assertEqual((op.node.value, op.dropped), (b"1000", 999))

    def test_one_that_keeps_up_is_told_everything(self):
        iterator = self.iterator(on_full="latest")
        self.take(iterator)
        for n in range(1, 50):
            self.write(n, n)
            op = self.successResultOf(self.step(iterator))
            self.assertEqual((int(op.node.value), type(op)), (n, NodeOp))

    def test_a_buffer_full_of_different_keys_pauses(self):
        iterator = self.iterator(on_full="latest")
        self.take(iterator)
        for n in range(1, 8):
            self.write(n, n, key=f"/w/{n}")
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))
        self.assertEqual([self.take(iterator) for _ in range(7)], list(range(1, 8)))

    def test_a_loop_that_is_left_leaves_nothing(self):
        iterator = self.iterator(on_full="latest")
        self.take(iterator)
        self.write(1, 10)
        del iterator
        gc.collect()
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))


class ArgumentTests(Case):
    def test_without_a_buffer_nothing_is_read_ahead(self):
        iterator = self.key.events(recursive=True).__aiter__()
        self.take(iterator)
        self.assertEqual(self.store.parked, [])

    def test_what_cannot_be_is_refused_and_named(self):
        for kind, options in (
            (ValueError, {"buffer": -1}),
            (TypeError, {"buffer": 1.5}),
            (TypeError, {"buffer": True}),
            (TypeError, {"buffer": None}),
            (ValueError, {"buffer": 1, "on_full": "drop"}),
            (ValueError, {"on_full": "latest"}),
        ):
            error = self.assertRaises(kind, self.key.events, **options)
            self.assertIn(repr(list(options.values())[-1]), str(error))
