"""Four servers, of which one may be ten times as slow as the others."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import attrs

from tests.simulation.clock import SimulatedClock
from tests.simulation.draws import exponential
from tests.simulation.faults import Fault, Kind, Read
from tests.simulation.results import Figure, Result, Variant, latencies
from tests.simulation.servers import attempt, servers
from tests.simulation.users import Users
from txetcd.balance import (
    Balancer,
    LeastLoaded,
    NewLoad,
    PeakEwma,
    Policy,
    PowerOfTwoChoices,
    RoundRobin,
)

__all__ = ["Plan", "alike", "one_slow", "variant"]


@attrs.frozen(kw_only=True)
class Plan:
    """Who asks how much of what servers.

    Attributes:
        servers: How many there are.
        workers: How many requests each works on at a time.
        mean_ms: How long one takes in the mean, in milliseconds.
        slow: Whether the first server takes ten times as long.
        load: How many requests of users there are in a second.
        ends: When the last user comes, in seconds.
        attempt: How long an attempt may take.
    """

    servers: int = 4
    workers: int = 4
    mean_ms: float = 10.0
    slow: bool
    load: int = 140
    ends: int = 60
    attempt: float = 5.0


Way = tuple[Callable[[Random], Policy], Callable[[SimulatedClock], NewLoad]]

WAYS: dict[str, Way] = {
    "RoundRobin": (lambda random: RoundRobin(), lambda clock: LeastLoaded),
    "LeastLoaded": (PowerOfTwoChoices, lambda clock: LeastLoaded),
    "PeakEwma": (PowerOfTwoChoices, PeakEwma),
}


def one_slow(seed: int) -> Result:
    """How soon the slow one is seen through."""
    return _result("Four servers, one of which takes ten times as long", seed, Plan(slow=True))


def alike(seed: int) -> Result:
    """How evenly servers are asked that are all alike."""
    return _result("Four servers that are alike", seed, Plan(slow=False))


def _result(title: str, seed: int, plan: Plan) -> Result:
    return Result(title, attrs.asdict(plan), [variant(seed, name, plan) for name in WAYS])


def variant(seed: int, name: str, plan: Plan) -> Variant:
    """What comes of one way of choosing."""
    clock = SimulatedClock()
    policy, load = WAYS[name]
    there = servers(
        clock,
        seed,
        plan.servers,
        {0: [Fault(Kind.SLOW, 0, 1e9)]} if plan.slow else {},
        workers=plan.workers,
        time=exponential(plan.mean_ms / 1000),
    )
    random = Random(f"{seed} balancer")
    balancer: Balancer[Read, None] = Balancer(
        there,
        lambda address: attempt(clock, plan.attempt, there[address]),
        policy=policy(random),
        load=load(clock),
        random=random,
    )
    samples = Users(clock, Random(f"{seed} users"), [balancer], plan.load, plan.ends).run()
    counts = [each.attempts.total() for each in there.values()]
    shares = [round(100 * each / sum(counts), 1) for each in counts]
    figures: dict[str, Figure] = {
        "first server %": shares[0],
        "most/mean": round(max(counts) * len(counts) / sum(counts), 2),
        **latencies(samples, 0.5, 0.95, 0.99),
    }
    return Variant(name, figures, {"shares %": shares})
