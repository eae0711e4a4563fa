"""When an operation may be carried out, and when it is to be refused."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from txetcd import Action, ApiError, Data, KeyNotFound, NodeExist, TestFailed
from txetcd.model import CompareAndDelete, CompareAndSwap, CreateInOrder, Delete, Op, Set

__all__ = ["Wanted", "refused_wrongly", "wanted_of"]


@attrs.frozen
class Wanted:
    """What an operation does, and when.

    Attributes:
        actions: What the change that it makes may be called.
        allows: Whether it is carried out on what the key is before it.
    """

    actions: tuple[Action, ...]
    allows: Callable[[Data | None], bool] = lambda before: True


def wanted_of(op: Op) -> Wanted:
    """What an operation of the traffic does, and when."""
    if isinstance(op, Set):
        return Wanted((Action.SET,))
    if isinstance(op, CreateInOrder):
        return Wanted((Action.CREATE,))
    if isinstance(op, CompareAndSwap):
        if not op.prev_exist:
            return Wanted((Action.CREATE,), lambda before: before is None)
        return Wanted((Action.COMPARE_AND_SWAP,), lambda before: _compares(op, before))
    if isinstance(op, Delete):
        return Wanted((Action.DELETE,), lambda before: before is not None)
    if isinstance(op, CompareAndDelete):
        return Wanted((Action.COMPARE_AND_DELETE,), lambda before: _compares(op, before))
    raise TypeError(f"the traffic has no operation {op!r}")


def refused_wrongly(op: Op, error: ApiError, held: Data | None) -> bool:
    """Whether etcd could not have refused an operation so, as the key was."""
    if isinstance(error, KeyNotFound):
        return held is not None
    if isinstance(error, NodeExist):
        return held is None
    if isinstance(error, TestFailed):
        return held is None or wanted_of(op).allows(held)
    return True


def _compares(op: CompareAndSwap | CompareAndDelete, before: Data | None) -> bool:
    return (
        before is not None
        and op.prev_index in (None, before.modified_index)
        and op.prev_value in (None, before.value)
    )
