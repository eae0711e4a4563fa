"""What has been measured, and what follows from it: medians and ratios."""

from __future__ import annotations

import statistics
from typing import Any

import attrs

__all__ = ["CaseResult", "Outcome", "Results"]


@attrs.define
class Outcome:
    """What one client did in one case.

    Attributes:
        rounds: The figures of each round.
        kind: ``""`` if there are figures; else ``"absent"``, ``"n/a"`` or ``"error"``.
        why: What there is to say of that.
    """

    rounds: list[dict[str, float]] = attrs.Factory(list)
    kind: str = ""
    why: str = ""

    def add(self, answer: dict[str, Any]) -> None:
        """Add what a child has answered.  An error leaves no figure standing."""
        if "figures" in answer:
            self.rounds.append(answer["figures"])
        else:
            self.kind, self.why = answer["kind"], answer["why"]

    def median(self, figure: str) -> float | None:
        """The median of a figure over the rounds; None if there is none."""
        values = [each[figure] for each in self.rounds if figure in each]
        return statistics.median(values) if values and not self.kind else None

    def to_dict(self) -> dict[str, Any]:
        """What is written to a file."""
        if self.kind:
            return {"kind": self.kind, "why": self.why}
        names = self.rounds[0] if self.rounds else ()
        return {"median": {name: self.median(name) for name in names}, "rounds": self.rounds}


@attrs.define
class CaseResult:
    """What all clients did in one case, in the order in which they are shown."""

    name: str
    title: str
    outcomes: dict[str, Outcome]

    def median(self, client: str, figure: str) -> float | None:
        """The median of a client's figure; None if there is none."""
        outcome = self.outcomes.get(client)
        return None if outcome is None else outcome.median(figure)

    def ratio(self, client: str, figure: str, reference: str) -> float | None:
        """A client's figure divided by that of another; None if one of them has none."""
        ours, theirs = self.median(client, figure), self.median(reference, figure)
        return ours / theirs if ours is not None and theirs else None


@attrs.define
class Results:
    """All of a run.

    Attributes:
        machine: What it ran on, with all versions.
        settings: How much of everything, and how many rounds.
        cases: What was measured.
        layers: The cost of each layer of txetcd, in microseconds, if it was measured.
    """

    machine: dict[str, Any]
    settings: dict[str, Any]
    cases: list[CaseResult] = attrs.Factory(list)
    layers: dict[str, float] = attrs.Factory(dict)

    def case(self, name: str) -> CaseResult | None:
        """What was measured in a case, if it was."""
        return next((each for each in self.cases if each.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """What is written to a file."""
        return {
            "machine": self.machine,
            "settings": self.settings,
            "cases": {
                case.name: {
                    "title": case.title,
                    "clients": {name: each.to_dict() for name, each in case.outcomes.items()},
                }
                for case in self.cases
            },
            "layers": self.layers,
        }
