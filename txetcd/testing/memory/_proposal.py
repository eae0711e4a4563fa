"""Commands, and waiting for them to be agreed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from txetcd.clock import Clock, DelayedCall
from txetcd.testing.memory._history import Event
from txetcd.testing.memory._refusal import Refusal
from txetcd.testing.memory._store import Store

__all__ = ["PATIENCE", "Command", "Proposal"]

T = TypeVar("T")

#: Something that all members do with their stores.
Command = Callable[[Store], T]

#: How long etcd waits for others to agree, in seconds: 5, and two elections.
PATIENCE = 7.0


class Proposal:
    """A command that a member waits to be agreed on.

    Args:
        command: What is to be done.
        done: Called when it has been done, with its event.
        refused: Called when it could not be.
    """

    def __init__(
        self,
        command: Command[Event],
        done: Callable[[Event], None],
        refused: Callable[[Refusal], None],
    ) -> None:
        self.command = command
        self._done, self._refused = done, refused
        self._timer: DelayedCall | None = None

    def expire_in(self, seconds: float, clock: Clock, expired: Callable[[], None]) -> None:
        """Call something if it has not been carried out after a time."""
        self._timer = clock.callLater(seconds, expired)

    def forget(self) -> None:
        """Wait for it no more.  It may be carried out all the same."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def carry_out(self, commit: Callable[[Command[Event]], Event]) -> None:
        """Do it, and tell whoever waits for that."""
        self.forget()
        try:
            event = commit(self.command)
        except Refusal as refusal:
            self._refused(refusal)
        else:
            self._done(event)
