"""The state of something that runs while it is observed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from txetcd.reactive import Failed, Ok, Pending
from txetcd.reactive.node import Change, Held

__all__ = ["Present"]

T = TypeVar("T")


class Present(Held["Pending | Ok[T] | Failed"]):
    """The state of a shared activity, which knows whether anybody observes it.

    Args:
        wanted: Called when the first observer has come, before it is told.
        unwanted: Called when the last one has gone.
    """

    def __init__(self, wanted: Callable[[], None], unwanted: Callable[[], None]) -> None:
        super().__init__(Pending())
        self._wanted = wanted
        self._unwanted = unwanted

    def _begin(self) -> None:
        self._wanted()

    def _rest(self) -> None:
        self._unwanted()

    def hold_unseen(self, state: Pending | Ok[T] | Failed) -> None:
        """Take on a state that is no news, and tell nobody."""
        self._change = Change(state)
