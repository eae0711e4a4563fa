"""A cache answers what etcd would, never what is older than the caller's own writes."""

from __future__ import annotations

import itertools
from contextvars import ContextVar, copy_context
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    AmbiguousWrite,
    ApiError,
    Data,
    Filter,
    KeyNotFound,
    NodeOp,
    NotDir,
    NotSent,
    Service,
    Status,
    TestFailed,
    v2,
)
from txetcd.keys import Cache, Key, Session
from txetcd.keys.cache.replica import BOUND, Replica
from txetcd.keys.events import DEFAULT_BACKOFF
from txetcd.model import AskVersion, Get, Node, Op, Set
from txetcd.testing import MemoryEtcd

CACHED = "/c"

CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


class Counted(Service[Op, NodeOp]):
    """Counts the gets that come through, but for the watch's own."""

    def __init__(self, service: Service[Op, NodeOp]) -> None:
        self._service = service
        self.gets: list[Get] = []
        self.watch_reads = 0
        self.closed = 0

    def apply(self, request: Op) -> Deferred[NodeOp]:
        if isinstance(request, Get) and request.quorum and request.recursive:
            self.watch_reads += 1
        elif isinstance(request, Get) and not request.wait:
            self.gets.append(request)
        return self._service(request)

    def close(self) -> Deferred[None]:
        self.closed += 1
        return self._service.close()

    @property
    def status(self) -> Status:
        return Status.BUSY


class Case(SynchronousTestCase):
    path = CACHED

    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryEtcd(self.clock)
        self.direct = Session(v2.Keys() >> self.memory.peer, self.clock)
        self.below = Counted(v2.Keys() >> self.memory)
        self.cache = Cache(self.path, self.clock)
        self.session = Session(self.cache >> self.below, self.clock)

    def key(self, path: str) -> Key:
        """A key behind the cache."""
        return Key(path, self.session)

    def other(self, path: str) -> Key:
        """The same key for another client."""
        return Key(path, self.direct)

    def fill(self, *paths: str) -> None:
        for path in paths or ("/c/a", "/c/d/x", "/c/d/y", "/c/d/e/z"):
            self.successResultOf(self.other(path).set(path))

    def warm(self) -> None:
        """Begin the watch, and let it come to rest."""
        self.session(Get(CACHED)).addErrback(lambda _: None)
        self.clock.advance(0)
        self.below.gets.clear()

    def cached(self, path: str, **options: Any) -> Any:
        """The node of a get that must not have been asked below."""
        asked = len(self.below.gets)
        op = self.successResultOf(self.key(path).get(**options))
        self.assertEqual(len(self.below.gets), asked, "it was asked below")
        return op.node

    def asked(self, path: str, **options: Any) -> Any:
        """The outcome of a get that must have been asked below."""
        asked = len(self.below.gets)
        outcome = self.key(path).get(**options)
        self.assertEqual(len(self.below.gets), asked + 1, "it was not asked below")
        return outcome

    def done(self, asked: Deferred[Any]) -> Any:
        return self.successResultOf(asked)


class AnswerTests(Case):
    def setUp(self) -> None:
        super().setUp()
        self.fill()
        self.warm()

    def test_a_key_is_answered_without_asking(self):
        self.assertEqual(self.cached("/c/a").text, "/c/a")
        answer = self.done(self.key("/c/a").get())
        self.assertEqual(answer.etcd.index, self.memory.index)

    def test_a_directory_lists_what_is_in_it_and_no_more(self):
        found = self.cached("/c/d")
        self.assertEqual([node.name for node in found.nodes], ["e", "x", "y"])
        self.assertEqual(found.nodes[0].nodes, ())

    def test_a_recursive_get_lists_everything(self):
        found = self.cached(CACHED, recursive=True)
        self.assertEqual(found, self.done(self.other(CACHED).get(True, sorted=True)).node)

    def test_a_missing_key_is_not_found_where_etcd_says_so(self):
        for path, cause in (("/c/n", "/c/n"), ("/c/d/n/m", "/c/d/n")):
            error = self.failureResultOf(self.key(path).get(), KeyNotFound).value
            self.assertEqual((error.cause, error.message), (cause, "Key not found"))
            self.assertEqual(error.index, self.memory.index)
            self.assertEqual(str(error.op), f"get {path}")
        self.assertEqual(self.below.gets, [])

    def test_an_error_names_the_operation_by_itself(self):
        error = self.failureResultOf((self.cache >> self.below)(Get("/c/n")), KeyNotFound).value
        self.assertEqual(str(error), "Key not found (/c/n), code 100 [get /c/n]")

    def test_a_key_below_a_value_is_in_no_directory(self):
        error = self.failureResultOf(self.key("/c/a/b/c").get(), NotDir).value
        self.assertEqual((error.cause, error.message), ("/c/a", "Not a directory"))
        self.assertEqual(self.below.gets, [])

    def test_a_change_by_another_is_seen_as_soon_as_it_is_told(self):
        self.done(self.other("/c/a").set("new"))
        self.assertEqual(self.cached("/c/a").text, "new")
        self.done(self.other("/c/d").delete(recursive=True))
        self.failureResultOf(self.key("/c/d/x").get(), KeyNotFound)
        self.assertEqual(self.below.gets, [])

    def test_keys_elsewhere_are_asked_below(self):
        self.fill("/ca", "/other")
        self.done(self.asked("/ca"))
        self.done(self.asked("/"))
        self.done(self.asked("/other"))

    def test_a_quorum_read_is_asked_below(self):
        self.done(self.asked("/c/a", quorum=True))

    def test_a_hidden_key_is_asked_below(self):
        self.fill("/c/_h", "/c/_g/x")
        self.done(self.asked("/c/_h"))
        self.done(self.asked("/c/_g/x"))
        self.assertEqual([node.name for node in self.cached(CACHED).nodes], ["a", "d"])

    def test_what_has_a_lease_is_asked_below(self):
        self.done(self.other("/c/d/e/z").set("leased", ttl=60))
        self.done(self.asked("/c/d/e/z"))
        self.done(self.asked("/c/d/e"))
        self.done(self.asked(CACHED, recursive=True))
        self.cached(CACHED)
        self.cached("/c/d")

    def test_a_directory_with_a_lease_is_asked_below_and_what_is_in_it_is_not(self):
        self.done(self.other("/c/l").set(None, ttl=60))
        self.fill("/c/l/x")
        self.done(self.asked("/c/l"))
        self.done(self.asked("/c/l", recursive=True))
        self.done(self.asked(CACHED))
        self.cached("/c/l/x")
        self.clock.advance(61)
        self.failureResultOf(self.key("/c/l/x").get(), KeyNotFound)
        self.cached(CACHED)

    def test_what_is_no_operation_on_a_key_is_asked_below(self):
        answered: Any = Service.mk(lambda _: "3.5.1")
        version: Any = AskVersion()
        self.assertEqual(self.done((self.cache >> answered)(version)), "3.5.1")

    def test_a_wait_is_asked_below(self):
        waiting = self.key("/c/a").get(wait=True)
        self.assertNoResult(waiting)
        self.done(self.other("/c/a").set("new"))
        self.assertEqual(self.done(waiting).node.text, "new")

    def test_a_deep_tree_is_answered(self):
        path = CACHED + "/d" * 1500
        self.fill(path)
        node = self.cached("/c/d/d", recursive=True)
        for _ in range(1498):
            (node,) = node.nodes
        self.assertEqual(node.key, path)

    def test_an_answer_comes_at_once_and_cannot_be_cancelled(self):
        answer = self.key("/c/a").get()
        answer.cancel()
        self.assertEqual(self.done(answer).node.text, "/c/a")


class KeyTests(Case):
    def test_a_key_that_is_no_directory_can_be_cached(self):
        self.fill("/c")
        self.warm()
        self.assertEqual(self.cached("/c").text, "/c")
        self.failureResultOf(self.key("/c/x").get(), NotDir)

    def test_a_key_missing_with_all_above_it_is_asked_below(self):
        cache = Cache("/x/y", self.clock)
        session = Session(cache >> self.below, self.clock)
        for _ in range(2):
            error = self.failureResultOf(session(Get("/x/y/z")), KeyNotFound).value
            self.assertEqual(error.cause, "/x")
        self.assertEqual(len(self.below.gets), 2)
        self.fill("/x/y/z")
        self.done(session(Get("/x/y/z")))
        self.assertEqual(len(self.below.gets), 2)

    def test_the_whole_store_can_be_cached(self):
        self.fill()
        cache = Cache("/", self.clock)
        session = Session(cache >> self.below, self.clock)
        self.done(session(Get("/")))
        self.assertEqual(self.done(session(Get("/"))).node.nodes[0].key, "/c")
        self.assertEqual(self.done(session(Get("/c/a"))).node.text, "/c/a")
        error = self.failureResultOf(session(Get("/n")), KeyNotFound).value
        self.assertEqual(error.cause, "/n")
        self.assertEqual(self.below.gets, [])

    def test_the_path_is_checked(self):
        self.assertRaises(ValueError, Cache, "/a//b", self.clock)
        self.assertRaises(TypeError, Cache, None, self.clock)
        self.assertEqual(repr(Cache("a/", self.clock)), "<Cache of '/a': not asked yet>")


class WatchTests(Case):
    def test_the_watch_is_begun_by_the_first_get_that_it_could_answer(self):
        self.fill()
        self.done(self.key("/c/a").get(quorum=True))
        self.done(self.key("/other").set("x"))
        self.done(self.key("/c/b").set("x"))
        self.assertEqual((self.below.watch_reads, self.memory.waiting), (0, ()))
        self.done(self.key("/c/a").get())
        self.assertEqual((self.below.watch_reads, len(self.memory.waiting)), (1, 1))

    def test_gets_are_asked_below_until_the_tree_is_known(self):
        self.fill()
        self.memory.pause()
        waiting = self.key("/c/a").get()
        self.assertEqual(len(self.below.gets), 1)
        self.memory.resume()
        self.assertEqual(self.done(waiting).node.text, "/c/a")
        self.cached("/c/a")

    def outage(self, seconds: float) -> None:
        """Let the server be away for so long, and the watch find it again."""
        self.fill()
        self.warm()
        # One that has followed a change can go on by history.
        self.fill("/c/a")
        self.memory.kill()
        self.failureResultOf(self.asked("/c/a"), NotSent)
        for _ in range(100):
            self.clock.advance(seconds / 100)
        self.memory.start()
        self.done(self.asked("/c/a"))
        for _ in range(100):
            self.clock.advance(seconds / 50)

    def test_gets_are_asked_below_while_the_watch_is_not_live(self):
        self.outage(BOUND / 10)
        self.cached("/c/a")
        self.assertEqual(self.below.watch_reads, 1)

    def test_after_a_long_outage_everything_is_read_anew(self):
        self.outage(BOUND * 1.1)
        self.assertEqual(self.below.watch_reads, 1)
        self.cached("/c/a")
        self.assertEqual(self.below.watch_reads, 2)

    def test_when_the_schedule_has_ended_everything_is_asked_below(self):
        self.fill()
        self.cache = Cache(CACHED, self.clock, backoff=[0.1])
        self.session = Session(self.cache >> self.below, self.clock)
        self.warm()
        self.memory.kill()
        self.clock.advance(0.2)
        self.memory.start()
        self.done(self.asked("/c/a"))
        self.done(self.asked("/c/a"))
        self.assertIn("ended", repr(self.cache))

    def test_the_watch_knows_nothing_of_the_one_who_began_it(self):
        seen: list[tuple[str, str]] = []

        def apply(request: Any, service: Service[Op, NodeOp]) -> Deferred[NodeOp]:
            seen.append((CALLER.get(), "watch" if request.quorum or request.wait else "get"))
            return service(request)

        session = Session(self.cache >> Filter.mk(apply) >> self.below, self.clock)
        self.memory.pause()
        context = copy_context()
        context.run(CALLER.set, "somebody")
        context.run(session, Get("/c/a")).addErrback(lambda _: None)
        self.memory.resume()
        self.assertEqual(seen, [("nobody", "watch"), ("somebody", "get"), ("nobody", "watch")])

    def test_a_store_that_lost_its_data_is_read_anew(self):
        self.fill()
        self.warm()
        self.done(self.key("/c/a").set("new"))
        self.cached("/c/a")
        self.memory.restart(wipe=True)
        self.fill("/c/b")
        for _ in range(100):
            self.clock.advance(0.01)
        self.failureResultOf(self.key("/c/a").get(), KeyNotFound)
        self.below.gets.clear()
        self.cached("/c/b")

    def test_another_service_is_asked_as_if_there_were_no_cache(self):
        self.fill()
        self.warm()
        other = Counted(v2.Keys() >> self.memory)
        session = Session(self.cache >> other, self.clock)
        for _ in range(2):
            self.done(session(Get("/c/a")))
        self.assertEqual(len(other.gets), 2)
        self.done(session.close())
        self.assertEqual((other.closed, self.below.closed), (1, 0))
        self.cached("/c/a")

    def test_closing_ends_the_watch_and_closes_the_service(self):
        self.fill()
        self.warm()
        self.done(self.session.close())
        self.assertEqual((self.memory.waiting, self.below.closed), ((), 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closing_one_that_was_never_asked_closes_the_service(self):
        self.done((self.cache >> self.below).close())
        self.assertEqual(self.below.closed, 1)

    def test_after_closing_the_service_below_has_the_word(self):
        self.fill()
        self.warm()
        service = self.cache >> self.below
        self.done(service.close())
        self.done(service(Get("/c/a")))
        self.assertEqual(len(self.below.gets), 1)
        self.assertEqual((self.memory.waiting, self.clock.getDelayedCalls()), ((), []))

    def test_the_status_is_that_of_the_service(self):
        self.assertIs((self.cache >> self.below).status, Status.BUSY)

    def test_the_repr_tells_the_state(self):
        self.fill()
        self.assertEqual(repr(self.cache), "<Cache of '/c': not asked yet>")
        self.warm()
        self.assertIn("<Cache of '/c': <WatchedTree of '/c', recursive: live, ", repr(self.cache))


class Held(Service[Op, NodeOp]):
    """Keeps the answers to waits back, as a slow network does, until it is told."""

    def __init__(self, service: Service[Op, NodeOp]) -> None:
        self._service = service
        self._kept: list[tuple[Deferred[NodeOp], Any]] = []
        self.holds = False

    def apply(self, request: Op) -> Deferred[NodeOp]:
        outcome = self._service(request)
        if not isinstance(request, Get) or not request.wait:
            return outcome
        late: Deferred[NodeOp] = Deferred(lambda _: outcome.cancel())
        outcome.addBoth(self._keep, late)
        return late

    def _keep(self, outcome: Any, late: Deferred[NodeOp]) -> None:
        if self.holds:
            self._kept.append((late, outcome))
        elif not late.called:
            late.callback(outcome)

    def release(self) -> None:
        self.holds = False
        while self._kept:
            late, outcome = self._kept.pop(0)
            if not late.called:
                late.callback(outcome)


class OwnWriteTests(Case):
    """What the watch is told is kept back, so that only a cache that counts is right."""

    def setUp(self) -> None:
        super().setUp()
        self.held = Held(self.below)
        self.session = Session(self.cache >> self.held, self.clock)
        self.fill()
        self.warm()
        self.held.holds = True

    def test_after_a_write_no_older_tree_answers(self):
        self.done(self.key("/c/a").set("mine"))
        self.assertEqual(self.done(self.asked("/c/a")).node.text, "mine")
        self.done(self.asked("/c/d"))
        self.held.release()
        self.assertEqual(self.cached("/c/a").text, "mine")

    def test_the_same_holds_of_every_kind_of_write(self):
        for write in (
            lambda: self.key("/c/a").compare_and_swap("new", prev_value="/c/a"),
            lambda: self.key("/c/new").create("x"),
            lambda: self.key("/c/d").create_in_order("x"),
            lambda: self.key("/c/a").compare_and_delete(prev_value="new"),
            lambda: self.key("/c/d").delete(recursive=True),
            lambda: self.key("/c").delete(recursive=True),
        ):
            self.done(write())
            self.asked("/c/a").addErrback(lambda _: None)
            self.held.release()
            self.held.holds = True

    def test_a_directory_above_that_is_deleted_counts_too(self):
        cache = Cache("/c/d", self.clock)
        session = Session(cache >> self.held, self.clock)
        self.held.holds = False
        self.done(session(Get("/c/d/x")))
        self.held.holds = True
        self.done(Key("/c", session).delete(recursive=True))
        self.failureResultOf(session(Get("/c/d/x")), KeyNotFound)

    def test_a_write_elsewhere_does_not_count(self):
        self.done(self.key("/elsewhere").set("x"))
        self.failureResultOf(self.key("/other").delete(), KeyNotFound)
        self.cached("/c/a")

    def test_a_write_that_was_refused_counts_by_the_index_of_the_refusal(self):
        self.done(self.other("/c/a").set("theirs"))
        swap = self.key("/c/a").compare_and_swap("mine", prev_value="/c/a")
        self.failureResultOf(swap, TestFailed)
        self.assertEqual(self.done(self.asked("/c/a")).node.text, "theirs")
        self.held.release()
        self.cached("/c/a")

    def test_a_write_that_was_not_sent_does_not_count(self):
        self.memory.refuse()
        self.failureResultOf(self.key("/c/a").set("x"), NotSent)
        self.cached("/c/a")

    def test_after_a_wait_that_told_of_a_change_no_older_tree_answers(self):
        waiting = Session(self.cache >> self.below, self.clock)(Get("/c/a", wait=True))
        self.done(self.other("/c/a").set("theirs"))
        self.done(waiting)
        self.assertEqual(self.done(self.asked("/c/a")).node.text, "theirs")
        self.held.release()
        self.cached("/c/a")

    def test_a_wait_elsewhere_does_not_count(self):
        for path in ("/e", "/c/_h"):
            waiting = Session(self.cache >> self.below, self.clock)(Get(path, wait=True))
            self.done(self.other(path).set("theirs"))
            self.done(waiting)
            self.cached("/c/a")

    def test_after_a_write_above_whose_outcome_is_unknown_the_tree_is_read_anew(self):
        cache = Cache("/c/d", self.clock)
        session = Session(cache >> self.below, self.clock)
        self.done(session(Get("/c/d/x")))
        reads = self.below.watch_reads
        self.memory.swallow_replies()
        Key("/c", session).delete(recursive=True).addErrback(lambda _: None).cancel()
        self.memory.heal()
        self.failureResultOf(session(Get("/c/d/x")), KeyNotFound)
        self.assertEqual(self.below.watch_reads, reads + 1)

    def test_an_older_write_that_is_answered_later_takes_nothing_back(self):
        replica = Replica(self.held, CACHED, self.clock, DEFAULT_BACKOFF)
        self.held.holds = False
        tree = replica.tree()
        assert tree is not None
        replica.at_least(tree.index + 1)
        replica.at_least(tree.index)
        self.assertIsNone(replica.tree())

    def refuse(self) -> None:
        """Have a write refused at an index that the watch hears nothing of."""
        self.fill("/elsewhere")
        self.failureResultOf(self.key("/c/a").create("x"), ApiError)

    def test_an_index_that_is_never_told_of_does_not_end_the_cache(self):
        self.clock.advance(10 * BOUND)
        self.done(self.key("/c/a").set("x"))
        self.held.release()
        self.cached("/c/a")
        reads = self.below.watch_reads
        self.refuse()
        self.done(self.asked("/c/a"))
        self.clock.advance(BOUND - 1)
        self.done(self.asked("/c/a"))
        self.assertEqual(self.below.watch_reads, reads)
        self.refuse()
        self.clock.advance(2)
        self.done(self.asked("/c/a"))
        self.cached("/c/a")
        self.assertEqual(self.below.watch_reads, reads + 1)


class UnseenWriteTests(Case):
    """Writes of which the watch is not told."""

    def setUp(self) -> None:
        super().setUp()
        self.fill()
        self.done(self.other("/c/leased").set("v", ttl=60))
        self.warm()

    def test_a_refresh_of_what_has_a_lease_changes_no_answer(self):
        before = self.below.watch_reads
        for _ in range(3):
            self.done(self.key("/c/leased").refresh(60))
            self.cached("/c/a")
        self.assertEqual(self.below.watch_reads, before)
        leased = self.done(self.asked("/c/leased"))
        self.assertEqual(leased.node.modified_index, self.memory.index)

    def test_after_a_refresh_of_what_had_none_the_tree_is_read_anew(self):
        self.done(self.key("/c/a").refresh(60))
        found = self.done(self.asked("/c/a"))
        self.assertEqual(found.node.lease.ttl.total_seconds(), 60)
        self.assertEqual(self.below.watch_reads, 2)
        self.done(self.asked("/c/a"))
        self.cached("/c/d")
        self.done(self.key("/c/a").refresh(60))
        self.assertEqual(self.below.watch_reads, 2)

    def test_a_refresh_elsewhere_changes_no_answer(self):
        self.fill("/elsewhere")
        self.done(self.key("/elsewhere").refresh(60))
        self.cached("/c/a")
        self.assertEqual(self.below.watch_reads, 1)

    def test_a_hidden_key_in_a_known_directory_changes_no_answer(self):
        self.done(self.key("/c/d/_lock").set("x"))
        self.done(self.key("/c/_x/y").set("x"))
        self.done(self.key("/c/d/_lock").delete())
        self.cached("/c/d")
        self.assertEqual(self.below.watch_reads, 1)

    def test_a_hidden_key_in_a_new_directory_makes_it_known(self):
        self.done(self.key("/c/new/_lock").set("x"))
        self.assertEqual(self.cached("/c/new"), self.done(self.other("/c/new").get()).node)
        self.assertEqual(self.below.watch_reads, 2)

    def test_before_the_tree_is_known_a_refresh_is_in_what_is_read(self):
        self.memory.pause()
        cache = Cache(CACHED, self.clock)
        session = Session(cache >> self.below, self.clock)
        asked = session(Get("/c/leased"))
        refreshed = Key("/c/a", session).refresh(60)
        self.memory.resume()
        self.done(asked)
        found = self.done(refreshed).node
        self.assertEqual(self.done(session(Get("/c/a"))).node.modified_index, found.modified_index)

    def test_after_a_write_whose_outcome_is_unknown_the_tree_is_read_anew(self):
        self.memory.swallow_replies()
        waiting = self.key("/c/a").set("perhaps")
        self.memory.cut_all()
        self.failureResultOf(waiting, AmbiguousWrite)
        self.memory.heal()
        self.assertEqual(self.cached("/c/a").text, "perhaps")
        self.assertEqual(self.below.watch_reads, 2)

    def test_after_a_write_that_was_cancelled_the_tree_is_read_anew(self):
        self.memory.swallow_replies()
        waiting = self.key("/c/a").set("perhaps")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.memory.heal()
        self.assertEqual(self.cached("/c/a").text, "perhaps")
        self.assertEqual(self.below.watch_reads, 2)

    def test_after_a_write_that_failed_in_any_other_way_the_tree_is_read_anew(self):
        def fail(request: Any, service: Service[Op, NodeOp]) -> Deferred[NodeOp]:
            if request.is_write:
                raise RuntimeError
            return service(request)

        service = Cache(CACHED, self.clock) >> Filter.mk(fail) >> self.below
        self.done(service(Get("/c/a")))
        asked = self.below.watch_reads
        self.failureResultOf(service(Set("/other", "x")), RuntimeError)
        self.done(service(Get("/c/a")))
        self.assertEqual(self.below.watch_reads, asked)
        self.failureResultOf(service(Set("/c/a", "x")), RuntimeError)
        self.done(service(Get("/c/a")))
        self.assertEqual(self.below.watch_reads, asked + 1)

    def test_a_watch_that_was_given_up_leaves_nothing_behind(self):
        self.assertEqual(len(self.memory.waiting), 1)
        self.done(self.key("/c/a").refresh(60))
        self.done(self.asked("/c/a"))
        self.clock.advance(0)
        self.assertEqual(len(self.memory.waiting), 1)
        self.done(self.session.close())
        self.assertEqual(self.clock.getDelayedCalls()[1:], [])


# --- the same as etcd ----------------------------------------------------------

NAMES = ["a", "b", "_h"]

paths = st.lists(st.sampled_from(NAMES), max_size=3).map(
    lambda names: "/".join([CACHED, *names])
)
kinds = st.sampled_from(
    ["set", "set", "mkdir", "create", "in_order", "delete", "rmdir", "leased", "refresh"]
)
steps = st.lists(st.tuples(st.booleans(), kinds, paths), min_size=1, max_size=20)
CHECKED = [
    "/".join([CACHED, *names])
    for length in range(3)
    for names in itertools.product(["a", "b"], repeat=length)
] + [f"{CACHED}/_h", f"{CACHED}/a/_h/b"]


def do(kind: str, key: Key, n: int) -> Deferred[NodeOp]:
    """One of the steps."""
    return {
        "set": lambda: key.set(f"v{n}"),
        "mkdir": lambda: key.set(None),
        "create": lambda: key.create(f"v{n}"),
        "in_order": lambda: key.create_in_order(f"v{n}"),
        "delete": key.delete,
        "rmdir": lambda: key.delete(recursive=True),
        "leased": lambda: key.set(f"v{n}", ttl=1000),
        "refresh": lambda: key.refresh(2000),
    }[kind]()


def may(kind: str, path: str, mine: bool) -> bool:
    """Whether the cache follows it: others must do nothing that no watcher is told of."""
    return mine or not (kind == "refresh" or "/_" in path)


def told(outcome: Any) -> Any:
    """What is to be the same of an answer: not the state, the order, or a lease's rest."""
    if isinstance(outcome, ApiError):
        return outcome.code, outcome.message, outcome.cause
    assert isinstance(outcome, NodeOp), outcome
    return outcome.action, in_order(outcome.node), outcome.prev_node


def in_order(node: Node) -> Any:
    lease = node.lease and node.lease.expiration
    fields = (node.key, node.modified_index, node.created_index, lease)
    if isinstance(node, Data):
        return (*fields, node.value)
    return (*fields, sorted(map(in_order, node.nodes)))


class ContractTests(SynchronousTestCase):
    @given(steps)
    @settings(max_examples=60, deadline=None)
    def test_every_answer_is_that_of_etcd(self, done):
        case = Case("key")
        case.setUp()
        case.warm()
        for n, (mine, kind, path) in enumerate(done):
            if may(kind, path, mine):
                key = case.key(path) if mine else case.other(path)
                do(kind, key, n).addErrback(lambda _: None)
            for checked, recursive in itertools.product(CHECKED, [False, True]):
                found, expected = (
                    self.outcome(each(checked).get(recursive)) for each in (case.key, case.other)
                )
                self.assertEqual(told(found), told(expected), checked)

    def outcome(self, asked: Deferred[NodeOp]) -> Any:
        outcome: list[Any] = []
        asked.addBoth(outcome.append)
        return getattr(outcome[0], "value", outcome[0])
