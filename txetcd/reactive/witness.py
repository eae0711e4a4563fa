"""Those who are told of occurrences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, Union

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Witness"]

S = TypeVar("S")

#: Told of each occurrence: a value, or a `Failure`.  It may return an awaitable
#: (a Deferred, say): the next occurrence then waits for it.
Witness = Callable[[Union[S, Failure]], Union["Deferred[Any]", Awaitable[Any], None]]
