"""A key: the operation that each method asks for, and what bad input gets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Action, Backoff, Data, Etcd, NodeOp, Service, State
from txetcd.keys.events import DEFAULT_BACKOFF
from txetcd.model import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Refresh,
    Set,
)

ANSWER = NodeOp(Action.GET, Data("/a", 1, 1, None, b"1"), State(1))


class Case(SynchronousTestCase):
    def setUp(self):
        self.asked: list = []

        def service(op):
            self.asked.append(op)
            return ANSWER

        self.etcd = Etcd(Service.mk(service), clock=Clock())
        self.key = self.etcd.key("/a")


class OperationTests(Case):
    def test_each_method_asks_for_its_operation_and_fires_with_the_answer(self):
        key = self.key
        for asked, op in [
            (key.get(), Get("/a")),
            (key.get(True, quorum=True, sorted=True), Get("/a", True, quorum=True, sorted=True)),
            (key.get(wait=True, wait_index=7), Get("/a", wait=True, wait_index=7)),
            (key.set("ü"), Set("/a", b"\xc3\xbc")),
            (key.set(None), Set("/a", None)),
            (key.set(b"", ttl=0.1, prev_exist=True), Set("/a", b"", 1, True)),
            (key.create("1", timedelta(seconds=2)), Create("/a", b"1", 2)),
            (key.create_in_order(b"1", 0), CreateInOrder("/a", b"1", 0)),
            (
                key.compare_and_swap("2", 5, "1", ttl=3),
                CompareAndSwap("/a", b"2", 5, b"1", True, 3),
            ),
            (
                key.compare_and_swap("2", prev_exist=False),
                CompareAndSwap("/a", b"2", None, None, False),
            ),
            (key.compare_and_delete(prev_value="1"), CompareAndDelete("/a", None, b"1")),
            (key.delete(recursive=True), Delete("/a", False, True)),
            (key.delete(dir=True), Delete("/a", True)),
            (key.refresh(10), Refresh("/a", 10)),
        ]:
            self.assertIs(self.successResultOf(asked), ANSWER)
            self.assertEqual(self.asked.pop(0), op)
        self.assertEqual(self.asked, [])

    def test_bad_input_fails_the_deferred_names_itself_and_asks_for_nothing(self):
        key = self.key
        for asked, named in [
            (key.set("x", ttl=-1), "-1"),
            (key.set("x", ttl=float("nan")), "nan"),
            (key.set("x", ttl=8_000_000_000), "8000000000"),
            (key.set("x", ttl=timedelta(seconds=-0.5)), "timedelta(days=-1"),
            (key.set("\ud800"), "\\ud800"),
            (key.compare_and_swap("x"), "/a has no condition"),
            (key.compare_and_swap("x", prev_index=0), "prev_index=0"),
            (key.compare_and_swap("x", prev_index=-3), "-3"),
            (key.compare_and_swap("x", prev_index=5, prev_exist=False), "prev_exist=False"),
            (key.compare_and_delete(), "/a has no condition"),
            (key.refresh(0), "0"),
            (key.get(wait=True, wait_index=2**64), "18446744073709551616"),
            (key.get(wait_index=5), "wait_index=5"),
            (key.get(wait=True, quorum=True), "quorum=True"),
        ]:
            self.assertIn(named, str(self.failureResultOf(asked, ValueError).value))
        self.assertEqual(self.asked, [])

    def test_arguments_of_a_wrong_type_fail_the_deferred_and_ask_for_nothing(self):
        key: Any = self.key
        for asked in [
            key.set(5),
            key.set("x", ttl="5"),
            key.set("x", ttl=True),
            key.refresh(None),
            key.compare_and_swap(None, prev_index=1),
            key.compare_and_swap("x", prev_index="5"),
        ]:
            self.failureResultOf(asked, TypeError, ValueError)
        self.assertEqual(self.asked, [])

    def test_cancelling_reaches_the_service(self):
        cancelled: list = []
        etcd = Etcd(Service.mk(lambda op: Deferred(cancelled.append)), clock=Clock())
        asked = etcd.key("/a").get()
        asked.cancel()
        self.failureResultOf(asked)
        self.assertEqual(len(cancelled), 1)


class PathTests(Case):
    def test_a_key_below_is_named_by_a_relative_path(self):
        for below in (self.key / "b", self.key.key("b"), self.key / "/b/", self.etcd.key("a/b/")):
            self.assertEqual(below.path, "/a/b")
        self.assertEqual((self.key / "b/c").path, "/a/b/c")
        self.assertEqual((self.etcd.key("/") / "b").path, "/b")

    def test_a_path_that_cannot_name_a_key_is_refused_and_named(self):
        for path in ("", "//", "a//b", "/a/../b", ".", "..", "a/./b", "a\0b", "\ud800"):
            for make in (self.etcd.key, self.key.key, self.key.__truediv__):
                error = self.assertRaises(ValueError, make, path)
                self.assertIn(repr(path), str(error))
        self.assertRaises(ValueError, self.key.key, "/")
        self.assertRaises(TypeError, self.etcd.key, b"/a")

    def test_any_other_text_names_a_key(self):
        for path in ("/a b", "/%2F", "/?#&;=+", "/é/日本", "/...", "/_hidden", "/a\n"):
            self.assertEqual(self.etcd.key(path).path, path)

    def test_keys_are_equal_by_path_and_client(self):
        self.assertEqual(self.key / "b", self.etcd.key("/a/b"))
        self.assertEqual(len({self.key / "b", self.etcd.key("/a/b")}), 1)
        self.assertNotEqual(self.key, Etcd(Service.mk(lambda op: ANSWER), clock=Clock()).key("/a"))
        self.assertNotEqual(self.key, "/a")
        self.assertEqual(repr(self.key), "Key('/a')")


class EventsTests(Case):
    def test_the_default_schedule_is_from_10_ms_to_10_minutes_for_ever(self):
        self.assertEqual(repr(DEFAULT_BACKOFF), "Backoff.exponential_jittered(0.01, 600.0)")

    def test_the_schedule_may_be_any_iterable(self):
        events = self.key.events(recursive=True, backoff=[1, 2])
        self.assertEqual(repr(events), "<KeyEvents of '/a', recursive>")
        self.assertEqual(list(events._backoff), [1.0, 2.0])
        self.assertRaises(TypeError, self.key.events, backoff=5)
        self.assertIsInstance(self.key.events()._backoff, Backoff)
