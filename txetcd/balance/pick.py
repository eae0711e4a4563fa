"""Choosing one endpoint of several: functions and policies that do nothing else."""

from __future__ import annotations

import random as _random
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeVar

from txetcd.backoff import Random
from txetcd.service import Status

__all__ = ["Candidate", "Policy", "PowerOfTwoChoices", "RoundRobin", "panics", "usable"]


class Candidate(Protocol):
    """What can be chosen.

    .. versionadded:: 0.1
    """

    @property
    def address(self) -> str:
        """What tells it from all others."""

    @property
    def status(self) -> Status:
        """Whether it can be used now."""

    @property
    def load(self) -> float:
        """How much it has to do, in a measure that is that of the others."""


T = TypeVar("T", bound=Candidate)


def usable(candidates: Sequence[T], panic_threshold: float = 0.0) -> Sequence[T]:
    """The candidates of the best status there is: those that are open, most of the time.

    All of them, whatever their status, if fewer than a share of them are open: a server
    that is called down may yet answer, and the few that are up would break down under
    what all are to bear.  Envoy's panic threshold is the definition.

    Args:
        candidates: At least one.
        panic_threshold: That share, from 0 (never) to 1.

    Returns:
        Some of them; or ``candidates`` itself, if that is all.

    .. versionadded:: 0.1
    """
    statuses = [each.status for each in candidates]
    best = min(statuses)
    if _panics(statuses, panic_threshold) or statuses.count(best) == len(statuses):
        return candidates
    return [each for each, status in zip(candidates, statuses, strict=True) if status is best]


def panics(candidates: Sequence[Candidate], panic_threshold: float) -> bool:
    """Whether fewer than a share of the candidates are open, so that all are `usable`."""
    return _panics([each.status for each in candidates], panic_threshold)


def _panics(statuses: Sequence[Status], threshold: float) -> bool:
    return statuses.count(Status.OPEN) < threshold * len(statuses)


def highest_random_weight(candidates: Sequence[T], key: Hashable, salt: int) -> T:
    """The candidate for a key: always the same, as long as it is among the candidates.

    Keys are spread over all candidates alike.  When one is lost only its keys go to
    others, and to all of these alike; when it is back so are they.  Rendezvous hashing
    (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998).

    Args:
        candidates: At least one; their order does not matter.
        key: Anything that can be hashed.
        salt: Another salt, another spread.
    """
    # Text is hashed well (SipHash).  The hash of a tuple would not do: those of tuples that
    # differ in one place are too much alike.
    seed = f"{salt} {hash(key)} "
    return max(candidates, key=lambda each: hash(seed + each.address))


class Policy(Protocol):
    """How a balancer chooses.

    .. versionadded:: 0.1
    """

    def pick(
        self, candidates: Sequence[T], among: Callable[[Sequence[T]], Sequence[T]] = usable
    ) -> T:
        """Choose a candidate.

        Args:
            candidates: All there are; at least one.
            among: Those of them that may be chosen.  It looks at each, so it is asked
                only after a candidate that is not open would have been chosen; if it
                returns ``candidates`` itself, that choice stands.
        """


class PowerOfTwoChoices:
    """Draws two candidates, and takes the one with less load.

    Two draws are nearly as good as looking at all, and the load they leave on the worst
    of n grows with log log n, not with log n as that of one draw does.  And clients that
    do not know of each other do not all run to the same endpoint.  Mitzenmacher, "The
    Power of Two Choices in Randomized Load Balancing", 2001; Finagle's ``P2C``.

    A choice takes the same time however many candidates there are, unless it meets one
    that is not open.

    Args:
        random: Where randomness comes from; the `random` module if None.

    .. versionadded:: 0.1
    """

    __slots__ = ("_draw",)

    def __init__(self, random: Random | None = None) -> None:
        self._draw = (random or _random).random

    def pick(
        self, candidates: Sequence[T], among: Callable[[Sequence[T]], Sequence[T]] = usable
    ) -> T:
        """The one of two with less load; as `Policy.pick`."""
        chosen = self._lighter(candidates)
        if chosen.status:
            some = among(candidates)
            if some is not candidates:
                return self._lighter(some)
        return chosen

    def _lighter(self, candidates: Sequence[T]) -> T:
        n = len(candidates)
        if n == 1:
            return candidates[0]
        # One draw of an ordered pair, all of which are as likely: equals are taken alike.
        i, j = divmod(int(self._draw() * n * (n - 1)), n - 1)
        one, other = candidates[i], candidates[j + (j >= i)]
        return one if one.load <= other.load else other

    def __repr__(self) -> str:
        return "PowerOfTwoChoices()"


class RoundRobin:
    """Takes all candidates in turn, whatever their load.

    For endpoints and requests that are all alike, and for tests: it is exact.  The turn
    of a candidate that may not be chosen goes to the others in turn, so these
    remain equal.

    .. versionadded:: 0.1
    """

    __slots__ = ("_stood_in", "_turn")

    def __init__(self) -> None:
        self._turn = 0
        self._stood_in = 0

    def pick(
        self, candidates: Sequence[T], among: Callable[[Sequence[T]], Sequence[T]] = usable
    ) -> T:
        """The next one; as `Policy.pick`."""
        chosen = candidates[self._turn % len(candidates)]
        self._turn += 1
        if chosen.status:
            some = among(candidates)
            if some is not candidates:
                chosen = some[self._stood_in % len(some)]
                self._stood_in += 1
        return chosen

    def __repr__(self) -> str:
        return "RoundRobin()"
