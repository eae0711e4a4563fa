"""Giving each of some things another one that explains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["unmatched"]

T = TypeVar("T")
C = TypeVar("C")


def unmatched(
    things: Sequence[T], causes: Sequence[C], explains: Callable[[T, C], bool]
) -> list[T]:
    """The things that are left over when as many as can be have a cause of their own.

    It is the matching of a bipartite graph, by augmenting paths.
    """
    taken: dict[int, int] = {}

    def give(thing: int, asked: set[int]) -> bool:
        for number, cause in enumerate(causes):
            if number in asked or not explains(things[thing], cause):
                continue
            asked.add(number)
            if number not in taken or give(taken[number], asked):
                taken[number] = thing
                return True
        return False

    return [things[number] for number in range(len(things)) if not give(number, set())]
