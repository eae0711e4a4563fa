"""A store of keys with a history, as one member of an etcd v2 cluster shows it.

It is what the watch loop is tried on without a server: a service of operations that
answers gets and waits as etcd's ``store/watcher_hub.go`` does, and that can be made
to misbehave in each way a real one has been seen to.  ``tests/contract`` holds it to a
real server.
"""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred, fail

from txetcd import Action, ApiError, Data, Dir, NodeOp, ReplyLost, Service, State
from txetcd.errors import ErrorCode, RequestCancelled, WatchEnded
from txetcd.keys.poll.changes import concerns
from txetcd.model import Get

CAPACITY = 1000


@attrs.define(eq=False)
class Parked:
    """A wait that nothing has matched yet."""

    op: Get
    state: State
    reply: Deferred


class Store(Service):
    """Keys below the root, all of them values, and what became of them.

    Args:
        capacity: How many events the history holds.
        index: The index of the store when it is made.
    """

    def __init__(self, capacity: int = CAPACITY, index: int = 3) -> None:
        self.capacity = capacity
        self.index = index
        self.values: dict[str, tuple[bytes, int, int]] = {}
        #: The index at which each directory below the root was made.
        self.directories: dict[str, int] = {}
        self.events: list[NodeOp] = []
        self.parked: list[Parked] = []
        self.asked: list[Get] = []
        #: What the next requests fail with, each once, before they reach the store; None lets
        #: one pass.
        self.failures: list[Exception | None] = []
        #: Every change there ever was, for the judge.
        self.truth: list[NodeOp] = []
        #: Whether heads of waits are told, as a transport does that streams.
        self.tells_heads = True
        #: Whether a wait can be hung up; and whether that comes through to the store.
        self.is_endable = True
        self.ends = True
        #: Whether this member is cut off from changes; reads by quorum see them.
        self._behind: list[NodeOp] = []
        self._cut_off = False
        self._cleared_to = 0

    # --- changes -------------------------------------------------------------

    def set(self, key: str, value: bytes = b"v") -> NodeOp:
        before = self.values.get(key)
        self.index += 1
        created = self.index
        self.directories.setdefault(key[: key.index("/", 1)] if "/" in key[1:] else "", self.index)
        node = Data(key, self.index, created, None, value)
        self.values[key] = (value, self.index, created)
        previous = None if before is None else Data(key, before[1], before[2], None, before[0])
        return self._happened(NodeOp(Action.SET, node, State(self.index), previous))

    def delete(self, key: str) -> NodeOp:
        value, modified, created = self.values.pop(key)
        self.index += 1
        node = Data(key, self.index, created)
        previous = Data(key, modified, created, None, value)
        return self._happened(NodeOp(Action.DELETE, node, State(self.index), previous))

    def refresh(self) -> None:
        """Use one slot of history for no event."""
        self.index += 1
        self._trim()

    def _happened(self, op: NodeOp) -> NodeOp:
        self.truth.append(op)
        if self._cut_off:
            self._behind.append(op)
        else:
            self._apply(op)
        return op

    def _apply(self, op: NodeOp) -> None:
        self.events.append(op)
        self._trim()
        for parked in list(self.parked):
            wanted = op.node.modified_index >= (parked.op.wait_index or 0)
            if wanted and concerns(op, parked.op.path, parked.op.recursive):
                self.parked.remove(parked)
                parked.reply.callback(attrs.evolve(op, etcd=parked.state))

    def _trim(self) -> None:
        oldest = self.index - self.capacity
        self.events = [op for op in self.events if op.node.modified_index > oldest]

    # --- misfortunes ---------------------------------------------------------

    def cut(self) -> None:
        """Break every connection on which a wait is parked."""
        parked, self.parked = self.parked, []
        for each in parked:
            each.reply.errback(ReplyLost("cut"))

    def cut_off(self) -> None:
        """Keep this member from hearing of changes, until it catches up."""
        self._cut_off = True

    def catch_up(self, by_snapshot: bool = False) -> None:
        """Let it hear of what it missed: one by one, or at a stroke and without a word."""
        self._cut_off = False
        behind, self._behind = self._behind, []
        if by_snapshot:
            self._cleared_to = self.index
            self.events = []
            return
        for op in behind:
            self._apply(op)

    def wipe(self) -> None:
        """Lose all data; the index begins anew, and so does the history."""
        self.cut()
        self.index, self.values, self.events, self.truth = 3, {}, [], []
        self._behind, self._cut_off, self._cleared_to = [], False, 0
        self.directories = {}

    # --- answers -------------------------------------------------------------

    @property
    def seen(self) -> int:
        """The index as this member knows it."""
        return self._behind[0].node.modified_index - 1 if self._behind else self.index

    def apply(self, request: Get) -> Deferred:
        self.asked.append(request)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            return fail(failure)
        if request.quorum and self._cut_off:
            self.catch_up()
            self._cut_off = True
        return self._wait(request) if request.wait else self._read(request)

    def _wait(self, op: Get) -> Deferred:
        state = State(self.seen)
        wanted = op.wait_index or state.index + 1
        if wanted <= max(self._cleared_to, self.seen - self.capacity):
            cause = f"the requested history has been cleared [{self.seen}/{wanted}]"
            return fail(ApiError(ErrorCode.EVENT_INDEX_CLEARED, "cleared", cause, self.seen))
        if op.on_state is not None and self.tells_heads:
            op.on_state(state)
        for event in self.events:
            if event.node.modified_index >= wanted and concerns(event, op.path, op.recursive):
                answer: Deferred = Deferred()
                answer.callback(attrs.evolve(event, etcd=state))
                return answer
        parked = Parked(op, state, Deferred(self._cancelled))
        self.parked.append(parked)
        if op.on_endable is not None and self.tells_heads and self.is_endable:
            op.on_endable(lambda: self._hung_up(parked))
        return parked.reply

    def _hung_up(self, parked: Parked) -> None:
        if self.ends and parked in self.parked:
            self.parked.remove(parked)
            parked.reply.errback(WatchEnded())

    def _cancelled(self, reply: Deferred) -> None:
        self.parked = [each for each in self.parked if each.reply is not reply]
        reply.errback(RequestCancelled(sent=True))

    def _read(self, op: Get) -> Deferred:
        nodes = tuple(
            Data(key, modified, created, None, value)
            for key, (value, modified, created) in sorted(self.values.items())
            if key == op.path or key.startswith(op.path.rstrip("/") + "/")
        )
        if not nodes and op.path != "/":
            return fail(ApiError(ErrorCode.KEY_NOT_FOUND, "Key not found", op.path, self.seen))
        made = self.directories.get(op.path, 0)
        node = nodes[0] if op.path in self.values else Dir(op.path, made, made, None, nodes)
        answer: Deferred = Deferred()
        answer.callback(NodeOp(Action.GET, node, State(self.seen)))
        return answer
