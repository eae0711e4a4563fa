"""The judge: what a watcher was told, held against what happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from tests.robustness.watching import promises, verdict
from tests.robustness.watching.promises import BrokenPromise
from tests.robustness.watching.told import change_of, of_event
from tests.robustness.watching.truth import History
from txetcd import KeyNotFound, NodeOp

__all__ = ["Verdict", "judge"]


@attrs.frozen
class Verdict:
    """How a watcher did.

    Attributes:
        events: Changes that were told.
        snapshots: Snapshots that were told, of a missing key among them.
        lost: Indexes of changes that were neither told nor covered by a snapshot.
        twice: Indexes of changes that were told again, or after a later one.
        unknown: Indexes that were told of, at which no such change happened.
        wrong: Indexes of snapshots that do not show what the store held.
    """

    events: int
    snapshots: int
    lost: tuple[int, ...] = ()
    twice: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.twice or self.unknown or self.wrong)


def judge(truth: Sequence[NodeOp], told: Iterable[NodeOp | KeyNotFound]) -> Verdict:
    """Judge one watcher of one history, by the `promises`.

    Args:
        truth: Every change to what is watched, in the order of its index; the
            store was empty before the first.
        told: What the watcher was told: snapshots, changes, `KeyNotFound`.
    """
    history = History(map(change_of, truth))
    judged = verdict.judge([history], map(of_event, told))

    def indexes(*kinds: type[BrokenPromise]) -> tuple[int, ...]:
        return tuple(
            index for each in judged.broken if type(each) in kinds for index in each.indexes
        )

    return Verdict(
        judged.events,
        judged.snapshots,
        indexes(promises.NotReliable),
        indexes(promises.NotUnique, promises.NotOrdered, promises.NotDeclared),
        indexes(promises.NotTrue),
        indexes(promises.WrongSnapshot),
    )
