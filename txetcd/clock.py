"""Time, as a parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

__all__ = ["Clock", "DelayedCall", "sleep"]


class DelayedCall(Protocol):
    """What `Clock.callLater` returns: Twisted's ``IDelayedCall``, in part."""

    def active(self) -> bool:
        """Whether the call is still to come."""

    def cancel(self) -> None:
        """Do not make the call."""


class Clock(Protocol):
    """Tells the time and makes calls later: a reactor, or `twisted.internet.task.Clock`.

    It is Twisted's ``IReactorTime``, in part, and in a form that type checkers know
    without a plugin.
    """

    def seconds(self) -> float:
        """The time, in seconds from whenever."""

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> DelayedCall:
        """Call a function after ``delay`` seconds."""


def sleep(clock: Clock, seconds: float) -> Deferred[None]:
    """Fire with None after a time; cancelling it leaves no delayed call."""
    waiting: Any = clock
    return deferLater(waiting, seconds)
