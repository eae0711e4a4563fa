"""A client whose watch is of another class."""

from __future__ import annotations

from tests.robustness.cluster.simulation import BACKOFF, Client
from tests.robustness.watching.faulty import EventsOf
from txetcd.keys.poll import Poll

__all__ = ["watching"]


def watching(make: type[Poll], rate: float = 40.0) -> Client:
    """A client whose watch is of another class."""
    return Client(watch=lambda top: EventsOf(top, make, BACKOFF), rate=rate)
