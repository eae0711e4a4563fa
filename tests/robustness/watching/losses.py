"""What a plain client has missed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.robustness.watching.truth import Change, History, read_change

__all__ = ["losses"]


def losses(histories: Sequence[History], file: Path) -> tuple[int, int, int]:
    """How many events a plain client was told, has lost, and was told again.

    It began before the first change, or with it, and none counts as lost before the first that
    it was told.

    Args:
        histories: What happened to what it watches.
        file: What it has written.
    """
    lines = [line.split(b" ", 1) for line in file.read_bytes().splitlines()]
    told = [read_change(int(index), event) for index, event in lines]
    places: dict[Change, int] = {}
    for history in histories:
        for change in history.changes:
            places[change] = len(places)
    known = [places[change] for change in told if change in places]
    if not known:
        return 0, len(places), 0
    distinct = set(known)
    lost = len(places) - min(distinct) - len(distinct)
    return len(known), lost, len(known) - len(distinct)
