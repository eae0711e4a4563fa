"""What can be asked of a key: one class an operation.

An operation checks itself when it is made: whatever is wrong with any protocol
is a `ValueError` here, and what only one protocol cannot carry is a `ValueError`
there, before anything is sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, Union

import attrs

from txetcd.model.node import State
from txetcd.model.path import absolute

__all__ = [
    "CompareAndDelete",
    "CompareAndSwap",
    "Create",
    "CreateInOrder",
    "Delete",
    "Get",
    "Op",
    "Refresh",
    "Set",
    "Ttl",
    "Value",
]

#: A value; text is encoded as UTF-8.
Value = Union[bytes, str]
#: A time to live: seconds, or a `datetime.timedelta`.
Ttl = Union[float, timedelta]

#: etcd counts time in nanoseconds from 1970 in 63 bits, which end in 2262: a
#: lease that passes that is silently permanent.
MAX_TTL = 7_000_000_000
#: etcd's indexes have 64 bits.
MAX_INDEX = 2**64 - 1


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError(f"the value {value[:60]!r} has no UTF-8 encoding") from None
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"a value is bytes or text, not {value!r}")
    return bytes(value)


def _optional_value(value: Value | None) -> bytes | None:
    return None if value is None else _value(value)


def _ttl(ttl: Ttl | None) -> int | None:
    """Whole seconds, rounded up; 0 removes the lease."""
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float, timedelta)):
        raise TypeError(f"a ttl is seconds or a timedelta, not {ttl!r}")
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
    if not 0 <= seconds <= MAX_TTL:
        raise ValueError(f"a ttl must lie between 0 and {MAX_TTL} seconds, not be {ttl!r}")
    return math.ceil(seconds)


def _index(index: int | None) -> int | None:
    if index is None:
        return None
    if isinstance(index, bool) or not isinstance(index, int):
        raise TypeError(f"an index is a whole number, not {index!r}")
    if not 0 <= index <= MAX_INDEX:
        raise ValueError(f"an index must lie between 0 and {MAX_INDEX}, not be {index!r}")
    return index


def _prev_index(index: int | None) -> int | None:
    if _index(index) == 0:
        raise ValueError("prev_index=0 compares with nothing: etcd would overwrite anything")
    return index


@attrs.frozen
class Op:
    """A typed request for a key operation.

    Attributes:
        path: The key, from the root.

    .. versionadded:: 0.1
    """

    path: str = attrs.field(converter=absolute)

    #: The name of the operation, as in the methods of `Key`.
    name: ClassVar[str] = ""
    #: Whether it may change the store.
    is_write: ClassVar[bool] = True

    @property
    def long_poll(self) -> bool:
        """Whether the answer may be kept back until something happens."""
        return False

    def __str__(self) -> str:
        return f"{self.name} {self.path}"


def _value_repr(value: bytes | None) -> str:
    # It may be a secret of the user's, and of any length.
    return "None" if value is None else f"<{len(value)} bytes>"


@attrs.frozen
class Get(Op):
    """Read a key, or wait for a change of it.

    Attributes:
        recursive: Read or watch the whole tree below.
        wait: Wait for the first change at or after ``wait_index``.
        wait_index: Where to wait from; None for the next change.
        quorum: Ask the cluster, not one member, which may be behind.
        sorted: List the nodes by their keys.
        on_state: Told the state in the head of a wait's answer as soon as the
            server has sent it, which is when the wait began; may never be called.
        on_endable: Told, right after ``on_state``, of a function that has the server end the
            wait, if the transport can.  The wait then fails with `WatchEnded`, unless a
            change came first; it proves that none came up to the index in its head.
    """

    name = "get"
    is_write = False

    recursive: bool = False
    wait: bool = False
    wait_index: int | None = attrs.field(default=None, converter=_index)
    quorum: bool = False
    sorted: bool = False
    on_state: Callable[[State], None] | None = attrs.field(default=None, eq=False, repr=False)
    on_endable: Callable[[Callable[[], object]], None] | None = attrs.field(
        default=None, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        if self.wait_index is not None and not self.wait:
            raise ValueError(f"wait_index={self.wait_index} means nothing without wait=True")
        if self.wait and self.quorum:
            raise ValueError("wait=True and quorum=True: etcd would not wait; give one of them")

    @property
    def long_poll(self) -> bool:
        return self.wait


@attrs.frozen
class Set(Op):
    """Write a key, whether it exists or not; a value of None makes a directory."""

    name = "set"

    value: bytes | None = attrs.field(converter=_optional_value, repr=_value_repr)
    ttl: int | None = attrs.field(default=None, converter=_ttl)
    prev_exist: bool = False


@attrs.frozen
class Create(Op):
    """Write a key that does not exist; a value of None makes a directory."""

    name = "create"

    value: bytes | None = attrs.field(converter=_optional_value, repr=_value_repr)
    ttl: int | None = attrs.field(default=None, converter=_ttl)


@attrs.frozen
class CreateInOrder(Op):
    """Write a new key in this directory, named by the index of its creation."""

    name = "create_in_order"

    value: bytes | None = attrs.field(converter=_optional_value, repr=_value_repr)
    ttl: int | None = attrs.field(default=None, converter=_ttl)


@attrs.frozen
class CompareAndSwap(Op):
    """Write a key if it is in the state expected.

    Raises:
        ValueError: There is no condition, or the conditions contradict.
    """

    name = "compare_and_swap"

    value: bytes = attrs.field(converter=_value, repr=_value_repr)
    prev_index: int | None = attrs.field(default=None, converter=_prev_index)
    prev_value: bytes | None = attrs.field(
        default=None, converter=_optional_value, repr=_value_repr
    )
    prev_exist: bool = True
    ttl: int | None = attrs.field(default=None, converter=_ttl)

    def __attrs_post_init__(self) -> None:
        compares = self.prev_index is not None or self.prev_value is not None
        if self.prev_exist and not compares:
            raise ValueError(
                f"{self} has no condition: give prev_index, prev_value or prev_exist=False"
            )
        if compares and not self.prev_exist:
            raise ValueError(
                f"{self}: prev_exist=False contradicts prev_index and prev_value (etcd would "
                "ignore them)"
            )


@attrs.frozen
class CompareAndDelete(Op):
    """Delete a key if it is in the state expected.

    Raises:
        ValueError: There is no condition.
    """

    name = "compare_and_delete"

    prev_index: int | None = attrs.field(default=None, converter=_prev_index)
    prev_value: bytes | None = attrs.field(
        default=None, converter=_optional_value, repr=_value_repr
    )

    def __attrs_post_init__(self) -> None:
        if self.prev_index is None and self.prev_value is None:
            raise ValueError(f"{self} has no condition: give prev_index or prev_value")


@attrs.frozen
class Delete(Op):
    """Delete a key.

    Attributes:
        dir: Delete it if it is an empty directory.
        recursive: Delete it with all that is below.
    """

    name = "delete"

    dir: bool = False
    recursive: bool = False


@attrs.frozen
class Refresh(Op):
    """Give a key a new lease, keep its value, and tell no watcher.

    Raises:
        ValueError: The ttl is 0: etcd cannot remove a lease in this way.
    """

    name = "refresh"

    ttl: int = attrs.field(converter=_ttl)

    def __attrs_post_init__(self) -> None:
        if not self.ttl:
            raise ValueError(
                f"{self} needs a ttl of more than 0 seconds, not {self.ttl!r}: "
                "write the key without a ttl to remove its lease"
            )
