"""One poll of the server for all who observe a key."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.backoff import Backoff
from txetcd.keys.events.registration import LAST, Registration
from txetcd.keys.poll import MISSING, Poll
from txetcd.keys.session import Session
from txetcd.keys.watching.freshness import Freshness, Hearing
from txetcd.keys.watching.present import Present
from txetcd.model.node import NodeOp, State
from txetcd.reactive import Activity, Closable, Failed, Ok, Pending, Var

__all__ = ["Shared"]

T = TypeVar("T")


class Shared(Activity[T]):
    """An activity that a poll feeds while somebody observes it.

    The poll is begun by the first observer.  When the last has gone it goes on for the
    time that the session lingers, so that one who comes back finds it running; then its
    request is cancelled, and the state is `Pending` again.  When the poll has ended by
    itself, the next first observer begins another.

    Args:
        session: What is asked.
        path: The key.
        recursive: Whether all that is below counts too.
        backoff: The delays after failures in a row.

    Attributes:
        path: The key.
    """

    def __init__(self, session: Session, path: str, recursive: bool, backoff: Backoff) -> None:
        self.path = path
        self._session = session
        self._recursive = recursive
        self._backoff = backoff
        self._present: Present[T] = Present(self._wanted, self._unwanted)
        #: Whether the server has said something of the key since the poll was begun.
        self._informed = False
        self._hearing = Hearing(session.clock)
        #: None while nothing is running.
        self._poll: Poll | None = None
        self._registration: Registration | None = None
        self._lingering: Deferred[None] | None = None

    @property
    def state(self) -> Pending | Ok[T] | Failed:
        return self._present.now().value

    def observe(self, told: Callable[[Pending | Ok[T] | Failed], object]) -> Closable:
        if not callable(told):
            raise TypeError(f"observe() takes a function that is told, not {told!r}")
        return self._present.observe(told)

    def _node(self) -> Present[T]:
        return self._present

    @property
    def freshness(self) -> Var[Freshness]:
        """How this stands with the server; it can be observed."""
        return self._hearing.freshness

    @property
    def stale_by(self) -> float:
        """How many seconds old the state may be now: see `Freshness.stale_by`."""
        return self.freshness.value.stale_by(self._session.clock.seconds())

    # --- observers come and go -----------------------------------------------

    def _wanted(self) -> None:
        """The first observer has come."""
        lingering, self._lingering = self._lingering, None
        if lingering is not None:
            lingering.cancel()
        if self._poll is None:
            self._begin()

    def _unwanted(self) -> None:
        """The last observer has gone: after a while, nothing is to be left."""
        if self._poll is not None:
            self._lingering = self._session.sleep(self._session.linger)
            self._lingering.addCallbacks(self._stop, lambda _: None)

    # --- the poll ------------------------------------------------------------

    def _begin(self) -> None:
        self._forget()
        self._hearing.began()
        self._poll = self._make_poll(self._hearing.alive)
        # It is nobody's: what a caller has in its context (a trace, say) ends with the call.
        self._registration = Context().run(Registration, self._poll, self._told)

    def _make_poll(
        self, on_alive: Callable[[State], object] | None = None, after: NodeOp | None = None
    ) -> Poll:
        return Poll(
            self._session,
            self.path,
            self._recursive,
            self._backoff,
            on_alive=on_alive,
            after=after,
        )

    def _stop(self, _: object = None) -> None:
        registration, self._registration = self._registration, None
        self._poll = self._lingering = None
        if registration is not None:
            registration.close()
        self._forget()
        self._hearing.stopped()

    def _forget(self) -> None:
        self._informed = False
        self._present.hold(Pending())

    def _told(self, result: NodeOp | Failure) -> None:
        if not isinstance(result, Failure):
            self._informed = True
            self._take(result)
            return
        # It may be kept for long, and holds on to all the frames that it has passed.
        result.cleanFailure()
        if result.check(*MISSING):
            self._informed = True
            self._take_missing(result)
        else:
            self._take_failure(result)

    def _take_failure(self, failure: Failure) -> None:
        error: Any = failure.value
        if not isinstance(error, LAST):
            self._hearing.failed(error)
            if not self._informed:
                self._present.hold(Failed(failure))
            return
        self._poll = None
        before = self._present.now()
        self._hearing.ended(error)
        # One who was told of that may have begun anew.
        if self._present.now() is before:
            self._present.hold(Failed(failure))

    @abstractmethod
    def _take(self, op: NodeOp) -> None:
        """Take in a snapshot or a change."""

    @abstractmethod
    def _take_missing(self, missing: Failure) -> None:
        """Take in that there is no such key."""

    def __repr__(self) -> str:
        what = f"{self.path!r}{', recursive' if self._recursive else ''}"
        return (
            f"<{type(self).__name__} of {what}: {self.freshness.value.contact.value}, "
            f"{type(self.state).__name__}, observed by {self._present.observers}>"
        )
