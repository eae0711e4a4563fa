"""How a run is to go, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from tests.robustness.cluster.history import History
from tests.robustness.cluster.traffic import KINDS, kind_of
from tests.robustness.cluster.violation import Violation
from txetcd import Action, NodeOp

__all__ = ["LEAST_RATE", "Plan", "Run"]

#: Operations that must be begun in a second for a run to count.
LEAST_RATE = 100.0


@attrs.frozen
class Plan:
    """How a run goes.

    Attributes:
        fault: Its kind, of `FAULTS`.
        seed: Chooses whom it strikes, when, and what is asked.
        kinds: The operations that are asked.
        transport: What carries them.
        timeout: How long an operation may take, in seconds; an attempt, half of it.
        rate: How many operations of each kind are begun in a second.
        before: How long the traffic is well before the fault, in seconds.
        fault_time: How long the fault lasts, in seconds.
        after: How long the traffic goes on when it is healed, in seconds.
    """

    fault: str
    seed: int
    kinds: Sequence[str] = KINDS
    transport: str = "direct"
    timeout: float = 2.0
    rate: float = 60.0
    before: float = 1.0
    fault_time: float = 2.5
    after: float = 1.5

    @property
    def name(self) -> str:
        """A name for the run, which can be that of a key."""
        return f"{self.fault}-{self.seed}"


@attrs.frozen
class Run:
    """What came of a run, in figures: a history takes as much memory as all else.

    Attributes:
        plan: How it went.
        hits: Requests under way that the fault struck for certain.
        seconds: How long operations were begun.
        outcomes: How the operations of each kind ended, by `Call.verdict`.
        errors: What operations failed with, by class.
        watched: Changes, snapshots and passing failures that the watch was told of.
        worst: How long the slowest operation took, in seconds.
        violations: What the client did wrong.
        broken: Why the history is not known, if it is not.
    """

    plan: Plan
    hits: int
    seconds: float
    outcomes: Mapping[str, Counter[str]]
    errors: Counter[str]
    watched: tuple[int, int, int]
    worst: float
    violations: Sequence[Violation]
    broken: str | None = None

    @classmethod
    def of(
        cls,
        plan: Plan,
        history: History,
        *,
        hits: int,
        seconds: float,
        violations: Sequence[Violation],
        failures: int = 0,
        broken: str | None = None,
    ) -> Run:
        """Count what is in a history; ``failures`` are those that the watch was told of."""
        outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in plan.kinds}
        errors: Counter[str] = Counter()
        for call in history.calls:
            outcomes[kind_of(call.op)][call.verdict] += 1
            if isinstance(call.outcome, BaseException):
                errors[type(call.outcome).__name__] += 1
        changes = sum(
            isinstance(op, NodeOp) and op.action is not Action.GET for op in history.told
        )
        return cls(
            plan,
            hits,
            seconds,
            outcomes,
            errors,
            (changes, len(history.told) - changes, failures),
            max((call.seconds for call in history.calls), default=0.0),
            violations,
            broken,
        )

    @property
    def operations(self) -> int:
        """How many operations were begun."""
        return sum(counts.total() for counts in self.outcomes.values())

    @property
    def rate(self) -> float:
        """Operations in a second."""
        return self.operations / self.seconds

    @property
    def void(self) -> str | None:
        """Why the run shows nothing, if it does not."""
        if self.broken is not None:
            return self.broken
        if not self.hits:
            return "the fault struck no request"
        if self.rate < LEAST_RATE:
            return f"only {self.rate:.0f} operations were begun in a second"
        return None
