"""How a run is to go, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from tests.robustness.watching.promises import BrokenPromise
from tests.robustness.watching.verdict import Verdict

__all__ = ["LEAST_RATE", "Phase", "Plan", "Run", "Watch"]

#: Changes that must be made in a second for a run to count.
LEAST_RATE = 100.0


@attrs.frozen
class Plan:
    """How a run goes.

    Attributes:
        seed: Chooses what is written, whom faults strike, and in which order.
        size: How many members there are.
        kinds: The faults, each of which strikes once.
        rate: How many changes are begun in a second.
        calm: How long all is well before each fault, in seconds.
    """

    seed: int
    size: int
    kinds: Sequence[str]
    rate: float = 250.0
    calm: float = 0.3


@attrs.frozen
class Phase:
    """A fault, and what came of it.

    Attributes:
        fault: Its kind.
        hits: What it has struck for certain.
        recovery: How long it took each watcher that it may have struck to be told of something
            that was written since, in seconds.
        late: Watchers that were not told of anything new.
    """

    fault: str
    hits: int
    recovery: Sequence[float] = ()
    late: Sequence[str] = ()


@attrs.frozen
class Watch:
    """A watcher of the library's, and how it did.

    Attributes:
        name: The way in which it is used, and through what.
        verdict: How it did.
        failures: How many failures it was told of that passed.
        is_tree: Whether it was told trees, and no events.
    """

    name: str
    verdict: Verdict
    failures: int = 0
    is_tree: bool = False


@attrs.frozen
class Run:
    """What came of a run.

    Attributes:
        plan: How it went.
        phases: The faults, in the order in which they struck.
        watches: The library's watchers.
        naive: Of each plain client: how many events it was told, lost, and was told twice.
        changes: How many changes were made to what most watch.
        seconds: How long they were made.
        leaks: What was left when all clients had been closed.
        unknown: Why it is not known what happened, if it is not.
        damaged: How often a member has caught up by a snapshot over a history that was not
            prepared for it (see `SnapshotGap`): etcd may then tell what has not happened.
    """

    plan: Plan
    phases: Sequence[Phase] = ()
    watches: Sequence[Watch] = ()
    naive: Mapping[str, tuple[int, int, int]] = attrs.field(factory=dict)
    changes: int = 0
    seconds: float = 1.0
    leaks: Sequence[str] = ()
    unknown: str | None = None
    damaged: int = 0

    @property
    def told(self) -> int:
        """How many events all watchers were told; trees are not among them."""
        return sum(watch.verdict.events for watch in self.watches)

    @property
    def broken(self) -> list[tuple[str, BrokenPromise]]:
        """What was done wrong, and by whom."""
        return [(watch.name, each) for watch in self.watches for each in watch.verdict.broken]

    @property
    def wrongs(self) -> list[str]:
        """What is wrong with the library, or is to be looked at, in words."""
        late = [
            f"{phase.fault}: {who} heard nothing new" for phase in self.phases for who in phase.late
        ]
        return [*(f"{who}: {error}" for who, error in self.broken), *late, *self.leaks]

    @property
    def void(self) -> str | None:
        """Why the run shows nothing, if it does not."""
        if self.unknown is not None:
            return self.unknown
        if self.damaged:
            return f"etcd has damaged the history of a member, {self.damaged} times"
        if self.changes / self.seconds < LEAST_RATE:
            return f"only {self.changes / self.seconds:.0f} changes were made in a second"
        missed = Counter(phase.fault for phase in self.phases if not phase.hits)
        return f"these faults struck nothing: {', '.join(missed)}" if missed else None
