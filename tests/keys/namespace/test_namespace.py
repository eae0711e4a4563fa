"""A namespace is a whole store of its own: nothing outside is seen, named or touched."""

from __future__ import annotations

import contextvars
import itertools
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.poll.test_poll import Watcher
from tests.keys.store import Store
from tests.robustness.judge import Verdict, judge
from txetcd import (
    Action,
    AmbiguousWrite,
    ApiError,
    Data,
    Dir,
    Etcd,
    EventIndexCleared,
    KeyNotFound,
    NodeOp,
    NotDir,
    NotFile,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Service,
    State,
    TestFailed,
    UnexpectedResponse,
    model,
)
from txetcd.errors import ErrorCode, RaftInternal, RequestCancelled, RootReadOnly
from txetcd.keys.namespace import Namespace
from txetcd.model import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Lease,
    Op,
    Refresh,
    Set,
)

NO_LEASE: Lease | None = None
STATE = State(9, "c", 8, 7)


def data(key: str, value: bytes = b"v", index: int = 5) -> Data:
    return Data(key, index, index, NO_LEASE, value)


def told(node: Any, action: Action = Action.SET, index: int = 9, before: Any = None) -> NodeOp:
    return NodeOp(action, node, attrs.evolve(STATE, index=index), before)


# --- a store that does all operations ------------------------------------------


@attrs.define(eq=False)
class Entry:
    """A key in the tree; ``children`` is None for a file."""

    key: str
    modified: int
    created: int
    value: bytes = b""
    children: dict[str, Entry] | None = None

    def shown(self, levels: float = 0) -> Data | Dir:
        if self.children is None:
            return Data(self.key, self.modified, self.created, None, self.value)
        listed = self.children.items() if levels > 0 else ()
        nodes = [child.shown(levels - 1) for name, child in sorted(listed) if name[0] != "_"]
        return Dir(self.key, self.modified, self.created, None, tuple(nodes))

    def gone(self, index: int) -> Data | Dir:
        return attrs.evolve(Entry(self.key, index, self.created, b"", self.children).shown())

    def all(self) -> list[Entry]:
        below = (self.children or {}).values()
        return [self, *itertools.chain.from_iterable(child.all() for child in below)]


def refused(code: int, cause: str, index: int) -> ApiError:
    return ApiError(code, ErrorCode(code).name, cause, index)


class Tree(Service[Op, NodeOp]):
    """etcd's v2 store without leases, after ``store/store.go`` and ``store/watcher_hub.go``.

    The integration tests hold it to a real server.
    """

    def __init__(self, index: int = 3) -> None:
        self.index = index
        self.root = Entry("/", 0, 0, children={})
        self.history: list[NodeOp] = []
        self.parked: list[tuple[Get, State, Deferred[NodeOp]]] = []
        self.asked: list[Op] = []

    def apply(self, request: Op) -> Deferred[NodeOp]:
        self.asked.append(request)
        if isinstance(request, Get) and request.wait:
            return self._wait(request)
        try:
            return succeed(getattr(self, f"_{request.name}")(request))
        except ApiError as error:
            error.locate(request)
            raise

    def content(self, outside: str = "\0") -> list[Any]:
        """All that is stored, but for what is in one directory."""
        return [
            (e.key, e.modified, e.value)
            for e in self.root.all()
            if not (e.key + "/").startswith(outside + "/")
        ]

    # --- reading -----------------------------------------------------------------

    def _find(self, path: str, make: bool = False) -> Entry:
        entry = self.root
        for name in filter(None, path.split("/")):
            if entry.children is None:
                raise refused(ErrorCode.NOT_DIR, entry.key, self.index)
            key = f"{entry.key.rstrip('/')}/{name}"
            if name not in entry.children:
                if not make:
                    raise refused(ErrorCode.KEY_NOT_FOUND, key, self.index)
                entry.children[name] = Entry(key, self.index + 1, self.index + 1, b"", {})
            entry = entry.children[name]
        if make and entry.children is None:
            raise refused(ErrorCode.NOT_DIR, entry.key, self.index)
        return entry

    def _get(self, op: Get) -> NodeOp:
        levels = float("inf") if op.recursive else 1
        return NodeOp(Action.GET, self._find(op.path).shown(levels), State(self.index))

    def _file(self, path: str) -> Entry:
        entry = self._find(path)
        if entry.children is not None:
            raise refused(ErrorCode.NOT_FILE, path, self.index)
        return entry

    # --- writing -----------------------------------------------------------------

    def _make(self, action: Action, path: str, value: bytes | None, replace: bool) -> NodeOp:
        self._not_root(path)
        parent, name = path.rsplit("/", 1)
        children = self._find(parent, make=True).children
        assert children is not None
        old, index = children.get(name), self.index + 1
        if old is not None and not replace:
            raise refused(ErrorCode.NODE_EXIST, path, self.index)
        if old is not None and old.children is not None:
            raise refused(ErrorCode.NOT_FILE, path, self.index)
        new = Entry(path, index, index, value or b"", {} if value is None else None)
        children[name] = new
        return self._happened(action, new.shown(), old and old.shown())

    def _set(self, op: Set) -> NodeOp:
        if op.prev_exist:
            return self._update(op.path, op.value or b"")
        return self._make(Action.SET, op.path, op.value, replace=True)

    def _create(self, op: Create) -> NodeOp:
        return self._make(Action.CREATE, op.path, op.value, replace=False)

    def _create_in_order(self, op: CreateInOrder) -> NodeOp:
        path = f"{op.path.rstrip('/')}/{self.index + 1:020}"
        return self._make(Action.CREATE, path, op.value, replace=False)

    def _update(self, path: str, value: bytes | None, tell: bool = True) -> NodeOp:
        self._not_root(path)
        entry = self._find(path)
        if entry.children is not None:
            if value:
                raise refused(ErrorCode.NOT_FILE, path, self.index)
            raise refused(ErrorCode.RAFT_INTERNAL, f"nodePath /1{path} : Not a file ()", 0)
        return self._write(Action.UPDATE, entry, value, tell)

    def _write(self, action: Action, entry: Entry, value: bytes | None, tell: bool) -> NodeOp:
        before = entry.shown()
        entry.modified = self.index + 1
        entry.value = entry.value if value is None else value
        return self._happened(action, entry.shown(), before, tell)

    def _refresh(self, op: Refresh) -> NodeOp:
        return self._update(op.path, None, tell=False)

    def _compare_and_swap(self, op: CompareAndSwap) -> NodeOp:
        if not op.prev_exist:
            return self._make(Action.CREATE, op.path, op.value, replace=False)
        self._not_root(op.path)
        entry = self._compared(op)
        return self._write(Action.COMPARE_AND_SWAP, entry, op.value, True)

    def _compare_and_delete(self, op: CompareAndDelete) -> NodeOp:
        return self._remove(Action.COMPARE_AND_DELETE, self._compared(op))

    def _compared(self, op: CompareAndSwap | CompareAndDelete) -> Entry:
        entry = self._file(op.path)
        differ = []
        if op.prev_value is not None and op.prev_value != entry.value:
            differ.append(f"[{op.prev_value.decode()} != {entry.value.decode()}]")
        if op.prev_index is not None and op.prev_index != entry.modified:
            differ.append(f"[{op.prev_index} != {entry.modified}]")
        if differ:
            raise refused(ErrorCode.TEST_FAILED, " ".join(differ), self.index)
        return entry

    def _delete(self, op: Delete) -> NodeOp:
        self._not_root(op.path)
        if not (op.dir or op.recursive):
            return self._remove(Action.DELETE, self._file(op.path))
        entry = self._find(op.path)
        if entry.children and not op.recursive:
            raise refused(ErrorCode.DIR_NOT_EMPTY, op.path, self.index)
        return self._remove(Action.DELETE, entry)

    def _remove(self, action: Action, entry: Entry) -> NodeOp:
        parent, name = entry.key.rsplit("/", 1)
        siblings = self._find(parent).children
        assert siblings is not None
        del siblings[name]
        removed = {each.key for each in entry.all()}
        before = entry.shown()
        return self._happened(action, entry.gone(self.index + 1), before, removed=removed)

    def _not_root(self, path: str) -> None:
        if path == "/":
            raise refused(ErrorCode.ROOT_READ_ONLY, "/", self.index)

    # --- waiting -----------------------------------------------------------------

    def _happened(
        self,
        action: Action,
        node: Any,
        before: Any = None,
        tell: bool = True,
        removed: Any = frozenset(),
    ) -> NodeOp:
        self.index += 1
        op = NodeOp(action, node, State(self.index), before)
        if tell:
            self.history.append(op)
            for parked in [each for each in self.parked if _wakes(op, each[0], removed)]:
                self.parked.remove(parked)
                parked[2].callback(attrs.evolve(op, etcd=parked[1]))
        return op

    def _wait(self, op: Get) -> Deferred[NodeOp]:
        state = State(self.index)
        if op.on_state is not None:
            op.on_state(state)
        for event in self.history:
            if 0 < (op.wait_index or 0) <= event.node.modified_index and _scanned(event, op):
                return succeed(attrs.evolve(event, etcd=state))
        reply: Deferred[NodeOp] = Deferred(self._cancelled)
        self.parked.append((op, state, reply))
        return reply

    def _cancelled(self, reply: Deferred[NodeOp]) -> None:
        self.parked = [each for each in self.parked if each[2] is not reply]
        reply.errback(RequestCancelled())


def _scanned(event: NodeOp, op: Get) -> bool:
    key, path = event.node.key, op.path
    if key == path or (op.recursive and key.startswith(path.rstrip("/") + "/")):
        return True
    deleted = event.action in (Action.DELETE, Action.EXPIRE)
    # etcd's own mistake: no boundary of a part is looked for.
    return deleted and isinstance(event.prev_node, Dir) and path.startswith(key)


def _wakes(event: NodeOp, op: Get, removed: Any) -> bool:
    key, below = event.node.key, op.path.rstrip("/") + "/"
    if op.wait_index and event.node.modified_index < op.wait_index:
        return False
    if key == op.path or op.path in removed:
        return True
    return op.recursive and key.startswith(below) and "/_" not in key[len(below) - 1 :]


# --- what is sent ----------------------------------------------------------------


class Bottom(Service[Op, NodeOp]):
    """Answers each operation with what the test says, or leaves it to the test."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.cancelled: list[Op] = []

    def apply(self, request: Op) -> Deferred[NodeOp]:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            return Deferred(lambda _: self.cancelled.append(request))
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)


class Case(SynchronousTestCase):
    def ask(self, op: Op, *answers: Any, prefix: str = "/ns") -> Deferred[NodeOp]:
        self.bottom = Bottom(*answers)
        return (Namespace(prefix) >> self.bottom)(op)

    def answered(self, op: Op, *answers: Any, prefix: str = "/ns") -> NodeOp:
        return self.successResultOf(self.ask(op, *answers, prefix=prefix))

    def failed(self, op: Op, *answers: Any, prefix: str = "/ns") -> Any:
        return self.failureResultOf(self.ask(op, *answers, prefix=prefix)).value


#: Each operation, with no field left at its default.
OPERATIONS = [
    Get("/a", recursive=True, sorted=True, quorum=True),
    Get("/a", recursive=True, wait=True, wait_index=7),
    Set("/a", b"1", 10, True),
    Create("/a", b"1", 10),
    CreateInOrder("/a", b"1", 10),
    CompareAndSwap("/a", b"1", 5, b"0", True, 10),
    CompareAndDelete("/a", 5, b"0"),
    Delete("/a", True, True),
    Refresh("/a", 10),
]


class RequestTests(Case):
    def test_every_operation_goes_to_the_key_below_and_is_otherwise_the_same(self):
        kinds = {each for each in vars(model).values() if isinstance(each, type)}
        known = {each for each in kinds if issubclass(each, Op) and each is not Op}
        self.assertEqual({type(op) for op in OPERATIONS}, known)
        for op in OPERATIONS:
            self.ask(op)
            self.assertEqual(self.bottom.asked, [attrs.evolve(op, path="/ns/a")])
            self.assertIs(type(self.bottom.asked[0]), type(op))
            self.assertEqual(op.path, "/a")

    def test_whom_the_head_of_a_wait_is_told_stays_the_same(self):
        heads: list[State] = []
        self.ask(Get("/a", wait=True, on_state=heads.append))
        self.bottom.asked[0].on_state(STATE)
        self.assertEqual(heads, [STATE])

    def test_an_operation_of_a_class_of_ones_own_goes_below_too(self):
        @attrs.frozen(kw_only=True)
        class Touch(Op):
            name = "touch"
            times: int = 1

        self.ask(Touch(path="/a", times=3))
        self.assertEqual(self.bottom.asked, [Touch(path="/ns/a", times=3)])

    def test_a_read_of_the_root_is_of_the_prefix_itself(self):
        self.ask(Get("/"))
        self.assertEqual(self.bottom.asked[0].path, "/ns")

    def test_the_prefix_may_be_written_as_a_key_may(self):
        for prefix in ("ns", "/ns", "ns/", "/ns/"):
            self.ask(Get("/a"), prefix=prefix)
            self.assertEqual(self.bottom.asked[0].path, "/ns/a")

    def test_a_prefix_that_cannot_be_a_key_is_refused(self):
        for prefix in ("", "//", "/a//b", "/a/../b", ".", "/a\0", "/\ud800"):
            self.assertRaises(ValueError, Namespace, prefix)
        for nothing in (None, b"/ns", 1):
            self.assertRaises(TypeError, Namespace, nothing)

    def test_the_repr_shows_the_prefix(self):
        self.assertEqual(repr(Namespace("ns/é/")), "Namespace('/ns/é')")

    def test_the_root_as_prefix_changes_nothing(self):
        for op in [*OPERATIONS, Set("/", b"1"), Delete("/", recursive=True)]:
            answer = told(data("/elsewhere"))
            self.assertIs(self.answered(op, answer, prefix="/"), answer)
            self.assertIs(self.bottom.asked[0], op)
        error = KeyNotFound(100, "", "/a", 3)
        self.assertIs(self.failed(Get("/a"), error, prefix="/"), error)


class RootTests(Case):
    def test_a_write_of_the_root_is_refused_and_not_sent(self):
        for op in OPERATIONS:
            op = attrs.evolve(op, path="/")
            if not op.is_write or isinstance(op, CreateInOrder):
                continue
            error = self.failed(op)
            self.assertIs(type(error), RootReadOnly)
            self.assertEqual((error.code, error.cause, error.index), (107, "/", 0))
            self.assertIs(error.op, op)
            self.assertFalse(error.possibly_applied or error.retryable)
            self.assertEqual(self.bottom.asked, [])

    def test_a_write_of_a_class_of_ones_own_is_refused_at_the_root(self):
        @attrs.frozen
        class Touch(Op):
            name = "touch"

        self.assertIsInstance(self.failed(Touch("/")), RootReadOnly)

    def test_a_new_child_of_the_root_is_made(self):
        made = self.answered(CreateInOrder("/", b"1"), told(data("/ns/0007"), Action.CREATE))
        self.assertEqual(self.bottom.asked, [CreateInOrder("/ns", b"1")])
        self.assertEqual(made.node.key, "/0007")

    def test_the_root_is_listed_under_its_own_name(self):
        listing = Dir("/ns", 3, 3, None, (data("/ns/a"), Dir("/ns/b", 4, 4)))
        root = self.answered(Get("/"), told(listing, Action.GET)).node
        self.assertEqual(root, Dir("/", 3, 3, None, (data("/a"), Dir("/b", 4, 4))))

    def test_a_root_that_nothing_was_written_in_is_not_found(self):
        error = self.failed(Get("/"), KeyNotFound(100, "Key not found", "/ns", 3), prefix="/ns/b")
        self.assertEqual((type(error), error.cause, error.index), (KeyNotFound, "/", 3))


class AnswerTests(Case):
    def test_what_comes_back_is_the_same_but_for_the_keys(self):
        lease = object()
        now = Data("/ns/a", 7, 5, lease, b"2")  # type: ignore[arg-type]
        before = Data("/ns/a", 5, 5, None, b"1")
        answer = told(now, Action.UPDATE, before=before)
        self.assertEqual(
            self.answered(Set("/a", b"2"), answer),
            NodeOp(
                Action.UPDATE,
                attrs.evolve(now, key="/a"),
                answer.etcd,
                attrs.evolve(before, key="/a"),
            ),
        )
        self.assertEqual((now.key, before.key), ("/ns/a", "/ns/a"))

    def test_a_tree_is_moved_with_all_that_is_in_it(self):
        lease = object()
        tree = Dir("/ns/d", 1, 1, lease, (  # type: ignore[arg-type]
            Dir("/ns/d/e", 2, 2, None, (data("/ns/d/e/f", b"1"), data("/ns/d/e/g", b"2"))),
            data("/ns/d/ns", b"3"),
            Dir("/ns/d/ns2", 4, 4),
        ))
        self.assertEqual(
            self.answered(Get("/d", True), told(tree, Action.GET)).node,
            Dir("/d", 1, 1, lease, (  # type: ignore[arg-type]
                Dir("/d/e", 2, 2, None, (data("/d/e/f", b"1"), data("/d/e/g", b"2"))),
                data("/d/ns", b"3"),
                Dir("/d/ns2", 4, 4),
            )),
        )

    def test_a_tree_may_be_deeper_than_calls_can_be(self):
        depth = 5000
        keys = list(itertools.accumulate(itertools.repeat("/d", depth)))
        node: Any = data(f"/ns{keys[-1]}/x")
        for key in reversed(keys):
            node = Dir(f"/ns{key}", 1, 1, None, (node,))
        moved: Any = self.answered(Get("/d", True), told(node, Action.GET)).node
        for key in keys:
            self.assertEqual(moved.key, key)
            (moved,) = moved.nodes
        self.assertEqual(moved.key, f"{keys[-1]}/x")

    def test_an_answer_about_a_key_outside_is_no_answer(self):
        inside = data("/ns/a")
        outside: list[Any] = [data(key) for key in ("/nsx", "/nsx/a", "/n", "/", "/ms/a", "ns/a")]
        outside += [Dir("/ns/d", 1, 1, None, (each,)) for each in outside]
        for node in outside:
            for answer in (told(node), told(inside, before=node)):
                for op in (Set("/a", b"v"), Get("/a")):
                    error = self.failed(op, answer)
                    self.assertIs(type(error), UnexpectedResponse)
                    self.assertIs(error.op, op)
                    self.assertNotIn("/ns", str(error))
                    self.assertNotIn("/ms", str(error))

    def test_a_removal_above_the_namespace_is_the_answer_to_no_delete(self):
        error = self.failed(Delete("/a"), told(Dir("/", 9, 9), Action.DELETE))
        self.assertIs(type(error), UnexpectedResponse)

    def test_odd_prefixes_are_taken_away_as_they_were_put_on(self):
        for prefix in ("/a b", "/%2F", "/ä/日本", "/_hid", "/.*", "/a?#&=+", "/…/[x]"):
            for path in ("/a", prefix, prefix * 3, "/_h", "/%2F"):
                answer = told(data(prefix + path))
                self.assertEqual(self.answered(Get(path), answer, prefix=prefix).node.key, path)
                self.assertEqual(self.bottom.asked[0].path, prefix + path)


# --- errors ----------------------------------------------------------------------


class ErrorTests(Case):
    def api(self, code: int, cause: str, op: Op | None = None) -> ApiError:
        error = ApiError(code, "Words", cause, 42)
        error.locate(op or Get("/ns/a"), "http://there")
        return error

    def test_an_error_carries_the_operation_of_the_caller(self):
        op = Set("/a", b"1")
        for below in (
            self.api(105, "/ns/a"),
            NotSent("refused"),
            ReplyLost("reset"),
            UnexpectedResponse(502, b"page", "a page"),
            RequestTimedOut(5, None, True),
            EventIndexCleared(401, "cleared", "cleared [9/1]", 9),
        ):
            below.locate(Set("/ns/a", b"1"), "http://there")
            before = (dict(vars(below)), below.args)
            error = self.failed(op, below)
            self.assertIs(type(error), type(below))
            self.assertIs(error.op, op)
            self.assertNotIn("/ns", str(error) + repr(error))
            for name in ("endpoint", "retryable", "possibly_applied"):
                self.assertEqual(getattr(error, name), getattr(below, name))
            self.assertEqual((vars(below), below.args), before, "it was changed")

    def test_an_error_that_was_never_told_an_operation_is_told_it(self):
        op, below = Get("/a"), NotSent("refused")
        self.assertIs(self.failed(op, below).op, op)
        self.assertIsNone(below.op)

    def test_an_error_of_another_kind_stays_what_it_is(self):
        for below in (ValueError("no"), CancelledError()):
            self.assertIs(self.failed(Get("/a"), below), below)

    def test_flags_of_one_error_alone_stay(self):
        below = self.api(100, "/ns/a")
        below.possibly_applied = below.retryable = True
        error = self.failed(Get("/a"), below)
        self.assertTrue(error.possibly_applied and error.retryable)

    def test_a_cause_that_is_a_key_loses_the_prefix(self):
        for code in (100, 102, 104, 105, 107, 108):
            for cause, seen in [
                ("/ns/deep/a/b", "/a/b"),
                ("/ns/deep/ns/deep", "/ns/deep"),
                ("/ns/deep", "/"),
                ("/ns", "/"),
                ("/", "/"),
                ("", ""),
            ]:
                error = self.failed(Get("/a/b"), self.api(code, cause), prefix="/ns/deep")
                self.assertEqual((error.cause, error.index), (seen, 42))
                self.assertEqual(error.args, (code, "Words", seen, 42))
                self.assertNotIn("ns/deep/a", str(error))

    def test_a_cause_that_is_no_key_stays_as_it_is(self):
        for code, cause in [
            (101, "[/ns/a != /ns/b]"),
            (401, "the requested history has been cleared [9/1]"),
            (300, "etcdserver: request timed out"),
            (110, "/ns/a"),
            (100, "/nsx"),
        ]:
            self.assertEqual(self.failed(Get("/a"), self.api(code, cause)).cause, cause)

    def test_the_cause_of_a_lease_for_a_directory_loses_the_prefix(self):
        below = self.api(300, "nodePath /1/ns/a : Not a file ()")
        error = self.failed(Refresh("/a", 5), AmbiguousWrite(Refresh("/ns/a", 5), below))
        self.assertIs(type(error.cause), RaftInternal)
        self.assertEqual(error.cause.cause, "nodePath /1/a : Not a file ()")
        self.assertNotIn("/ns", str(error))

    def test_an_ambiguous_write_carries_the_operation_of_the_caller(self):
        op = Set("/a", b"1")
        lost = ReplyLost("reset", ConnectionResetError("by peer"))
        lost.locate(Set("/ns/a", b"1"), "http://there")
        error = self.failed(op, AmbiguousWrite(Set("/ns/a", b"1"), lost))
        self.assertIs(error.op, op)
        self.assertEqual(error.args, (op, error.cause))
        self.assertIs(type(error.cause), ReplyLost)
        self.assertIs(error.cause, error.__cause__)
        self.assertIs(error.cause.op, op)
        self.assertIs(error.cause.cause, lost.cause)
        self.assertIs(error.cause.__cause__, lost.cause)
        self.assertEqual(error.endpoint, "http://there")
        self.assertTrue(error.possibly_applied)
        self.assertNotIn("/ns", str(error) + repr(error))

    def test_the_reasons_are_those_of_the_callers_operation(self):
        op = Get("/a")
        below = self.api(300, "no leader")
        first, second = NotSent("refused"), self.api(100, "/ns/a")
        first.locate(Get("/ns/a"))
        below.reasons = (first, second, ValueError("no"), first)
        error = self.failed(op, below)
        self.assertEqual([type(each) for each in error.reasons], [
            NotSent, KeyNotFound, ValueError, NotSent
        ])
        self.assertIs(error.reasons[0], error.reasons[3])
        self.assertEqual([each.op for each in error.reasons[:2]], [op, op])
        self.assertEqual(error.reasons[1].cause, "/a")
        self.assertEqual((first.op, second.cause), (Get("/ns/a"), "/ns/a"))

    def test_reasons_in_a_list_are_still_in_one(self):
        below = NotSent("refused")
        below.reasons = [self.api(100, "/ns/a")]
        error = self.failed(Get("/a"), below)
        self.assertIs(type(error.reasons), list)
        self.assertIsNot(error.reasons, below.reasons)
        self.assertEqual(error.reasons[0].cause, "/a")

    def test_an_error_that_carries_itself_is_copied_once(self):
        below = NotSent("refused")
        below.reasons = (below,)
        error = self.failed(Get("/a"), below)
        self.assertIsNot(error, below)
        self.assertIs(error.reasons[0], error)

    def test_an_error_of_a_filter_of_ones_own_keeps_its_class_and_its_fields(self):
        class TooLate(RequestTimedOut):
            def __init__(self, deadline: float, *, why: str) -> None:
                super().__init__(deadline)
                self.why = why

        below = TooLate(3.0, why="because")
        below.locate(Get("/ns/a"))
        error = self.failed(Get("/a"), below)
        self.assertEqual((type(error), error.why, error.seconds), (TooLate, "because", 3.0))
        self.assertEqual(error.op, Get("/a"))

    def test_an_operation_that_a_filter_below_has_changed_is_not_shown(self):
        op = Get("/a")
        error = self.failed(op, self.api(100, "/ns/a", Get("/ns/a", quorum=True)))
        self.assertIs(error.op, op)


# --- waits -----------------------------------------------------------------------

WAIT = Get("/foobar", True, True, 5)


def removed(key: str, index: int, now: int = 9) -> NodeOp:
    return told(Dir(key, index, 1), Action.DELETE, now, Dir(key, 1, 1))


class WaitTests(Case):
    def test_a_wait_is_told_what_happened_to_its_key(self):
        change = told(data("/ns/foobar", index=6), before=data("/ns/foobar"))
        answer = self.answered(WAIT, change)
        self.assertEqual((answer.node.key, answer.prev_node.key), ("/foobar", "/foobar"))
        self.assertEqual(len(self.bottom.asked), 1)

    def test_a_removal_above_the_namespace_is_one_of_its_root(self):
        for above in ("/", "/ns", "/ns/b"):
            for action in (Action.DELETE, Action.EXPIRE):
                lease = object()
                node = Dir(above, 7, 2, lease, (data("/other"),))  # type: ignore[arg-type]
                before = Dir(above, 3, 2, None, (data("/other"),))
                answer = self.answered(WAIT, told(node, action, 9, before), prefix="/ns/b/c")
                self.assertEqual(answer.node, Dir("/", 7, 2, lease))  # type: ignore[arg-type]
                self.assertEqual(answer.prev_node, Dir("/", 3, 2))
                self.assertEqual((answer.action, answer.etcd.index), (action, 9))

    def test_a_removal_above_without_the_node_before_is_told_as_well(self):
        answer = self.answered(WAIT, told(Dir("/ns", 7, 2), Action.DELETE), prefix="/ns/b")
        self.assertEqual((answer.node, answer.prev_node), (Dir("/", 7, 2), None))

    def test_the_removal_of_the_prefix_itself_is_one_of_the_root(self):
        answer = self.answered(WAIT, removed("/ns", 7))
        self.assertEqual((answer.node, answer.prev_node), (Dir("/", 7, 1), Dir("/", 1, 1)))

    def test_a_false_match_is_not_told_and_the_wait_goes_on_after_it(self):
        change = told(data("/ns/foobar", index=8))
        answer = self.answered(WAIT, removed("/n", 6), change)
        self.assertEqual(answer.node, data("/foobar", index=8))
        self.assertEqual(self.bottom.asked, [
            Get("/ns/foobar", True, True, 5), Get("/ns/foobar", True, True, 7)
        ])

    def test_a_change_above_that_is_no_removal_is_not_told(self):
        above = [told(Dir("/ns", n, n), Action.SET) for n in (6, 7)]
        answer = self.answered(
            WAIT, *above, told(data("/ns/b/foobar", index=8)), prefix="/ns/b"
        )
        self.assertEqual(answer.node.key, "/foobar")
        self.assertEqual([op.wait_index for op in self.bottom.asked], [5, 7, 8])

    def test_a_thousand_false_matches_at_once_are_no_deeper_than_one(self):
        foreign = [removed("/n", n, 5000) for n in range(5, 3005)]
        answer = self.answered(WAIT, *foreign, told(data("/ns/foobar", index=4000), index=5000))
        self.assertEqual(answer.node.modified_index, 4000)
        self.assertEqual(self.bottom.asked[-1].wait_index, 3005)

    def test_a_wait_for_the_next_change_goes_on_from_a_false_match(self):
        op = attrs.evolve(WAIT, wait_index=None)
        self.answered(op, removed("/n", 9, 9), told(data("/ns/foobar")))
        self.assertEqual([each.wait_index for each in self.bottom.asked], [None, 10])

    def test_where_the_server_tells_no_index_the_wait_goes_on_after_the_false_match(self):
        self.answered(WAIT, removed("/n", 7, 0), told(data("/ns/foobar")))
        self.assertEqual(self.bottom.asked[-1].wait_index, 8)

    def test_a_false_match_that_wakes_a_wait_proves_nothing_of_what_lies_between(self):
        # Parked at index 6, woken by 20: history is asked for what came after 6.
        self.answered(WAIT, removed("/n", 20, 6), told(data("/ns/foobar", index=12), index=20))
        self.assertEqual(self.bottom.asked[-1].wait_index, 7)
        # Parked for a later index than the store had: that is still what is asked for.
        self.answered(WAIT, removed("/n", 20, 2), told(data("/ns/foobar", index=12), index=20))
        self.assertEqual(self.bottom.asked[-1].wait_index, 5)

    def test_a_false_match_from_before_the_wait_is_no_answer(self):
        error = self.failed(WAIT, removed("/n", 4))
        self.assertIs(type(error), UnexpectedResponse)
        self.assertIs(error.op, WAIT)
        self.assertIn("from index 5", str(error))
        self.assertNotIn("/n", str(error))
        self.assertEqual(len(self.bottom.asked), 1)

    def test_the_head_of_each_request_of_a_wait_is_told(self):
        heads: list[State] = []
        self.ask(attrs.evolve(WAIT, on_state=heads.append), removed("/n", 6), None)
        for op in self.bottom.asked:
            op.on_state(STATE)
        self.assertEqual(heads, [STATE, STATE])

    def test_a_failure_of_the_second_request_carries_the_callers_operation(self):
        below = EventIndexCleared(401, "cleared", "cleared [9/7]", 9)
        below.locate(Get("/ns/foobar", True, True, 7))
        error = self.failed(WAIT, removed("/n", 6), below)
        self.assertIs(type(error), EventIndexCleared)
        self.assertIs(error.op, WAIT)

    def test_a_foreign_node_before_is_not_told(self):
        change = told(data("/ns/foobar"), before=data("/other"))
        self.assertIs(type(self.failed(WAIT, change)), UnexpectedResponse)

    def test_a_get_that_does_not_wait_is_not_asked_again(self):
        self.assertIs(type(self.failed(Get("/a"), removed("/n", 6))), UnexpectedResponse)
        self.assertEqual(len(self.bottom.asked), 1)

    def test_the_second_request_is_made_in_the_context_of_the_caller(self):
        who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
        seen, replies = [], [Deferred(), succeed(told(data("/ns/foobar")))]

        def bottom(op: Op) -> Any:
            seen.append(who.get())
            return replies[len(seen) - 1]

        service = Namespace("/ns") >> Service.mk(bottom)

        def as_caller() -> Deferred[NodeOp]:
            who.set("caller")
            return service(WAIT)

        waiting = contextvars.copy_context().run(as_caller)
        replies[0].callback(removed("/n", 6))
        self.successResultOf(waiting)
        self.assertEqual(seen, ["caller", "caller"])


class CancelTests(Case):
    def test_cancelling_cancels_the_request_below(self):
        for op in (Get("/a"), Set("/a", b"1"), WAIT):
            asked = self.ask(op, None)
            asked.cancel()
            self.assertEqual(self.bottom.cancelled, self.bottom.asked)
            self.failureResultOf(asked, CancelledError)

    def test_cancelling_cancels_the_second_request_of_a_wait(self):
        asked = self.ask(WAIT, removed("/n", 6), None)
        self.assertNoResult(asked)
        asked.cancel()
        self.assertEqual([op.wait_index for op in self.bottom.cancelled], [7])
        self.failureResultOf(asked, CancelledError)

    def test_cancelling_cancels_a_request_that_was_made_later(self):
        first: Deferred[NodeOp] = Deferred()
        cancelled: list[Any] = []
        replies = [first, Deferred(cancelled.append), Deferred(cancelled.append)]
        asked = (Namespace("/ns") >> Service.mk(lambda op: replies.pop(0)))(WAIT)
        first.callback(removed("/n", 6))
        second = replies[0]
        self.assertNoResult(asked)
        asked.cancel()
        self.assertEqual(len(cancelled), 1)
        self.assertIsNot(cancelled[0], second)
        self.failureResultOf(asked, CancelledError)

    def test_a_cancelled_request_that_says_more_says_it_still(self):
        def bottom(op: Op) -> Deferred[NodeOp]:
            return Deferred(lambda d: d.errback(RequestCancelled(sent=False)))

        asked = (Namespace("/ns") >> Service.mk(bottom))(Set("/a", b"1"))
        asked.cancel()
        error = self.failureResultOf(asked, RequestCancelled).value
        self.assertFalse(error.possibly_applied)

    def test_what_is_raised_below_is_a_failure(self):
        def bottom(op: Op) -> NodeOp:
            raise ZeroDivisionError

        service = Namespace("/ns") >> Service.mk(bottom)
        self.failureResultOf(service(Get("/a")), ZeroDivisionError)

    def test_a_caller_may_ask_again_from_its_callback(self):
        service = Namespace("/ns") >> Service.mk(lambda op: told(data(op.path)))
        asked = service(Get("/a")).addCallback(lambda op: service(Get(op.node.key + "/b")))
        self.assertEqual(self.successResultOf(asked).node.key, "/a/b")


# --- the laws ----------------------------------------------------------------------

NAMES = ["a", "ab", "_h", "ns", "é %2F"]
paths = st.lists(st.sampled_from(NAMES), max_size=3).map(lambda names: "/" + "/".join(names))
values = st.sampled_from([b"", b"1", b"/ns/a"])
indexes = st.integers(1, 30)
operations = st.one_of(
    st.builds(Get, paths, st.booleans()),
    st.builds(Get, paths, st.booleans(), st.just(True), st.none() | indexes),
    st.builds(Set, paths, st.none() | values),
    st.builds(Set, paths, st.none() | values, st.none(), st.just(True)),
    st.builds(Create, paths, st.none() | values),
    st.builds(CreateInOrder, paths, st.none() | values),
    st.builds(CompareAndSwap, paths, values, indexes, st.none() | st.just(b"1")),
    st.builds(CompareAndSwap, paths, values, st.none(), st.just(b"/ns/a")),
    st.builds(CompareAndSwap, paths, values, prev_exist=st.just(False)),
    st.builds(CompareAndDelete, paths, indexes),
    st.builds(CompareAndDelete, paths, st.none(), st.just(b"1")),
    st.builds(Delete, paths, st.booleans(), st.booleans()),
    st.builds(Refresh, paths, st.just(5)),
)


def outcomes(deferred: Deferred[NodeOp]) -> list[Any]:
    """Where what a Deferred fires with, now or later, is put in a form to compare."""
    results: list[Any] = []
    deferred.addBoth(lambda result: results.append(comparable(result)))
    return results


def comparable(result: NodeOp | Failure) -> Any:
    if not isinstance(result, Failure):
        return result
    error = result.value
    if error.op.path == "/" and error.op.is_write and not isinstance(error.op, CreateInOrder):
        # The namespace answers by itself, and knows no index.  That nothing but a file can
        # be compared and deleted etcd says of its root, too.
        kind = NotFile if isinstance(error.op, CompareAndDelete) else RootReadOnly
        return type(error) in (kind, RootReadOnly), error.op
    return type(error), error.args, error.op, str(error)


class Pair:
    """A store that holds a namespace among other things, and one that holds only that."""

    def __init__(self, prefix: str, neighbours: list[str]) -> None:
        self.prefix = prefix
        self.whole, self.alone = Tree(), Tree()
        for key in neighbours:
            outcomes(self.whole(Set(key, b"theirs")))
        outcomes(self.whole(Set(prefix, None)))
        self.namespace = Namespace(prefix) >> self.whole
        self.whole.asked.clear()
        self.whole.history.clear()
        root = self.alone.root
        root.modified = root.created = self.alone.index = self.whole.index

    def ask(self, op: Op) -> tuple[list[Any], list[Any]]:
        return outcomes(self.namespace(op)), outcomes(self.alone(op))

    def noise(self, op: Op) -> None:
        """Something happens outside the namespace."""
        outcomes(self.whole(op))
        self.whole.asked.pop()
        self.alone.index = self.whole.index


PREFIXES = ["/ns", "/ns/deep", "/_h/é %2F", "/a b"]


class LawTests(SynchronousTestCase):
    @settings(max_examples=300, deadline=None)
    @given(st.data(), st.sampled_from(PREFIXES))
    def test_a_namespace_is_a_store_of_its_own(self, draw, prefix):
        # Names that the prefix begins with, or that begin with it.
        outside = [prefix[:-1] + "~", prefix + "x", prefix[:2]]
        outside = [each for each in outside if not (prefix + "/").startswith(each + "/")]
        pair = Pair(prefix, [f"{each}/a" for each in outside])
        asked = []
        for _ in range(draw.draw(st.integers(1, 20))):
            if draw.draw(st.integers(0, 4)) == 0:
                key = draw.draw(st.sampled_from(outside))
                pair.noise(draw.draw(st.sampled_from([
                    Set(f"{key}/a", b"theirs"), Delete(key, recursive=True)
                ])))
                continue
            op = draw.draw(operations)
            before = pair.whole.content(outside=prefix)
            asked.append(pair.ask(op))
            self.assertEqual(pair.whole.index, pair.alone.index)
            self.assertEqual(pair.whole.content(outside=prefix), before)
            for mine, alone in asked:
                self.assertEqual(mine, alone)
        for each in pair.whole.asked:
            self.assertTrue((each.path + "/").startswith(prefix + "/"), each)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(operations, max_size=12), st.sampled_from(PREFIXES), st.sampled_from(PREFIXES))
    def test_the_left_of_two_is_within_the_right(self, program, left, right):
        two, one = Tree(), Tree()
        in_two, in_one = Namespace(left) >> Namespace(right) >> two, Namespace(right + left) >> one
        results = [(outcomes(in_two(op)), outcomes(in_one(op))) for op in program]
        for first, second in results:
            self.assertEqual(first, second)
        self.assertEqual(two.content(), one.content())
        self.assertEqual(two.asked, one.asked)

    def test_the_order_of_two_is_that_of_the_requests(self):
        bottom = Bottom()
        (Namespace("/a") >> Namespace("/b") >> bottom)(Get("/x"))
        self.assertEqual(bottom.asked, [Get("/b/a/x")])

    def test_a_removal_above_both_of_two_is_one_of_the_root(self):
        for above in ("/b", "/"):
            service = Namespace("/a") >> Namespace("/b") >> Bottom(removed(above, 7))
            answer = self.successResultOf(service(WAIT))
            self.assertEqual(answer.node, Dir("/", 7, 1))


# --- watching ----------------------------------------------------------------------


class WatchTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store(capacity=20)
        self.service = Namespace("/ns/deep") >> self.store

    def watch(self, path="/w", recursive=True):
        self.watcher = Watcher(self.service, self.clock, path, recursive)
        self.addCleanup(self.watcher.session.close)
        return self.watcher

    def settle(self, seconds=1.0):
        for _ in range(int(seconds / 0.01)):
            self.clock.advance(0.01)

    def verdict(self) -> Verdict:
        """What the watcher was told, held against what happened in the namespace."""
        self.settle()
        truth = [
            attrs.evolve(op, node=attrs.evolve(op.node, key=op.node.key[len("/ns/deep") :]))
            for op in self.store.truth
            if op.node.key.startswith("/ns/deep/w")
        ]
        return judge(truth, self.watcher.told)

    def write(self, count: int) -> None:
        for n in range(count):
            self.store.set(f"/ns/deep/w/{n % 7}", b"%d" % n)

    def test_each_change_is_told_once_among_changes_elsewhere(self):
        self.watch()
        for _ in range(30):
            self.write(3)
            self.store.set("/ns/deepx/w")
            self.store.set("/w/a")
        self.assertEqual(self.verdict(), Verdict(events=90, snapshots=1))

    def test_nothing_is_lost_where_connections_are_cut(self):
        self.watch()
        for _ in range(30):
            self.write(2)
            self.store.cut()
            self.write(2)
            self.settle(0.05)
        verdict = self.verdict()
        self.assertTrue(verdict.faultless, verdict)
        self.assertEqual(verdict.events, 120)

    def test_a_member_that_catches_up_by_a_snapshot_is_seen_through(self):
        self.watch()
        self.write(2)
        self.store.cut_off()
        self.write(5)
        self.store.catch_up(by_snapshot=True)
        self.write(2)
        verdict = self.verdict()
        self.assertTrue(verdict.faultless, verdict)
        self.assertEqual(verdict.snapshots, 2)

    def test_a_history_that_was_overrun_ends_in_a_snapshot(self):
        self.watch()
        self.write(2)
        self.store.cut()
        for _ in range(30):
            self.store.set("/elsewhere")
        self.write(1)
        verdict = self.verdict()
        self.assertTrue(verdict.faultless, verdict)
        self.assertEqual(verdict.snapshots, 2)

    def test_a_root_that_is_not_there_is_waited_for(self):
        self.watch("/")
        (missing,) = self.watcher.told
        self.assertIsInstance(missing, KeyNotFound)
        self.assertEqual((missing.cause, missing.op.path), ("/", "/"))
        self.store.set("/ns/deep/w", b"1")
        self.assertEqual(self.watcher.told[1].node, Data("/w", 4, 4, None, b"1"))

    def test_a_false_match_of_a_watch_is_passed_over(self):
        self.watch()
        self.write(1)
        told_before = list(self.watcher.told)
        self.store.cut()
        # The store in memory makes no false matches, so this one is planted.
        foreign = NodeOp(Action.DELETE, Dir("/ns/d", 6, 1), State(6), Dir("/ns/d", 1, 1))
        replies = [succeed(attrs.evolve(foreign, node=Dir("/ns/d", 6, 1)))]
        ask = self.store.apply
        self.store.index += 2

        def once(op: Get) -> Any:
            planted = op.wait_index == 5 and replies
            return replies.pop() if planted else ask(op)

        self.store.apply = once  # type: ignore[method-assign, assignment]
        self.settle()
        self.assertEqual((self.watcher.told, replies), (told_before, []))
        self.write(1)
        self.settle()
        self.assertEqual(self.watcher.told[-1].node.key, "/w/0")

    def test_a_removal_above_is_told_to_every_watch_in_the_namespace(self):
        tree = Tree()
        tree(Set("/ns/deep/w/a", b"1"))
        etcd = Etcd(Namespace("/ns/deep") >> tree, clock=self.clock)
        self.addCleanup(etcd.close)
        told: dict[str, list[Any]] = {"/": [], "/w": [], "/w/a": []}
        for path, each in told.items():
            etcd.key(path).events(recursive=True).register(each.append)
        tree(Delete("/ns", recursive=True))
        for path, (_, gone) in told.items():
            self.assertEqual((gone.action, gone.node.key), (Action.DELETE, "/"), path)

    def test_a_key_works_over_a_namespace_as_over_anything(self):
        etcd = Etcd(Namespace("/ns") >> Tree(), clock=self.clock)
        self.addCleanup(etcd.close)
        key = etcd.key("/a")
        self.successResultOf(key.set("1"))
        self.assertEqual(self.successResultOf(key.get()).node.text, "1")
        self.failureResultOf(key.compare_and_swap("2", prev_value="3"), TestFailed)
        error = self.failureResultOf((key / "b/c").get(), NotDir).value
        self.assertEqual((error.cause, str(error.op)), ("/a", "get /a/b/c"))
