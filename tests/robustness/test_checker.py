"""The checker of histories: it finds each kind of wrong, and nothing where all is right."""

from __future__ import annotations

import random
import unittest
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from tests.robustness.cluster.checker import check
from tests.robustness.cluster.history import Call, History, Replay, index_shown
from tests.robustness.cluster.matching import unmatched
from tests.robustness.cluster.plain import Answer
from tests.robustness.cluster.planted import PLANTS, TESTED
from tests.robustness.cluster.simulation import Client, simulate
from tests.robustness.cluster.store import KeyStore, Refusal
from tests.robustness.cluster.traffic import KINDS, kind_of
from tests.robustness.cluster.truth import Truth, read_change
from tests.robustness.cluster.violation import Kind
from txetcd import (
    Action,
    AmbiguousWrite,
    ApiError,
    Data,
    KeyNotFound,
    NodeExist,
    NodeOp,
    NotSent,
    RequestTimedOut,
    State,
    TestFailed,
)
from txetcd.model import CompareAndDelete, CompareAndSwap, CreateInOrder, Delete, Get, Op, Set


class Book:
    """A client that does all right, and the history that it makes, by a few words."""

    def __init__(self) -> None:
        self.store = KeyStore()
        self.calls: list[Call] = []
        self.changes: list[NodeOp] = []
        self.floor = 0

    def history(self, **changes: Any) -> History:
        told: list[Any] = [KeyNotFound(100, index=3), *self.changes]
        return attrs.evolve(History(self.calls, self.changes, told), **changes)

    def carry_out(self, op: Op) -> Any:
        """Let the server do it, and tell nobody."""
        try:
            document = self.store.carry_out(*_asked(op))
        except Refusal as refusal:
            told: Any = refusal.document
            return ApiError(told["errorCode"], told["message"], index=told["index"])
        answer = read_change(document, self.store.index)
        if answer.action is not Action.GET:
            self.changes.append(answer)
        return answer

    def note(self, op: Op, outcome: NodeOp | BaseException | None) -> Any:
        """Note that the client said this of an operation."""
        began = len(self.calls) + 1
        call = Call(op, self.floor, began, None if outcome is None else began, outcome)
        self.calls.append(call)
        self.floor = max(self.floor, index_shown(outcome))
        return call

    def ask(self, op: Op) -> Any:
        """Do it, and note what became of it."""
        return self.note(op, self.carry_out(op))

    def lose(self, op: Op) -> Any:
        """Do it, and note that its outcome is unknown."""
        self.carry_out(op)
        return self.note(op, AmbiguousWrite(op))


def _asked(op: Op) -> tuple[str, str, dict[str, str]]:
    """What an operation is in HTTP, by hand."""
    if isinstance(op, Get):
        return "GET", op.path, {}
    if isinstance(op, CreateInOrder):
        return "POST", op.path, {"value": (op.value or b"").decode()}
    fields: dict[str, str] = {}
    if isinstance(op, (Set, CompareAndSwap)):
        fields["value"] = (op.value or b"").decode()
    if isinstance(op, (CompareAndSwap, CompareAndDelete)):
        if op.prev_index is not None:
            fields["prevIndex"] = str(op.prev_index)
        if op.prev_value is not None:
            fields["prevValue"] = op.prev_value.decode()
    if isinstance(op, CompareAndSwap):
        fields["prevExist"] = str(op.prev_exist).lower()
    return "DELETE" if isinstance(op, (Delete, CompareAndDelete)) else "PUT", op.path, fields


class Case(SynchronousTestCase):
    def setUp(self):
        self.book = Book()

    def kinds(self, **changes):
        """What the client did wrong, without repetition."""
        found = check(self.book.history(**changes))
        return sorted({violation.kind.value for violation in found})

    def assertRight(self, **changes):
        self.assertEqual(check(self.book.history(**changes)), [])


class WritesTests(Case):
    def test_nothing_is_right(self):
        self.assertEqual(check(History(told=[KeyNotFound(100, index=3)])), [])

    def test_what_was_done_and_told_is_right(self):
        for op in (
            Set("/r/a", "1"),
            Get("/r/a"),
            Get("/r/a", quorum=True),
            CompareAndSwap("/r/a", "2", prev_value="1"),
            CompareAndSwap("/r/a", "3", prev_value="1"),
            CompareAndSwap("/r/b", "4", prev_exist=False),
            CompareAndSwap("/r/b", "5", prev_exist=False),
            CreateInOrder("/r/queue", "6"),
            Delete("/r/a"),
            Delete("/r/a"),
            Get("/r/a", quorum=True),
            CompareAndDelete("/r/b", prev_index=6),
        ):
            self.book.ask(op)
        self.assertRight()

    def test_an_acknowledged_write_that_is_not_there_is_lost(self):
        for op in (Set("/r/a", "1"), CreateInOrder("/r/q", "2"), Delete("/r/a")):
            with self.subTest(op=op):
                self.book.ask(op)
                change = self.book.changes.pop()
                told = [KeyNotFound(100, index=3), *self.book.changes]
                self.assertEqual(self.kinds(told=told), ["lost"])
                self.book.changes.append(change)

    def test_a_write_that_is_there_twice_is_doubled(self):
        self.book.ask(Set("/r/a", "1"))
        self.book.carry_out(Set("/r/a", "1"))
        self.assertEqual(self.kinds(), ["doubled"])

    def test_an_ambiguous_write_is_there_once_or_not_at_all(self):
        op = Set("/r/a", "1")
        self.book.note(op, AmbiguousWrite(op))
        self.assertRight()
        self.book.carry_out(op)
        self.assertRight()
        self.book.carry_out(op)
        self.assertEqual(self.kinds(), ["doubled"])

    def test_a_write_that_failed_for_certain_is_not_there(self):
        for number, error in enumerate(
            (NotSent(), RequestTimedOut(1, possibly_applied=False), TestFailed(101, index=0))
        ):
            self.book = Book()
            op = Set("/r/a", str(number))
            self.book.note(op, error)
            self.assertRight()
            self.book.carry_out(op)
            self.assertEqual(self.kinds(), ["misreported"])

    def test_the_answer_is_what_happened_there(self):
        self.book.ask(Set("/r/a", "1"))
        self.book.ask(Set("/r/a", "2"))
        answer: Any = self.book.calls[-1].outcome
        node = answer.node
        for wrong in (
            attrs.evolve(answer, prev_node=None),
            attrs.evolve(answer, action=Action.CREATE),
            attrs.evolve(answer, node=attrs.evolve(node, value=b"1")),
            attrs.evolve(answer, node=attrs.evolve(node, key="/r/b")),
            attrs.evolve(answer, node=attrs.evolve(node, created_index=4)),
        ):
            calls = [self.book.calls[0], attrs.evolve(self.book.calls[1], outcome=wrong)]
            self.assertEqual(self.kinds(calls=calls), ["misreported"])

    def test_the_index_that_is_told_is_the_one_at_which_it_happened(self):
        self.book.ask(Set("/r/a", "1"))
        call = self.book.ask(Set("/r/a", "2"))
        wrong = attrs.evolve(call.outcome, node=attrs.evolve(call.outcome.node, modified_index=4))
        calls = [self.book.calls[0], attrs.evolve(call, outcome=wrong)]
        self.assertEqual(self.kinds(calls=calls), ["misreported"])

    def test_two_calls_did_not_make_one_change(self):
        """As where a write of one is taken for another's, which is the same in all else."""
        op = Delete("/r/a")
        self.book.ask(Set("/r/a", "1"))
        call = self.book.ask(op)
        self.book.calls.append(attrs.evolve(call, began=9))
        self.assertEqual(self.kinds(), ["misreported"])

    def test_an_acknowledged_write_was_made_after_it_was_asked(self):
        self.book.ask(Set("/r/a", "1"))
        calls = [attrs.evolve(self.book.calls[0], floor=4)]
        self.assertEqual(self.kinds(calls=calls), ["misreported"])

    def test_a_condition_held_where_it_was_acknowledged(self):
        self.book.ask(Set("/r/a", "1"))
        call = self.book.ask(CompareAndSwap("/r/a", "2", prev_value="1"))
        for op in (
            CompareAndSwap("/r/a", "2", prev_value="0"),
            CompareAndSwap("/r/a", "2", prev_index=3),
        ):
            calls = [self.book.calls[0], attrs.evolve(call, op=op)]
            self.assertEqual(self.kinds(calls=calls), ["misreported"])

    def test_a_key_that_was_to_be_new_was_new(self):
        self.book.ask(Set("/r/a", "1"))
        self.book.carry_out(Set("/r/a", "2"))
        op = CompareAndSwap("/r/a", "2", prev_exist=False)
        self.book.note(op, attrs.evolve(self.book.changes[-1], action=Action.CREATE))
        self.assertEqual(self.kinds(), ["misreported"])

    def test_a_condition_did_not_hold_where_it_was_refused(self):
        self.book.ask(Set("/r/a", "1"))
        refused = (
            (CompareAndSwap("/r/a", "2", prev_value="1"), TestFailed(101, index=4)),
            (CompareAndSwap("/r/a", "2", prev_index=4), KeyNotFound(100, index=4)),
            (CompareAndSwap("/r/b", "2", prev_exist=False), NodeExist(105, index=4)),
            (CompareAndDelete("/r/a", prev_index=4), TestFailed(101, index=4)),
            (CompareAndDelete("/r/b", prev_index=4), TestFailed(101, index=4)),
            (Delete("/r/a"), KeyNotFound(100, index=4)),
            (Set("/r/a", "3"), ApiError(108, index=4)),
        )
        first = list(self.book.calls)
        for op, error in refused:
            self.book.calls = [*first]
            self.book.note(op, error)
            self.assertEqual(self.kinds(), ["misreported"], op)

    def test_a_refusal_is_not_older_than_what_was_known(self):
        self.book.ask(Set("/r/a", "1"))
        self.book.ask(Delete("/r/a"))
        self.book.ask(Set("/r/a", "2"))
        self.book.note(Delete("/r/a"), KeyNotFound(100, index=5))
        self.assertEqual(self.kinds(), ["misreported"])

    def test_keys_in_order_have_names_that_grow_with_the_index(self):
        call = self.book.ask(CreateInOrder("/r/q", "1"))
        for key in ("/r/q/3", "/r/q/x", "/r/other/00000000000000000004"):
            node = attrs.evolve(call.outcome.node, key=key)
            told = attrs.evolve(call.outcome, node=node)
            found = self.kinds(
                calls=[attrs.evolve(call, outcome=told)],
                changes=[told],
                told=[KeyNotFound(100, index=3), told],
            )
            self.assertEqual(found, ["misreported"], key)


class RemovalsTests(Case):
    """A removal has no value, so it does not say whose it is."""

    def setUp(self):
        super().setUp()
        self.book.ask(Set("/r/a", "1"))

    def test_an_ambiguous_delete_may_have_been_made(self):
        self.book.note(Delete("/r/a"), AmbiguousWrite(None))
        self.assertRight()
        self.book.carry_out(Delete("/r/a"))
        self.assertRight()

    def test_each_removal_needs_an_ambiguous_delete_of_its_own(self):
        self.book.lose(Delete("/r/a"))
        self.book.ask(Set("/r/a", "2"))
        self.assertRight()
        self.book.carry_out(Delete("/r/a"))
        self.assertEqual(self.kinds(), ["doubled"])

    def test_an_acknowledged_delete_that_was_made_twice_is_doubled(self):
        self.book.ask(Delete("/r/a"))
        self.book.ask(Set("/r/a", "2"))
        self.book.carry_out(Delete("/r/a"))
        self.assertEqual(self.kinds(), ["doubled"])

    def test_a_delete_that_was_refused_and_made_is_misreported(self):
        """As where it is sent again, and the second time there is nothing left."""
        self.book.carry_out(Delete("/r/a"))
        self.book.note(Delete("/r/a"), KeyNotFound(100, index=5))
        self.assertEqual(self.kinds(), ["misreported"])

    def test_an_ambiguous_delete_explains_only_what_came_after_it_was_asked(self):
        self.book.carry_out(Delete("/r/a"))
        self.book.ask(Get("/r/a"))
        self.assertEqual(self.book.floor, 5)
        self.book.note(Delete("/r/a"), AmbiguousWrite(None))
        self.assertEqual(self.kinds(), ["doubled"])

    def test_an_ambiguous_delete_explains_only_its_own_key_and_condition(self):
        for op in (Delete("/r/b"), CompareAndDelete("/r/a", prev_index=4)):
            self.book = Book()
            self.book.ask(Set("/r/a", "1"))
            self.book.note(op, AmbiguousWrite(None))
            self.assertRight()
            self.book.carry_out(Delete("/r/a"))
            self.assertEqual(self.kinds(), ["doubled"])

    def test_a_conditional_one_explains_the_removal_that_it_could_make(self):
        self.book.lose(CompareAndDelete("/r/a", prev_index=4))
        self.assertRight()
        calls = [attrs.evolve(call) for call in self.book.calls]
        calls[1] = attrs.evolve(calls[1], op=CompareAndDelete("/r/a", prev_index=3))
        self.assertEqual(self.kinds(calls=calls), ["doubled"])


class ReadsTests(Case):
    def setUp(self):
        super().setUp()
        self.book.ask(Set("/r/a", "1"))
        self.old = self.book.carry_out(Get("/r/a"))
        self.book.ask(Set("/r/a", "2"))

    def test_a_plain_get_may_tell_what_was_once_true(self):
        self.book.note(Get("/r/a"), self.old)
        self.book.note(Get("/r/a"), KeyNotFound(100, index=3))
        self.assertRight()

    def test_a_quorum_get_may_not_tell_what_was_true_before_it_was_asked(self):
        self.book.note(Get("/r/a", quorum=True), self.old)
        self.assertEqual(self.kinds(), ["misreported"])

    def test_nor_that_there_was_nothing(self):
        self.book.note(Get("/r/a", quorum=True), KeyNotFound(100, index=3))
        self.assertEqual(self.kinds(), ["misreported"])

    def test_what_is_told_was_so_at_the_index_that_is_told(self):
        node = self.old.node
        for wrong in (
            attrs.evolve(self.old, etcd=State(5)),
            attrs.evolve(self.old, etcd=State(0)),
            attrs.evolve(self.old, node=attrs.evolve(node, value=b"2")),
            attrs.evolve(self.old, node=attrs.evolve(node, modified_index=5)),
            attrs.evolve(self.old, node=attrs.evolve(node, key="/r/b")),
            KeyNotFound(100, index=4),
        ):
            self.book.calls[2:] = []
            self.book.note(Get("/r/a"), wrong)
            self.assertEqual(self.kinds(), ["misreported"], wrong)

    def test_a_read_that_failed_says_nothing(self):
        for error in (NotSent(), RequestTimedOut(1)):
            self.book.note(Get("/r/a", quorum=True), error)
        self.assertRight()


class RestTests(Case):
    def setUp(self):
        super().setUp()
        for number in range(4):
            self.book.ask(Set("/r/a", str(number)))
        self.told: Any = self.book.history().told

    def test_a_change_that_the_watch_was_not_told_of_is_lost(self):
        self.assertEqual(self.kinds(told=[*self.told[:2], *self.told[3:]]), ["lost"])
        self.assertEqual(self.kinds(told=self.told[:-1]), ["lost"])

    def test_one_that_it_was_told_of_again_is_doubled(self):
        self.assertEqual(self.kinds(told=[*self.told, self.told[-1]]), ["doubled"])

    def test_one_that_did_not_happen_so_is_misreported(self):
        last = attrs.evolve(self.told[-1], prev_node=None)
        self.assertEqual(self.kinds(told=[*self.told[:-1], last]), ["misreported"])
        last = attrs.evolve(last, node=attrs.evolve(last.node, value=b"x"))
        self.assertEqual(self.kinds(told=[*self.told[:-1], last]), ["misreported"])

    def test_a_snapshot_covers_what_came_before_it_if_it_is_right(self):
        node = self.told[3].node
        right = NodeOp(Action.GET, node, State(node.modified_index))
        self.assertRight(told=[self.told[0], right, self.told[4]])
        wrong = attrs.evolve(right, node=attrs.evolve(node, value=b"x"))
        self.assertEqual(self.kinds(told=[self.told[0], wrong, self.told[4]]), ["misreported"])

    def test_a_history_that_does_not_replay_is_found(self):
        changes = [self.book.changes[0], *self.book.changes[2:]]
        found = check(self.book.history(changes=changes, told=[self.told[0], *changes]))
        self.assertTrue(any("does not replay" in each.what for each in found))

    def test_what_nobody_wrote_is_found(self):
        self.book.carry_out(Set("/r/a", "x"))
        self.assertEqual(self.kinds(), ["misreported"])

    def test_a_call_that_never_ended_is_leaked_and_may_have_been_made(self):
        op = Set("/r/a", "x")
        self.book.note(op, None)
        self.assertEqual(self.kinds(), ["leaked"])
        self.book.carry_out(op)
        self.assertEqual(self.kinds(), ["leaked"])

    def test_what_is_left_is_leaked(self):
        self.assertEqual(self.kinds(leaks=["a connection"]), ["leaked"])

    def test_a_violation_says_what_it_is(self):
        [violation] = check(self.book.history(leaks=["a connection"]))
        self.assertEqual(str(violation), "leaked: a connection")


PATHS = st.sampled_from(["/r/a", "/r/b"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "create", "swap", "delete", "compare", "get", "quorum"]),
        PATHS,
        st.sampled_from(["told", "lost", "never"]),
    ),
    max_size=30,
)


def make(step, path, number, book):
    """An operation, whose condition may hold or not."""
    known = next((c.node for c in reversed(book.changes) if c.node.key == path), None)
    index = 4 if known is None else known.modified_index
    return {
        "set": Set(path, f"v{number}"),
        "create": CreateInOrder("/r/q", f"v{number}"),
        "swap": CompareAndSwap(path, f"v{number}", prev_index=index),
        "delete": Delete(path),
        "compare": CompareAndDelete(path, prev_index=index),
        "get": Get(path),
        "quorum": Get(path, quorum=True),
    }[step]


def play(steps):
    """The book of a client that does all right, whatever the network does."""
    book = Book()
    for number, (step, path, fate) in enumerate(steps):
        op = make(step, path, number, book)
        if not op.is_write or fate == "told":
            book.ask(op)
        elif fate == "lost":
            book.lose(op)
        else:
            book.note(op, AmbiguousWrite(op))
    return book


class LawTests(SynchronousTestCase):
    @given(STEPS)
    def test_a_client_that_does_all_right_is_caught_at_nothing(self, steps):
        self.assertEqual(check(play(steps).history()), [])

    @given(STEPS, st.integers(0, 1000))
    def test_a_change_taken_away_is_always_noticed_if_it_was_acknowledged(self, steps, which):
        book = play(steps)
        written = [
            call.outcome
            for call in book.calls
            if call.op.is_write and isinstance(call.outcome, NodeOp)
        ]
        if not written:
            return
        gone = written[which % len(written)]
        changes = [each for each in book.changes if each is not gone]
        found = check(book.history(changes=changes, told=[KeyNotFound(100, index=3), *changes]))
        self.assertIn(Kind.LOST, {violation.kind for violation in found})

    @given(STEPS, st.integers(0, 1000))
    def test_an_acknowledgement_made_a_failure_is_always_noticed(self, steps, which):
        book = play(steps)
        made = [
            place
            for place, call in enumerate(book.calls)
            if call.op.is_write and isinstance(call.outcome, NodeOp)
        ]
        # Another delete of the key, of unknown outcome, would explain the removal.
        unclear = {call.op.path for call in book.calls if isinstance(call.outcome, AmbiguousWrite)}
        made = [place for place in made if book.calls[place].op.path not in unclear]
        if not made:
            return
        place = made[which % len(made)]
        calls = list(book.calls)
        calls[place] = attrs.evolve(calls[place], outcome=NotSent())
        found = {violation.kind for violation in check(book.history(calls=calls))}
        self.assertIn(Kind.MISREPORTED, found)


class PartsTests(SynchronousTestCase):
    def test_a_replay_tells_what_each_key_was_at_each_index(self):
        book = Book()
        for op in (Set("/r/a", "1"), Set("/r/b", "2"), Delete("/r/a"), Set("/r/a", "3")):
            book.ask(op)
        replay = Replay(book.changes)
        values = [getattr(replay.at("/r/a", index), "value", None) for index in range(3, 9)]
        self.assertEqual(values, [None, b"1", b"1", None, b"3", b"3"])
        self.assertIs(replay.at("/r/c", 9), None)
        self.assertEqual(replay.before(book.changes[2]), book.changes[0].node)

    def test_the_index_that_an_outcome_shows(self):
        node = Data("/a", 7, 7)
        self.assertEqual(index_shown(NodeOp(Action.SET, node, State(5))), 7)
        self.assertEqual(index_shown(NodeOp(Action.GET, node, State(9))), 9)
        self.assertEqual(index_shown(KeyNotFound(100, index=4)), 4)
        self.assertEqual(index_shown(NotSent()), 0)

    @given(st.lists(st.integers(0, 4), max_size=5), st.lists(st.integers(0, 4), max_size=5))
    @settings(max_examples=50)
    def test_as_many_things_as_can_be_have_a_cause_of_their_own(self, things, causes):
        left = unmatched(things, causes, lambda thing, cause: thing <= cause)
        # Giving each cause, the smallest first, the largest thing that it explains is the best.
        best, open_ = 0, sorted(things)
        for cause in sorted(causes):
            fitting = [thing for thing in open_ if thing <= cause]
            if fitting:
                open_.remove(fitting[-1])
                best += 1
        self.assertEqual(len(left), len(things) - best)

    def test_a_thing_moves_over_for_another(self):
        explains = {(1, "a"), (1, "b"), (2, "a")}
        self.assertEqual(unmatched([1, 2], "ab", lambda *pair: pair in explains), [])
        self.assertEqual(unmatched([1, 2], "a", lambda *pair: pair in explains), [2])

    def test_each_operation_has_a_column(self):
        ops = (
            Get("/a"),
            Get("/a", quorum=True),
            Set("/a", ""),
            CompareAndSwap("/a", "", prev_index=1),
            CreateInOrder("/a", ""),
            CompareAndDelete("/a", prev_index=1),
        )
        self.assertEqual([kind_of(op) for op in ops], list(KINDS))

    def test_the_truth_believes_only_what_comes_from_history(self):
        truth = Truth(list)
        truth._next = 5
        node = {"key": "/r/a", "value": "1", "modifiedIndex": 6, "createdIndex": 6}
        document = {"action": "set", "node": node}
        self.assertFalse(truth._believe(Answer(200, 5, document)))
        self.assertEqual((truth.position, truth.below("/r")), (4, []))
        self.assertTrue(truth._believe(Answer(200, 7, document)))
        self.assertEqual(truth.position, 6)
        self.assertEqual([change.node.key for change in truth.below("/r")], ["/r/a"])
        self.assertRaises(ValueError, truth._believe, Answer(500, 0, {"errorCode": 300}))
        self.assertRaises(ValueError, truth._believe, Answer(200, 9, {}))
        truth._believe(Answer(400, 2000, {"errorCode": 401}))
        self.assertIn("gone", truth.broken)
        self.assertIn("up to index 6, broken", repr(truth))


class PlantedTests(SynchronousTestCase):
    """Faults planted in the client are found: each on an etcd in memory, or by a test."""

    def test_the_client_as_it_is_does_nothing_wrong(self):
        for seed in range(4):
            self.assertEqual(simulate(Client(), seed), [], seed)

    def test_the_same_seed_makes_the_same_run(self):
        before = random.getstate()
        client = PLANTS["hedged-writes"].client
        self.assertEqual(simulate(client, 1), simulate(client, 1))
        self.assertEqual(random.getstate(), before)

    def test_there_are_ten_at_least(self):
        self.assertGreaterEqual(len(PLANTS) + len(TESTED), 10)

    def test_each_has_a_test_here(self):
        names = {name for name in dir(self) if name.startswith("test_planted_")}
        wanted = {f"test_planted_{name.replace('-', '_')}_is_caught" for name in (*PLANTS, *TESTED)}
        self.assertEqual(names, wanted)


def _found(name):
    def test(self):
        plant = PLANTS[name]
        kinds = {violation.kind for violation in simulate(plant.client, 1)}
        self.assertIn(plant.caught_as, kinds, plant.what)

    return test


def _fails(name):
    def test(self):
        planted = TESTED[name]
        self.assertTrue(_passes(planted.test), planted.test)
        self.patch(namedAny(planted.where), planted.name, planted.instead)
        self.assertFalse(_passes(planted.test), planted.what)

    return test


def _passes(name):
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromName(name).run(result)
    return result.testsRun == 1 and result.wasSuccessful()


for _name in PLANTS:
    setattr(PlantedTests, f"test_planted_{_name.replace('-', '_')}_is_caught", _found(_name))
for _name in TESTED:
    setattr(PlantedTests, f"test_planted_{_name.replace('-', '_')}_is_caught", _fails(_name))
