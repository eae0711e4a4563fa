"""The kinds of fault that a watch is to survive."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import attrs

from tests.robustness.cluster.fault import Fault
from tests.robustness.cluster.faults import FAULTS as OTHERS
from tests.robustness.watching.store_faults import (
    CutAgainAndAgain,
    Killed,
    Nothing,
    SnapshotGap,
    Wiped,
    Writes,
)

__all__ = ["FAULTS", "Kind", "kinds_for"]

ONE, THREE = 1, 3


@attrs.frozen
class Kind:
    """A kind of fault.

    Attributes:
        make: Makes one, for a scene.
        seconds: How long it lasts.
        sizes: How many members there may be.
        from_start: Whether recovery begins when it strikes, rather than when it has ended.
    """

    make: Callable[[Any, Random], Fault]
    seconds: float = 0.8
    sizes: tuple[int, ...] = (ONE, THREE)
    from_start: bool = False


_NETWORK = (
    "refused",
    "reset-before-request",
    "reset-after-request",
    "mid-header",
    "mid-body",
    "clean-end",
    "black-hole",
    "replies-lost",
    "half-open",
    "delayed",
    "throttled",
)

#: All kinds, by the names that the table and the command line have for them.
FAULTS: dict[str, Kind] = {
    "none": Kind(Nothing),
    **{name: Kind(OTHERS[name]) for name in _NETWORK},
    "cut-every-50-ms": Kind(CutAgainAndAgain),
    "killed": Kind(Killed, from_start=True),
    "all-killed": Kind(partial(Killed, all=True), sizes=(THREE,), from_start=True),
    "paused": Kind(OTHERS["paused"]),
    "leader-lost": Kind(OTHERS["leader-lost"], sizes=(THREE,), from_start=True),
    "quorum-lost": Kind(OTHERS["quorum-lost"], sizes=(THREE,)),
    "flood-cut-off": Kind(partial(Writes, order="flood 2500", cut_off=True), 0.1),
    # Fewer than 5000, which a slow follower of etcd's may be behind before it is sent a snapshot.
    "flood": Kind(partial(Writes, order="flood 4000")),
    "burst": Kind(partial(Writes, order="burst 1500")),
    "leases-expire": Kind(partial(Writes, order="leases 400"), 2.5),
    "refreshes": Kind(partial(Writes, order="refresh 2500")),
    "removals": Kind(partial(Writes, order="remove 100")),
    "snapshot-gap": Kind(SnapshotGap, sizes=(THREE,)),
    "wiped": Kind(Wiped),
}


def kinds_for(size: int) -> list[str]:
    """The kinds that so many members can suffer."""
    return [name for name, kind in FAULTS.items() if size in kind.sizes]
