"""What a client did wrong, by what it said and by what happened: a pure function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import attrs

from tests.robustness.cluster.conditions import refused_wrongly, wanted_of
from tests.robustness.cluster.history import Call, Change, History, Replay
from tests.robustness.cluster.removals import removals
from tests.robustness.cluster.violation import Violation, doubled, leaked, lost, misreported
from tests.robustness.judge import judge
from txetcd import Action, ApiError, KeyNotFound, NodeOp
from txetcd.model import CreateInOrder, Get

__all__ = ["check"]


def check(history: History) -> list[Violation]:
    """All that was done wrong in a run.

    - Every write that was acknowledged is in the history once, at the index and with the nodes
      that were told.
    - One that failed with `AmbiguousWrite` is there once or not at all; one that failed with
      anything else is not there.
    - A write or a quorum get is answered by the store as it was at one index, no lower than any
      index that had been shown when it was asked; a plain get by the store at *some* index.
    - A condition held where the write was acknowledged, and did not hold where it was refused.
    - The watch told every change once, in order, or a snapshot in its place.
    - The history replays: each change begins with what the one before it left.
    - Nothing is left behind.
    """
    return list(_Checker(history).violations())


class _Checker:
    def __init__(self, history: History) -> None:
        self._calls = history.calls
        self._history = history
        self._replay = Replay(history.changes)
        self._by_value: dict[bytes, list[Change]] = defaultdict(list)
        for change in history.changes:
            if not change.action.removes:
                self._by_value[_value(change)].append(change)

    def violations(self) -> Iterator[Violation]:
        yield from self._replays()
        for call in self._calls:
            yield from self._ended(call)
            yield from self._read(call) if isinstance(call.op, Get) else self._written(call)
        yield from self._claimed()
        yield from removals(self._calls, self._history.changes, self._replay)
        yield from self._watched()
        yield from map(leaked, self._history.leaks)

    # --- the history itself -----------------------------------------------------------

    def _replays(self) -> Iterator[Violation]:
        written = {each.op.value for each in self._calls if _has_value(each)}
        for change in self._history.changes:
            if self._replay.before(change) != change.prev_node:
                yield misreported(f"the history does not replay: {change}")
            if not change.action.removes and _value(change) not in written:
                yield misreported(f"nobody wrote this: {change}")

    # --- each call ----------------------------------------------------------------------

    def _ended(self, call: Call) -> Iterator[Violation]:
        if call.outcome is None:
            yield leaked(f"{call} never ended")

    def _written(self, call: Call) -> Iterator[Violation]:
        if _has_value(call):
            yield from self._made(call, self._by_value.get(call.op.value, []))
        if isinstance(call.outcome, NodeOp):
            yield from self._acknowledged(call, call.outcome)
        elif isinstance(call.outcome, ApiError) and not call.outcome.possibly_applied:
            yield from self._refused(call, call.outcome)

    def _made(self, call: Call, made: list[Change]) -> Iterator[Violation]:
        """How often a write that has a value of its own was made, and how often it may."""
        if len(made) > 1:
            yield doubled(f"{call} was made {len(made)} times: {made}")
        if isinstance(call.outcome, NodeOp) and not made:
            yield lost(f"{call} was acknowledged and not made: {call.outcome}")
        if made and not call.may_be_made:
            yield misreported(f"{call} was made, and failed with {call.outcome!r}: {made[0]}")

    def _acknowledged(self, call: Call, told: NodeOp) -> Iterator[Violation]:
        index = told.node.modified_index
        change = self._replay.by_index.get(index)
        if change is None:
            if not _has_value(call):
                yield lost(f"{call} was acknowledged and not made: {told}")
            return
        if not _same(change, told) or told.action not in wanted_of(call.op).actions:
            yield misreported(f"{call} was answered {told}, and what happened was {change}")
        if not wanted_of(call.op).allows(self._replay.before(change)):
            yield misreported(f"the condition of {call} did not hold: {change}")
        if index <= call.floor:
            yield misreported(f"{call} was acknowledged at index {index}")
        if isinstance(call.op, CreateInOrder) and not _in_order(call.op, change):
            yield misreported(f"{call} made the key {change.node.key}, out of order")

    def _refused(self, call: Call, error: ApiError) -> Iterator[Violation]:
        if not error.index:
            return
        if error.index < call.floor:
            yield misreported(f"{call} was refused by the store as of index {error.index}")
        if refused_wrongly(call.op, error, self._replay.at(call.op.path, error.index)):
            yield misreported(f"{call} was refused wrongly at index {error.index}: {error!r}")

    def _read(self, call: Call) -> Iterator[Violation]:
        told = call.outcome
        if isinstance(told, NodeOp):
            index, node = told.etcd.index, told.node
        elif isinstance(told, KeyNotFound):
            index, node = told.index, None
        else:
            return
        held = self._replay.at(call.op.path, index)
        if held != node:
            yield misreported(f"{call} was told {node} at index {index}, and there was {held}")
        if isinstance(call.op, Get) and call.op.quorum and index < call.floor:
            yield misreported(f"{call} was told what was at index {index}")

    # --- all together --------------------------------------------------------------------

    def _claimed(self) -> Iterator[Violation]:
        """No two calls can have made the same change."""
        claims: dict[int, Call] = {}
        for call in self._calls:
            if not isinstance(call.op, Get) and isinstance(call.outcome, NodeOp):
                other = claims.setdefault(call.outcome.node.modified_index, call)
                if other is not call:
                    yield misreported(f"{call} and {other} were told of the same change")

    def _watched(self) -> Iterator[Violation]:
        verdict = judge(self._history.changes, self._history.told)
        faults: list[tuple[Callable[[str], Violation], tuple[int, ...], str]] = [
            (lost, verdict.lost, "was not told of index"),
            (doubled, verdict.twice, "was told out of turn of index"),
            (misreported, verdict.unknown, "was told of what never happened, at index"),
            (misreported, verdict.wrong, "was told a snapshot that is wrong, of index"),
        ]
        for violation, indexes, words in faults:
            yield from (violation(f"the watch {words} {index}") for index in indexes)
        for told in self._history.told:
            if isinstance(told, NodeOp) and told.action is not Action.GET:
                change = self._replay.by_index.get(told.node.modified_index)
                if change is not None and not _same(change, told):
                    yield misreported(f"the watch was told {told}, and there was {change}")


def _has_value(call: Call) -> bool:
    return hasattr(call.op, "value")


def _value(change: Change) -> bytes:
    value: bytes = getattr(change.node, "value", b"")
    return value


def _same(one: NodeOp, other: NodeOp) -> bool:
    """Whether two tell of the same change, wherever the store stood when they did."""
    return attrs.evolve(one, etcd=other.etcd) == other


def _in_order(op: CreateInOrder, change: Change) -> bool:
    """Whether the name is a number of its own, that grows with the index."""
    above, _, name = change.node.key.rpartition("/")
    return above == op.path and name.isdigit() and int(name) == change.node.modified_index
