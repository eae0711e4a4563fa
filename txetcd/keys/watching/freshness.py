"""How far what a shared watch tells can be trusted now."""

from __future__ import annotations

import math
from enum import Enum

import attrs

from txetcd.clock import Clock
from txetcd.reactive import Var

__all__ = ["Contact", "Freshness", "Hearing"]


class Contact(Enum):
    """How a watch stands with the server.

    .. versionadded:: 0.1
    """

    #: Nobody observes it, so nothing is asked.
    IDLE = "idle"
    #: It was begun, and the server has not answered yet.
    CONNECTING = "connecting"
    #: The server has answered, and nothing has failed since.
    LIVE = "live"
    #: The last that was asked has failed; it is asked again.
    RECONNECTING = "reconnecting"
    #: Its schedule of delays has ended, or the client was closed.
    ENDED = "ended"


@attrs.frozen
class Freshness:
    """How a watch stands with the server, since when, and why.

    Attributes:
        contact: How it stands.
        since: When that began, in seconds of the client's clock.
        heard: When the server was last heard, by the same clock, before this began;
            None if never.  (While it is live, the server is heard again and again, and
            no new `Freshness` is made of it.)
        error: What failed last, since it was live; or None.

    .. versionadded:: 0.1
    """

    contact: Contact
    since: float
    heard: float | None = None
    error: Exception | None = None

    @property
    def live(self) -> bool:
        """Whether changes are told as they happen.

        A connection that has died without a word is live until that is found out, which
        takes no longer than a wait is parked for (``REARM``, and some seconds).
        """
        return self.contact is Contact.LIVE

    def stale_by(self, now: float) -> float:
        """How many seconds old what is known may be: 0 while live, infinite if nothing is.

        That is, as far as the server that is asked knows: a member that is cut off from the
        others answers from what it has, and so it is 0.

        Args:
            now: The time, by the client's clock.
        """
        if self.live:
            return 0.0
        return math.inf if self.heard is None else max(0.0, now - self.heard)

    def __str__(self) -> str:
        reason = "" if self.error is None else f": {self.error}"
        return f"{self.contact.value} since {self.since:.3f}{reason}"


class Hearing:
    """Follows what a watch hears, and makes a `Freshness` of it when it changes.

    Args:
        clock: What tells the time.
    """

    __slots__ = ("_clock", "_heard", "freshness")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: float | None = None
        self.freshness: Var[Freshness] = Var(Freshness(Contact.IDLE, clock.seconds()))

    def alive(self, _: object = None) -> None:
        """The server has answered."""
        self._heard = self._clock.seconds()
        if self.freshness.value.contact is not Contact.LIVE:
            self._become(Contact.LIVE)

    def began(self) -> None:
        """It asks for the first time."""
        self._heard = None
        self._become(Contact.CONNECTING)

    def failed(self, error: Exception) -> None:
        """Something failed that will be tried again."""
        lost = self.freshness.value.contact is Contact.LIVE
        self._become(Contact.RECONNECTING if lost else self.freshness.value.contact, error)

    def ended(self, error: Exception) -> None:
        """It has failed for good."""
        self._become(Contact.ENDED, error)

    def stopped(self) -> None:
        """It asks no more, and so knows nothing."""
        self._heard = None
        self._become(Contact.IDLE)

    def _become(self, contact: Contact, error: Exception | None = None) -> None:
        present = self.freshness.value
        since = present.since if contact is present.contact else self._clock.seconds()
        self.freshness.update(Freshness(contact, since, self._heard, error))

    def __repr__(self) -> str:
        return f"<Hearing: {self.freshness.value}>"
