"""Those who send requests, and how these ended."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.simulation.clock import SimulatedClock
from tests.simulation.faults import READ
from txetcd import Service

__all__ = ["Sample", "Samples", "Users"]


class Sample(NamedTuple):
    """One request of a user's."""

    began: float
    ended: float
    well: bool


class Samples(list[Sample]):
    """All requests, in the order in which they ended."""

    @property
    def failed(self) -> int:
        return sum(not each.well for each in self)

    def between(self, begin: float, end: float) -> Samples:
        """Those that began in a time."""
        return Samples(each for each in self if begin <= each.began < end)

    def quantile(self, share: float) -> float:
        """How long a share of the requests took at most, in seconds; by nearest rank."""
        times = sorted(each.ended - each.began for each in self)
        return times[ceil(share * len(times)) - 1]

    def answered_per_second(self, seconds: int) -> list[int]:
        """How many answers came in each second."""
        counts = [0] * seconds
        for each in self:
            if each.well and each.ended < seconds:
                counts[int(each.ended)] += 1
        return counts


class Users:
    """Many who do not know of each other, and who do not wait for those before them.

    Their requests are a Poisson process: what comes does not slow down because the
    service does.

    Args:
        clock: Tells the time.
        random: When they come, and which client each uses.
        services: The clients.
        rate: How many requests there are in a second, of all together.
        until: When the last one comes.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        random: Random,
        services: Sequence[Service[Any, Any]],
        rate: float,
        until: float,
    ) -> None:
        self._clock = clock
        self._draw = random.random
        self._services = services
        self._rate = rate
        self._until = until
        self.samples = Samples()
        self.under_way = 0

    def run(self, longest: float = 60.0) -> Samples:
        """Let them all come, and all requests end.

        Args:
            longest: No request takes longer, in seconds.
        """
        self._next()
        self._clock.run(self._until + longest)
        if self.under_way:
            raise RuntimeError(f"{self.under_way} requests have not ended")
        return self.samples

    def _next(self) -> None:
        gap = round(-log(1.0 - self._draw()) / self._rate, 6)
        if self._clock.seconds() + gap < self._until:
            self._clock.callLater(gap, self._ask)

    def _ask(self) -> None:
        self._next()
        service = self._services[int(self._draw() * len(self._services))]
        self.under_way += 1
        answer: Deferred[Any] = service(READ)
        answer.addBoth(self._ended, self._clock.seconds())

    def _ended(self, outcome: Any, began: float) -> None:
        self.under_way -= 1
        well = not isinstance(outcome, Failure)
        self.samples.append(Sample(began, self._clock.seconds(), well))
