"""What a simulation has found, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from tests.simulation.users import Samples

__all__ = ["Figure", "Result", "Variant", "latencies", "milliseconds", "to_json"]

#: A number; or None for what did not come to pass.
Figure = int | float | None


@attrs.frozen
class Variant:
    """One way of doing it.

    Attributes:
        name: Which.
        figures: What came of it, by name.
        series: What happened in each second, by name.
    """

    name: str
    figures: Mapping[str, Figure]
    series: Mapping[str, Sequence[float]] = attrs.Factory(dict)


@attrs.frozen
class Result:
    """The ways of doing something, side by side.

    Attributes:
        title: What was simulated, in a line.
        settings: With which numbers.
        variants: The ways.
    """

    title: str
    settings: Mapping[str, Any]
    variants: Sequence[Variant]

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        """The figures of a variant, by its name."""
        return self.variant(name).figures

    def variant(self, name: str) -> Variant:
        return next(each for each in self.variants if each.name == name)


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def latencies(samples: Samples, *shares: float) -> dict[str, Figure]:
    """Quantiles, in milliseconds: ``{"p50 ms": 4.2, ...}``."""
    return {f"p{share * 100:g} ms": milliseconds(samples.quantile(share)) for share in shares}


def to_json(results: Mapping[str, Result], seed: int) -> str:
    """All results, as the text of a file."""
    found = {name: attrs.asdict(each) for name, each in results.items()}
    lines = json.dumps({"seed": seed, **found}, indent=1)
    return lines + "\n"
