"""Servers: some workers, and a queue in front of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail

from tests.simulation.clock import SimulatedClock
from tests.simulation.draws import Time
from tests.simulation.faults import SLOWER, Fault, Kind, Read
from txetcd import NotSent, Service, UnexpectedResponse
from txetcd.filters import Timeout

__all__ = ["Server", "attempt", "servers"]


@attrs.frozen
class Job:
    """A request that a server has taken, and the answer that somebody may be waiting for."""

    answer: Deferred[None]
    seconds: float


class Server(Service[Read, None]):
    """Serves requests in the order in which they came, so many at a time.

    A client that gives up is free, but the server does not know: it does the work all the
    same, as one does that has read the request, or whose kernel has.

    Args:
        clock: Tells the time.
        random: How long each takes.
        workers: How many requests it works on at a time.
        time: How long it works on one.
        room: How many may wait; one more is answered 503, at once.
        refusal: What it costs to answer that, in seconds of a worker's time, which the next
            request has to wait for.
        faults: What happens to it, and when.

    Attributes:
        attempts: How many requests it was sent, in each second.
        during_faults: How many it was sent while a fault held.
        done: How many it has worked on.
        wasted: For how many of these nobody waited any more.
        answered: When it gave each answer that was waited for.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        random: Random,
        *,
        workers: int,
        time: Time,
        room: int = 1000,
        refusal: float = 0.0,
        faults: Sequence[Fault] = (),
    ) -> None:
        self._clock = clock
        self._draw = random.random
        self._idle = workers
        self._time = time
        self._room = room
        self._refusal = refusal
        # The time that refusals have cost, and that nobody has waited for yet.
        self._owed = 0.0
        self._faults = faults
        self._queue: deque[Job] = deque()
        self.attempts: Counter[int] = Counter()
        self.during_faults = 0
        self.done = 0
        self.wasted = 0
        self.answered: list[float] = []
        for fault in faults:
            if fault.kind is Kind.STALLS:
                clock.callLater(fault.end, self._work)

    def apply(self, request: Read) -> Deferred[None]:
        self.attempts[int(self._clock.seconds())] += 1
        kind = self._fault()
        self.during_faults += kind is not None
        if kind is Kind.REFUSES:
            return fail(NotSent("connection refused"))
        if kind is Kind.HANGS:
            return Deferred()
        if kind is Kind.FAILS or len(self._queue) >= self._room:
            self._owed += self._refusal
            return fail(UnexpectedResponse(503, reason="overloaded"))
        job = Job(Deferred(), self._seconds(kind))
        self._queue.append(job)
        self._work()
        return job.answer

    def _seconds(self, kind: Kind | None) -> float:
        return self._time(self._draw) * (SLOWER if kind is Kind.SLOW else 1)

    def _fault(self) -> Kind | None:
        now = self._clock.seconds()
        return next((each.kind for each in self._faults if each.holds(now)), None)

    def _work(self) -> None:
        """Begin what waits, as long as a worker is idle."""
        while self._idle and self._queue and self._fault() is not Kind.STALLS:
            self._idle -= 1
            job = self._queue.popleft()
            self._clock.callLater(job.seconds + self._owed, self._finish, job)
            self._owed = 0.0

    def _finish(self, job: Job) -> None:
        self._idle += 1
        self.done += 1
        if job.answer.called:
            self.wasted += 1
        else:
            self.answered.append(self._clock.seconds())
            job.answer.callback(None)
        self._work()

    def __repr__(self) -> str:
        return f"<Server {self.done} done, {len(self._queue)} waiting>"


def servers(
    clock: SimulatedClock,
    seed: int,
    number: int,
    faults: Mapping[int, Sequence[Fault]],
    **options: Any,
) -> dict[str, Server]:
    """Some servers by their addresses, the first of which is 0; each draws for itself."""
    return {
        f"server {n}": Server(
            clock, Random(f"{seed} server {n}"), faults=faults.get(n, ()), **options
        )
        for n in range(number)
    }


def attempt(
    clock: SimulatedClock, seconds: float, server: Server, share: float | None = None
) -> Service[Read, None]:
    """A server, as it is asked by a client that is not patient; see `Timeout`."""
    timeout: Timeout[Read, None] = Timeout(seconds, clock, share=share)
    return timeout >> server
