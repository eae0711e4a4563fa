"""What an activity can be."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import attrs
from twisted.python.failure import Failure

__all__ = ["Failed", "Ok", "Pending", "alike"]

T = TypeVar("T", covariant=True)


@attrs.frozen
class Pending:
    """The value is not known yet.

    .. versionadded:: 0.1
    """


@attrs.frozen
class Ok(Generic[T]):
    """The value is known.

    .. versionadded:: 0.1
    """

    value: T


@attrs.frozen
class Failed:
    """The value cannot be had, and none was known before.

    .. versionadded:: 0.1
    """

    failure: Failure


def alike(one: Any, other: Any) -> bool:
    """Whether two states hold the same thing; no values are compared, which may be large."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Ok):
        return one.value is other.value
    return bool(one == other)
