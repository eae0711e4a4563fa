"""All that is simulated, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tests.simulation.balancing import alike, one_slow
from tests.simulation.hedging import hedging, overloaded
from tests.simulation.members import members, panic
from tests.simulation.overload import fleet, refusing, stall
from tests.simulation.results import Result

__all__ = ["SCENARIOS", "SEED", "simulate"]

#: The seed of the results in the documentation.
SEED = 1

SCENARIOS: dict[str, Callable[[int], Result]] = {
    "stall": stall,
    "fleet": fleet,
    "refusing": refusing,
    "hedging": hedging,
    "overloaded": overloaded,
    "one slow": one_slow,
    "alike": alike,
    "members": members,
    "panic": panic,
}


@cache
def simulate(name: str, seed: int = SEED) -> Result:
    """What a scenario comes to, which is the same whenever it is asked for."""
    return SCENARIOS[name](seed)
