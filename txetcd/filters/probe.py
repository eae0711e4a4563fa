"""Asking a service, now and then, whether it is alive."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from txetcd.clock import Clock, DelayedCall
from txetcd.service import Service

__all__ = ["Probe", "Probing"]

#: Asks a service whether it is alive: the Deferred that it returns is judged as a response is.
Probe = Callable[[Service[Any, Any]], Any]


class Probing:
    """One question at a time, each after a delay.

    Args:
        clock: Delays.
        probe: Asks.
        wanted: Whether there is still something to ask, when the time has come.
        answered: Told each outcome, a response or a `Failure`, and the service.
    """

    __slots__ = ("_answered", "_asked", "_call", "_clock", "_closed", "_probe", "_wanted")

    def __init__(
        self,
        clock: Clock,
        probe: Probe,
        wanted: Callable[[], bool],
        answered: Callable[[Any, Service[Any, Any]], None],
    ) -> None:
        self._clock = clock
        self._probe = probe
        self._wanted = wanted
        self._answered = answered
        self._closed = False
        self._call: DelayedCall | None = None
        self._asked: Deferred[Any] | None = None

    def ask_in(self, seconds: float, service: Service[Any, Any]) -> None:
        """Ask after a time, in place of any question that has been planned or asked."""
        asked = self._drop()
        if not self._closed:
            self._call = self._clock.callLater(seconds, self._ask, service)
        # Last, since it may call back into this.
        if asked is not None:
            asked.cancel()

    def stop(self) -> None:
        """Plan no question, and await no answer."""
        asked = self._drop()
        if asked is not None:
            asked.cancel()

    def _drop(self) -> Deferred[Any] | None:
        """Forget what is planned and what is asked; what is left to cancel."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        asked, self._asked = self._asked, None
        return asked

    def close(self) -> None:
        """Ask no more."""
        self._closed = True
        self.stop()

    @property
    def idle(self) -> bool:
        """Whether no question is planned and none is asked."""
        return self._call is None and self._asked is None

    def _ask(self, service: Service[Any, Any]) -> None:
        self._call = None
        if not self._wanted():
            return
        asked: Deferred[Any] = Deferred()
        self._asked = asked
        # It belongs to no caller, and some reactors call in the context of one.
        asked.addCallback(lambda _: Context().run(maybeDeferred, self._probe, service))
        asked.addBoth(self._told, asked, service)
        asked.callback(None)
        if self._asked is not asked:
            # It was dropped by what the probe called, unless it has ended.
            asked.cancel()

    def _told(self, outcome: Any, asked: Deferred[Any], service: Service[Any, Any]) -> None:
        if asked is self._asked:
            self._asked = None
            self._answered(outcome, service)
