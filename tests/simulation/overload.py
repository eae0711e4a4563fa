"""A server that has more to do than it can, for whatever reason, and its clients."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import attrs

from tests.simulation.clock import SimulatedClock
from tests.simulation.draws import exponential
from tests.simulation.faults import Fault, Kind
from tests.simulation.results import Figure, Result, Variant
from tests.simulation.servers import Server, attempt
from tests.simulation.users import Samples, Users
from tests.simulation.ways import WAYS
from txetcd import Service
from txetcd.filters import Deadline

__all__ = ["Plan", "fleet", "recovery", "refusing", "stall"]


@attrs.frozen(kw_only=True)
class Plan:
    """Who asks how much of what server.

    Attributes:
        clients: How many processes ask, each with filters of its own.
        load: How many requests of users there are in a second, of all clients together.
        capacity: How many the server can serve in a second.
        workers: How many it works on at a time.
        room: How many may wait at the server.
        refusal: What refusing one costs the server, in requests that it could have served.
        stalls: From when it serves nobody, in seconds.
        goes_on: Until when.
        ends: When the last user comes.
        deadline: How long an operation may take, in seconds.
        attempt: How long an attempt may take.
    """

    clients: int = 1
    load: int = 300
    capacity: int = 400
    workers: int = 4
    room: int = 800
    refusal: float = 0.0
    stalls: int = 10
    goes_on: int = 25
    ends: int = 60
    deadline: float = 2.0
    attempt: float = 1.0


STALL = Plan()
FLEET = Plan(clients=16, load=320)
REFUSING = Plan(load=600, capacity=200, room=20, refusal=0.25, stalls=0, goes_on=0, ends=15)


def stall(seed: int) -> Result:
    """Whether a service that has had bad seconds comes to itself again."""
    names = [name for name in WAYS if "min_per" not in name]
    return _result("One client, and a server that stalls for 15 s", seed, STALL, names)


def fleet(seed: int) -> Result:
    """The same with many small clients, each of which has a budget of its own."""
    names = [name for name in WAYS if "without" not in name]
    return _result("16 clients, and a server that stalls for 15 s", seed, FLEET, names)


def refusing(seed: int) -> Result:
    """A server that is asked three times too much, and for which refusing is work as well."""
    names = [name for name in WAYS if "min_per" not in name]
    return _result("Three times what a server can bear", seed, REFUSING, names)


def _result(title: str, seed: int, plan: Plan, names: Sequence[str]) -> Result:
    return Result(title, attrs.asdict(plan), [variant(seed, name, plan) for name in names])


def variant(seed: int, name: str, plan: Plan) -> Variant:
    """What comes of one way of asking."""
    clock = SimulatedClock()
    mean = plan.workers / plan.capacity
    server = Server(
        clock,
        Random(f"{seed} server"),
        workers=plan.workers,
        time=exponential(mean),
        room=plan.room,
        refusal=plan.refusal * mean,
        faults=[Fault(Kind.STALLS, plan.stalls, plan.goes_on)],
    )
    clients: list[Service[Any, Any]] = [
        Deadline[Any, Any](plan.deadline, clock)
        >> WAYS[name](clock, Random(f"{seed} client {n}"))
        >> attempt(clock, plan.attempt, server, share=0.5)
        for n in range(plan.clients)
    ]
    samples = Users(clock, Random(f"{seed} users"), clients, plan.load, plan.ends).run()
    series = {
        "sent": [server.attempts[n] for n in range(plan.ends)],
        "answered": samples.answered_per_second(plan.ends),
    }
    return Variant(name, _figures(samples, server, plan), series)


def _figures(samples: Samples, server: Server, plan: Plan) -> dict[str, Figure]:
    answered = len(samples) - samples.failed
    figures: dict[str, Figure] = {
        "failed %": round(100 * samples.failed / len(samples), 1),
        "sent per request": round(server.attempts.total() / len(samples), 2),
    }
    if plan.goes_on:
        wasted = round(100 * server.wasted / server.done, 1)
        return {"recovers after s": recovery(samples, plan), **figures, "wasted %": wasted}
    return {"answered per s": round(answered / plan.ends), **figures}


def recovery(samples: Samples, plan: Plan, share: float = 0.99) -> Figure:
    """How long after the end of its cause the trouble is over, in whole seconds.

    It is over when of the requests that begin within five seconds a share is answered.  None
    if that does not come to pass in time.
    """
    for late in range(plan.ends - plan.goes_on - 4):
        seen = samples.between(plan.goes_on + late, plan.goes_on + late + 5)
        if len(seen) - seen.failed >= share * len(seen):
            return late
    return None
