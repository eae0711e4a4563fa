"""The burst of the demonstration: a writer that is certain, a watcher, and what strikes them."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.store import Store
from txetcd import (
    Action,
    ApiError,
    Data,
    Etcd,
    NodeExist,
    NodeOp,
    NotSent,
    ReplyLost,
    Service,
    State,
)
from txetcd.cli.burst import Faults, Watcher, Writer
from txetcd.model import Create, Get


class Keys(Service):
    """Keys that can be made and read; the next requests may go wrong in a given way."""

    def __init__(self) -> None:
        self.index = 3
        self.stored: dict[str, NodeOp] = {}
        self.creates: list[str] = []
        #: For each of the next creates: "made" or "lost" (in both cases without a reply),
        #: "late" (carried out after the next read), or an error.
        self.fates: list = []
        self.failures: list[Exception] = []
        self._late: list[Create] = []

    def apply(self, request) -> NodeOp:
        return self._create(request) if isinstance(request, Create) else self._get(request)

    def _create(self, op: Create) -> NodeOp:
        self.creates.append(op.path)
        fate = self.fates.pop(0) if self.fates else None
        if isinstance(fate, Exception):
            raise fate
        if fate == "late":
            self._late.append(op)
        elif fate != "lost":
            self._store(op)
        if fate is not None:
            raise ReplyLost("cut")
        return self.stored[op.path]

    def _store(self, op: Create) -> None:
        if op.path in self.stored:
            raise ApiError(105, "Key already exists", op.path)
        self.index += 1
        node = Data(op.path, self.index, self.index, None, op.value or b"")
        self.stored[op.path] = NodeOp(Action.CREATE, node, State(self.index))

    def _get(self, op: Get) -> NodeOp:
        if self.failures:
            raise self.failures.pop(0)
        found = self.stored.get(op.path)
        for late in self._late:
            self._store(late)
        self._late.clear()
        if found is None:
            raise ApiError(100, "Key not found", op.path)
        return found


class WriterTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.keys = Keys()
        self.writer = Writer(Etcd(self.keys, clock=self.clock).key("/b"), self.clock, 1)

    def written(self) -> None:
        """Write, to the end, and find that what is confirmed is what is stored."""
        writing = Deferred.fromCoroutine(self.writer.write())
        self.clock.pump([0.1] * 20)
        self.successResultOf(writing)
        stored = {key: op.node.modified_index for key, op in self.keys.stored.items()}
        self.assertEqual(self.writer.confirmed, stored)

    def test_each_key_is_made_once(self):
        self.writer.count = 20
        self.written()
        self.assertEqual(sorted(self.keys.creates), [f"/b/{n:04}" for n in range(20)])
        self.assertEqual(self.writer.done, 20)

    def test_an_unknown_outcome_that_was_carried_out_is_found(self):
        self.keys.fates = ["made"]
        self.written()
        self.assertEqual((self.writer.ambiguous, self.writer.found), (1, 1))
        self.assertEqual(len(self.keys.creates), 1)

    def test_an_unknown_outcome_that_was_not_is_written_again(self):
        self.keys.fates = ["lost"]
        self.written()
        self.assertEqual((self.writer.ambiguous, self.writer.found), (1, 0))
        self.assertEqual(len(self.keys.creates), 2)

    def test_one_that_is_carried_out_late_is_found_and_not_made_twice(self):
        self.keys.fates = ["late"]
        self.written()
        self.assertEqual((self.writer.ambiguous, self.writer.found), (1, 1))

    def test_what_never_left_goes_again_and_is_not_called_unknown(self):
        self.keys.fates = [NotSent("refused"), NotSent("refused")]
        self.written()
        self.assertEqual((self.writer.refused, self.writer.ambiguous), (2, 0))

    def test_a_read_that_fails_goes_again(self):
        self.keys.fates = ["made"]
        self.keys.failures = [NotSent("refused"), ReplyLost("cut")]
        self.written()
        self.assertEqual((self.writer.refused, self.writer.found), (2, 1))

    def test_a_key_that_somebody_else_made_is_an_error(self):
        """As it would be if a write had been repeated behind the caller's back."""
        self.keys.fates = [ApiError(105, "Key already exists")]
        self.writer.count = 20
        writing = Deferred.fromCoroutine(self.writer.write())
        self.clock.advance(0)
        self.failureResultOf(writing, NodeExist)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_writes_wait_for_a_watcher_that_is_far_behind(self):
        behind = [301]
        writing = Deferred.fromCoroutine(self.writer.write(lambda: behind[0]))
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.keys.creates, [])
        behind[0] = 300
        self.clock.advance(1.0)
        self.successResultOf(writing)
        self.assertEqual(len(self.keys.creates), 1)

    def test_writes_are_begun_at_the_rate(self):
        self.writer.count = 100
        writing = Deferred.fromCoroutine(self.writer.write(rate=10))
        self.clock.pump([0.1] * 20)
        self.assertEqual(len(self.keys.creates), 21)
        self.clock.pump([0.1] * 80)
        self.successResultOf(writing)


class WatcherTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store(capacity=5)
        self.store.set("/b/0")
        self.etcd = Etcd(self.store, clock=self.clock)
        self.watcher = Watcher(self.etcd.key("/b"))

    def tearDown(self):
        self.successResultOf(self.watcher.close())
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_remembers_snapshots_and_changes(self):
        self.successResultOf(self.watcher.began)
        self.store.set("/b/1")
        self.assertEqual([op.action for op in self.watcher.told], [Action.GET, Action.SET])
        self.assertEqual(self.watcher.reached, 2)

    def test_a_key_counts_once_however_often_it_is_told(self):
        self.store.set("/b/1")
        self.store.set("/b/1")
        self.assertEqual(self.watcher.reached, 2)

    def test_failures_are_counted_and_what_a_snapshot_holds_is_reached(self):
        self.store.cut()
        for n in range(1, 10):
            self.store.set(f"/b/{n}")
        self.clock.advance(1)
        self.assertEqual((self.watcher.failures, self.watcher.reached), (1, 10))
        self.assertEqual([op.action for op in self.watcher.told], [Action.GET, Action.GET])

    def test_it_is_waited_for_until_it_has_reached_all(self):
        waiting = Deferred.fromCoroutine(self.watcher.reaches(3, self.clock, patience=2.0))
        self.store.set("/b/1")
        self.clock.advance(1)
        self.assertNoResult(waiting)
        self.store.set("/b/2")
        self.clock.advance(1)
        self.successResultOf(waiting)

    def test_it_is_waited_for_no_longer_than_something_comes(self):
        waiting = Deferred.fromCoroutine(self.watcher.reaches(9, self.clock, patience=2.0))
        for n in range(1, 5):
            self.clock.advance(1.5)
            self.store.set(f"/b/{n}")
            self.assertNoResult(waiting)
        self.clock.pump([1.0] * 3)
        self.successResultOf(waiting)
        self.assertEqual(self.watcher.reached, 5)


class Proxy:
    accepted = 0

    def __init__(self) -> None:
        self.connections = 3
        self.times = 0

    def cut_all(self) -> None:
        self.times += 1
        self.connections = 2


class Server:
    def __init__(self) -> None:
        self.done: list[str] = []

    def kill(self):
        self.done.append("kill")
        return succeed(None)

    def restart(self):
        self.done.append("restart")
        return succeed(None)


class FaultsTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.proxy = Proxy()
        self.server = Server()
        self.writer = Writer(Etcd(Keys(), clock=self.clock).key("/b"), self.clock, 100)

    def written(self, number: int) -> None:
        self.writer.confirmed.update({f"/b/{n:04}": n for n in range(number)})
        self.clock.pump([0.02] * 2)

    def test_connections_are_cut_every_25_writes_and_counted(self):
        cutting = Deferred.fromCoroutine(Faults(self.clock, self.writer, self.proxy).cut())
        self.written(24)
        self.assertEqual(self.proxy.times, 0)
        for done, times in ((25, 1), (49, 1), (50, 2), (99, 3)):
            self.written(done)
            self.assertEqual(self.proxy.times, times)
        self.successResultOf(cutting)

    def test_the_connections_that_were_cut_are_counted(self):
        faults = Faults(self.clock, self.writer, self.proxy)
        self.written(100)
        self.successResultOf(Deferred.fromCoroutine(faults.cut()))
        self.assertEqual(faults.cuts, 3 + 2 + 2)

    def test_the_server_is_killed_twice_on_the_way(self):
        faults = Faults(self.clock, self.writer, self.proxy, self.server)
        killing = Deferred.fromCoroutine(faults.kill())
        for done, expected in ((33, 0), (34, 1), (66, 1), (67, 2)):
            self.written(done)
            self.assertEqual(self.server.done, ["kill", "restart"] * expected)
        self.successResultOf(killing)
        self.assertEqual(faults.kills, 2)

    def test_a_server_that_is_not_ours_is_left_alone(self):
        faults = Faults(self.clock, self.writer, self.proxy)
        self.successResultOf(Deferred.fromCoroutine(faults.kill()))
        self.assertEqual(faults.kills, 0)
