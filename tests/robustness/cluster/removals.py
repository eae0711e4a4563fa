"""Whose each removal is, though a removal does not say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.robustness.cluster.conditions import wanted_of
from tests.robustness.cluster.history import Call, Change, Replay
from tests.robustness.cluster.matching import unmatched
from tests.robustness.cluster.violation import Violation, doubled, misreported
from txetcd import NodeOp
from txetcd.model import CompareAndDelete, Delete

__all__ = ["removals"]


def removals(
    calls: Sequence[Call], changes: Sequence[Change], replay: Replay
) -> Iterator[Violation]:
    """The removals that no call can have made.

    Those that were not acknowledged must be those that are ambiguous, one each.
    """
    deletes = [call for call in calls if isinstance(call.op, (Delete, CompareAndDelete))]
    acknowledged = {
        call.outcome.node.modified_index for call in deletes if isinstance(call.outcome, NodeOp)
    }
    unclaimed = [
        change
        for change in changes
        if change.action.removes and change.node.modified_index not in acknowledged
    ]
    ambiguous = [
        call for call in deletes if call.may_be_made and not isinstance(call.outcome, NodeOp)
    ]

    def explains(change: Change, call: Call) -> bool:
        return _explains(change, call, replay)

    for change in unmatched(unclaimed, ambiguous, explains):
        if any(explains(change, call) and not call.may_be_made for call in deletes):
            yield misreported(f"{change} is that of a delete that was reported as failed")
        else:
            yield doubled(f"no delete explains {change}")


def _explains(change: Change, call: Call, replay: Replay) -> bool:
    wanted = wanted_of(call.op)
    return (
        call.op.path == change.node.key
        and change.action in wanted.actions
        and call.floor < change.node.modified_index
        and wanted.allows(replay.before(change))
    )
