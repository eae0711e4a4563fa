"""What became of each write: the judge of the demonstration, a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from txetcd.cli.output import walk
from txetcd.model import Action, Data, Dir, NodeOp

__all__ = ["Verdict", "judge"]


@attrs.frozen
class Verdict:
    """How many writes there were, and how many became what.

    Attributes:
        wanted: Those that were to be made.
        written: Those that were made.
        seen: Those of which the watcher was told by an event.
        covered: Those of which it was told by a snapshot instead.
        lost: Those of which it was not told.
        twice: Events that it was told again, or after a snapshot that held them.
        disordered: Events that came after a later one.
        strange: Events of no write.
        forgotten: Writes that the server had confirmed, and does not hold.
        snapshots: Snapshots that it was told, the first one included.
    """

    wanted: int
    written: int
    seen: int
    covered: int
    lost: int
    twice: int
    disordered: int
    strange: int
    forgotten: int
    snapshots: int

    @property
    def faultless(self) -> bool:
        """Whether all was written, and the watcher told of all, once and in order."""
        faults = (self.lost, self.twice, self.disordered, self.strange, self.forgotten)
        return self.written == self.wanted and not any(faults)


def judge(
    wanted: int,
    confirmed: Mapping[str, int],
    stored: Mapping[str, int],
    told: Iterable[NodeOp],
) -> Verdict:
    """Compare what a watcher was told with what was written.

    Each write is to a key of its own, and is known by that key and its index.

    Args:
        wanted: How many writes were to be made.
        confirmed: The index of each write that the server has confirmed, by its key.
        stored: The same of each key that the server holds in the end.
        told: The changes and snapshots that the watcher was told, in order.
    """
    written = {*confirmed.items(), *stored.items()}
    seen: set[tuple[str, int]] = set()
    covered: set[tuple[str, int]] = set()
    twice = disordered = strange = snapshots = last = 0
    for op in told:
        if op.action is Action.GET:
            snapshots += 1
            last = op.etcd.index
            covered |= _held(op) - seen
            continue
        write = (op.node.key, op.node.modified_index)
        if write not in written:
            strange += 1
        elif write in seen or write in covered:
            twice += 1
        else:
            seen.add(write)
            disordered += write[1] < last
        last = max(last, write[1])
    covered &= written
    return Verdict(
        wanted=wanted,
        written=len(written),
        seen=len(seen),
        covered=len(covered),
        lost=len(written - seen - covered),
        twice=twice,
        disordered=disordered,
        strange=strange,
        forgotten=len(confirmed.items() - stored.items()),
        snapshots=snapshots,
    )


def _held(op: NodeOp) -> set[tuple[str, int]]:
    nodes = walk(op.node) if isinstance(op.node, Dir) else [op.node]
    return {(node.key, node.modified_index) for node in nodes if isinstance(node, Data)}
