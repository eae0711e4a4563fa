"""Where the numbers of a client go.

A filter that counts asks a `StatsReceiver` for a metric once, keeps it, and tells it what
happens.  Which system shows the numbers is the receiver's concern alone.  The division is
Finagle's (``com.twitter.finagle.stats.StatsReceiver``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

__all__ = ["Counter", "Gauge", "Histogram", "StatsReceiver"]


class Counter(Protocol):
    """A number that grows and never shrinks."""

    def add(self, amount: float = 1) -> None:
        """Count so many more; 0 or more."""


class Gauge(Protocol):
    """A number that goes up and down."""

    def set(self, value: float) -> None:
        """Make it a value, whatever it was."""

    def add(self, amount: float) -> None:
        """Make it more, or less if ``amount`` is negative."""


class Histogram(Protocol):
    """How often a quantity had which size."""

    def observe(self, value: float) -> None:
        """Note one value."""


class StatsReceiver(ABC):
    """Gives metrics, by their name and labels.  The same ones give the same metric.

    A name ends with the unit that it counts in (``request_duration_seconds``), and a
    counter's name with what it counts (``requests``).  Those who ask for a metric by one name
    use the same names of labels each time.  Each combination of labels' values is a series of
    its own, kept for good: so a label's values must be few and known, the name of an
    operation say, and **never** a path or a value.

    .. versionadded:: 0.1
    """

    @abstractmethod
    def counter(self, name: str, help: str, labels: Mapping[str, str]) -> Counter:
        """A counter.

        Args:
            name: What it counts.
            help: The same in a few words, for people.
            labels: What sets it apart from others of its name.
        """

    @abstractmethod
    def gauge(self, name: str, help: str, labels: Mapping[str, str]) -> Gauge:
        """A gauge; the arguments are those of `StatsReceiver.counter`."""

    @abstractmethod
    def histogram(self, name: str, help: str, labels: Mapping[str, str]) -> Histogram:
        """A histogram; the arguments are those of `StatsReceiver.counter`."""
