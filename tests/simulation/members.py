"""A member that dies and comes back; and three of four."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from tests.simulation.clock import SimulatedClock
from tests.simulation.draws import exponential
from tests.simulation.faults import READ, Fault, Kind
from tests.simulation.results import Figure, Result, Variant, milliseconds
from tests.simulation.servers import Server, attempt, servers
from tests.simulation.users import Samples, Users
from txetcd import Backoff, Filter, Service
from txetcd.balance import Balancer
from txetcd.filters import Deadline, FailureAccrual, Hedge, Retry, unreachable

__all__ = ["PANIC", "Plan", "WAYS", "members", "panic", "variant"]


@attrs.frozen(kw_only=True)
class Plan:
    """Who asks how much of what members, and what befalls them.

    Attributes:
        members: How many there are.
        dead: How many die.
        workers: How many requests each works on at a time.
        mean_ms: How long one takes in the mean, in milliseconds.
        load: How many requests of users there are in a second.
        dies: When they die, in seconds.
        back: When they are back.
        ends: When the last user comes.
        deadline: How long an operation may take, in seconds.
        attempt: How long an attempt may take.
    """

    members: int = 3
    dead: int = 1
    workers: int = 4
    mean_ms: float = 5.0
    load: int = 120
    dies: int = 10
    back: int = 30
    ends: int = 50
    deadline: float = 10.0
    attempt: float = 5.0


@attrs.frozen(kw_only=True)
class Way:
    """How the clients bear it.

    Attributes:
        kind: What is wrong with those that are dead.
        accrual: Whether a member that fails is left alone.
        probe: Whether it is then asked how it is, until it is well.
        hedge: At what quantile a second copy is sent, if at all.
        threshold: The panic threshold; see `Balancer`.
    """

    kind: Kind
    accrual: bool = True
    probe: bool = True
    hedge: float | None = None
    threshold: float = 0.0


WAYS: dict[str, Way] = {
    "refuses, no accrual": Way(kind=Kind.REFUSES, accrual=False),
    "refuses, no probe": Way(kind=Kind.REFUSES, probe=False),
    "refuses, the default": Way(kind=Kind.REFUSES),
    "fails, the default": Way(kind=Kind.FAILS),
    "hangs, no accrual": Way(kind=Kind.HANGS, accrual=False),
    "hangs, no probe": Way(kind=Kind.HANGS, probe=False),
    "hangs, the default": Way(kind=Kind.HANGS),
    "hangs, and Hedge(quantile=0.99)": Way(kind=Kind.HANGS, hedge=0.99),
}
PANIC: dict[str, Way] = {
    "panic_threshold=0": Way(kind=Kind.REFUSES),
    "panic_threshold=0.5": Way(kind=Kind.REFUSES, threshold=0.5),
}


def members(seed: int) -> Result:
    """Who notices, and how soon the member is left and found again."""
    plan = Plan()
    variants = [variant(seed, name, WAYS[name], plan) for name in WAYS]
    return Result("One of three members dies, and is back after 20 s", attrs.asdict(plan), variants)


def panic(seed: int) -> Result:
    """Whether to try those that are down, because they are many."""
    plan = Plan(members=4, dead=3)
    variants = [variant(seed, name, PANIC[name], plan) for name in PANIC]
    return Result("Three of four members refuse for 20 s", attrs.asdict(plan), variants)


def variant(seed: int, name: str, way: Way, plan: Plan) -> Variant:
    """What comes of one way of bearing it."""
    clock = SimulatedClock()
    fault = Fault(way.kind, plan.dies, plan.back)
    there = servers(
        clock,
        seed,
        plan.members,
        {n: [fault] for n in range(plan.dead)},
        workers=plan.workers,
        time=exponential(plan.mean_ms / 1000),
    )
    # When they were asked for their health.
    probes: list[float] = []

    def connect(address: str) -> Service[Any, Any]:
        accrual = _accrual(clock, way, Random(f"{seed} {address}"), probes)
        return accrual >> attempt(clock, plan.attempt, there[address], share=0.5)

    balancer = Balancer(
        there, connect, panic_threshold=way.threshold, random=Random(f"{seed} balancer")
    )
    backoff = Backoff.exponential_jittered(0.010, 1.0, Random(f"{seed} retry")).take(4)
    hedge = Hedge[Any, Any](clock, quantile=way.hedge) if way.hedge else Filter.identity
    client = (
        Deadline[Any, Any](plan.deadline, clock)
        >> Retry[Any, Any](clock, backoff=backoff)
        >> hedge
        >> balancer
    )
    samples = Users(clock, Random(f"{seed} users"), [client], plan.load, plan.ends).run()
    met = sum(each.during_faults for each in there.values()) - sum(map(fault.holds, probes))
    figures = _figures(samples, fault, met, list(there.values())[: plan.dead])
    first = there["server 0"]
    return Variant(name, figures, {"sent to it": [first.attempts[n] for n in range(plan.ends)]})


def _accrual(
    clock: SimulatedClock, way: Way, random: Random, probes: list[float]
) -> Filter[Any, Any, Any, Any]:
    """What the default stack of an endpoint has, with randomness of our own."""
    if not way.accrual:
        return Filter.identity

    def probe(service: Service[Any, Any]) -> Deferred[Any]:
        probes.append(clock.seconds())
        return service(READ)

    return FailureAccrual(
        clock,
        at_once=unreachable,
        backoff=Backoff.exponential_jittered(0.1, 10.0, random),
        probe=probe if way.probe else None,
    )


def _figures(
    samples: Samples, fault: Fault, met: int, dead: Sequence[Server]
) -> dict[str, Figure]:
    meanwhile = samples.between(fault.begin, fault.end)
    found = [_first(each.answered, fault.end) for each in dead]
    return {
        "met it": met,
        "failed": samples.failed,
        "slowest ms": milliseconds(meanwhile.quantile(1.0)),
        "over 100 ms": sum(each.ended - each.began > 0.1 for each in meanwhile),
        "found after s": None if None in found else round(max(f for f in found if f), 1),
    }


def _first(times: Sequence[float], since: float) -> float | None:
    """How long after a time the first of some is; None if none is."""
    return next((time - since for time in times if time >= since), None)
