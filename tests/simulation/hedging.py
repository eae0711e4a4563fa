"""Servers that are slow now and then, and a second copy of what is slow."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import attrs

from tests.simulation.clock import SimulatedClock
from tests.simulation.draws import lognormal, now_and_then
from tests.simulation.faults import Read
from tests.simulation.results import Figure, Result, Variant, latencies
from tests.simulation.servers import attempt, servers
from tests.simulation.users import Samples, Users
from txetcd import Filter
from txetcd.balance import Balancer
from txetcd.filters import Hedge, RetryBudget

__all__ = ["OVERLOADED", "Plan", "WELL", "hedging", "overloaded", "tails", "variant"]


@attrs.frozen(kw_only=True)
class Plan:
    """Who asks how much of what servers.

    Attributes:
        servers: How many there are.
        workers: How many requests each works on at a time.
        usual_ms: How long most take, in milliseconds: the median.
        rare_ms: How long those take that are slow.
        rare: What share of them is.
        load: How many requests of users there are in a second.
        ends: When the last user comes, in seconds.
        attempt: How long an attempt may take.
    """

    servers: int = 3
    workers: int = 4
    usual_ms: float = 5.0
    rare_ms: float = 200.0
    rare: float = 0.005
    load: int = 300
    ends: int = 40
    attempt: float = 2.0


WELL = Plan()
OVERLOADED = Plan(workers=2, load=1000, ends=8)

AnyFilter = Filter[Any, Any, Any, Any]


def _with_budget(ratio: float) -> Callable[[SimulatedClock], AnyFilter]:
    """A copy for a share of the requests at the most; the default is 0.1."""
    return lambda clock: Hedge(
        clock, budget=RetryBudget(clock, min_per_second=0.1, ratio=ratio)
    )


WAYS: dict[str, Callable[[SimulatedClock], AnyFilter]] = {
    "no copies": lambda clock: Filter.identity,
    "Hedge": Hedge,
    "Hedge, budget of a twentieth": _with_budget(0.05),
    "Hedge(quantile=0.99)": lambda clock: Hedge(clock, quantile=0.99),
    "Hedge without a budget": _with_budget(1e9),
}


def hedging(seed: int) -> Result:
    """How long the slowest take, and how many more requests that costs."""
    variants = [variant(seed, name, WELL) for name in WAYS if "without" not in name]
    return Result(
        "Three servers; one request in 200 takes 40 times as long", attrs.asdict(WELL), variants
    )


def overloaded(seed: int) -> Result:
    """What copies cost where there is more to do than can be done."""
    names = ("no copies", "Hedge", "Hedge without a budget")
    variants = [variant(seed, name, OVERLOADED) for name in names]
    return Result("The same, asked for more than they can do", attrs.asdict(OVERLOADED), variants)


def variant(seed: int, name: str, plan: Plan) -> Variant:
    """What comes of one way of asking."""
    clock = SimulatedClock()
    rare, usual = lognormal(plan.rare_ms / 1000, 0.3), lognormal(plan.usual_ms / 1000, 0.4)
    time = now_and_then(plan.rare, rare, usual)
    there = servers(clock, seed, plan.servers, {}, workers=plan.workers, time=time)
    balancer: Balancer[Read, None] = Balancer(
        there,
        lambda address: attempt(clock, plan.attempt, there[address]),
        random=Random(f"{seed} balancer"),
    )
    client = WAYS[name](clock) >> balancer
    samples = Users(clock, Random(f"{seed} users"), [client], plan.load, plan.ends).run()
    sent = sum(each.attempts.total() for each in there.values())
    figures: dict[str, Figure] = latencies(samples, 0.5, 0.95, 0.99, 0.999)
    figures["more sent %"] = round(100 * (sent / len(samples) - 1), 1)
    figures["failed %"] = round(100 * samples.failed / len(samples), 1)
    return Variant(name, figures, tails(samples))


def tails(samples: Samples) -> dict[str, list[float]]:
    """How long all but a share of the requests take at most, for ever smaller shares."""
    shares = [10 ** (-n / 5) for n in range(1, 16)]
    return {
        "all but": [float(f"{share:.4g}") for share in shares],
        "ms": [round(samples.quantile(1 - share) * 1000, 1) for share in shares],
    }
