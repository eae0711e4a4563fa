"""What the answers to waits prove, and in which order they may be told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

import attrs

from txetcd.errors import UnexpectedResponse
from txetcd.model.node import NodeOp

__all__ = ["Finding", "HistoryLost", "Outcome", "Quiet", "finding", "in_order"]


class HistoryLost(Exception):
    """The changes from the cursor on cannot be had.

    Args:
        certain: Whether that is known; otherwise a quorum read has to tell.
    """

    def __init__(self, certain: bool) -> None:
        super().__init__(certain)
        self.certain = certain


@attrs.frozen
class Quiet:
    """Nothing matched, from where a wait began up to an index.

    Attributes:
        upto: The last index of which that is known.
    """

    upto: int


#: What a wait proves: the first change from its index on, or that there is none so far.
Finding = Union[NodeOp, Quiet]

#: How a wait ended: with a finding, with an error, or with no word of it (None).
Outcome = Union[NodeOp, Quiet, BaseException, None]


def finding(op: NodeOp, start: int, least: int) -> Finding:
    """What the answer to a wait proves.

    Args:
        op: The answer.
        start: The index that was waited from.
        least: A store whose index is below this is not the one that is known.

    Raises:
        UnexpectedResponse: It is the answer to something else.
        HistoryLost: The store is behind, or another one.
    """
    found, head = op.node.modified_index, op.etcd.index
    if head == 0 or found < start:
        raise UnexpectedResponse(
            200,
            reason=f"a wait from index {start} was answered with index {found}, at index {head}",
        )
    if head < least:
        raise HistoryLost(certain=False)
    # Whatever is later has woken a parked wait, and need not be the first after the head.
    return op if found <= head + 1 else Quiet(head)


def in_order(
    outcomes: Iterable[tuple[int, Outcome]], cursor: int
) -> tuple[list[Finding], BaseException | None]:
    """What several waits prove together, from a cursor on, without a gap.

    Nothing matches between the index that is waited from and that of the answer: the
    index after the answer is the next that is needed, and the waits in between are of no
    use.  It ends at the first that is needed and missing, or that failed.

    Args:
        outcomes: For the index that was waited from, the outcome; the indexes ascend.
        cursor: The index before which all has been told.

    Returns:
        The findings in order, and the error that ended them, if one did.
    """
    proven: list[Finding] = []
    for start, outcome in outcomes:
        if start < cursor:
            continue
        if start > cursor or outcome is None:
            break
        if isinstance(outcome, BaseException):
            return proven, outcome
        last = outcome.upto if isinstance(outcome, Quiet) else outcome.node.modified_index
        if last >= cursor:
            proven.append(outcome)
            cursor = last + 1
    return proven, None
