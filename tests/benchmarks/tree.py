"""What an update of a watched tree costs, by how many keys there are.

``python -m tests.benchmarks.tree`` prints a table in microseconds of CPU time.  Nothing in it
asserts a time: it is for reading.

**The shapes.**  *Wide*: all keys in one directory.  *Deep*: ten to a directory, so that 100,000
keys lie six levels deep.

**The peer.**  A dict that is copied for each update, and two that are compared key by key, as is
written by hand.  It is measured in the same run.

**In alternation.**  All are measured in turn, for several rounds, and the median is shown.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import attrs

from txetcd import Action, Data, NodeOp, State, Tree

__all__ = ["Cost", "main", "measure"]

SIZES = (1_000, 10_000, 100_000)
ROUNDS = 5
#: How many updates a round has.  The peer makes fewer where there are many keys, since each costs
#: as much.
UPDATES = 5_000
WATCHED = "/watched"

#: What is measured: to make the tree after a change, and to compare it with the one before too.
AFTER, BOTH = "after", "after and diff"


@attrs.frozen
class Cost:
    """What one thing costs.

    Attributes:
        what: `AFTER`, `BOTH`, or the same of the peer.
        shape: ``"wide"`` or ``"deep"``.
        keys: How many keys the tree has.
        microseconds: CPU time for doing it once.
    """

    what: str
    shape: str
    keys: int
    microseconds: float


def wide(n: int) -> str:
    """The path of the nth key, if all are in one directory."""
    return f"{WATCHED}/key-{n}"


def deep(n: int) -> str:
    """The path of the nth key, if there are ten to a directory."""
    return f"{WATCHED}/{'/'.join(str(n))}/key"


SHAPES: dict[str, Callable[[int], str]] = {"wide": wide, "deep": deep}


def measure(
    sizes: Sequence[int] = SIZES, rounds: int = ROUNDS, updates: int = UPDATES
) -> list[Cost]:
    """All costs.

    Args:
        sizes: How many keys the trees have.
        rounds: How often each is measured; the median counts.
        updates: How many updates a round has.
    """
    places = [(shape, keys) for shape in SHAPES for keys in sizes]
    found: dict[tuple[str, str, int], list[float]] = {}
    trees = {place: _tree(*place) for place in places}
    for n in range(rounds):
        for shape, keys in places:
            for what, cost in _round(trees[shape, keys], shape, keys, updates, n):
                found.setdefault((what, shape, keys), []).append(cost)
    return [Cost(*key, statistics.median(costs)) for key, costs in found.items()]


def _round(
    tree: Tree, shape: str, keys: int, updates: int, seed: int
) -> Iterator[tuple[str, float]]:
    changes = list(_changes(tree, SHAPES[shape], keys, updates, random.Random(seed)))
    few = changes[: max(1, updates // keys)]
    copy = dict(tree)
    yield AFTER, _time(lambda: _follow(tree, changes), len(changes))
    yield BOTH, _time(lambda: _follow_and_compare(tree, changes), len(changes))
    yield f"{AFTER}, by dict", _time(lambda: _copy(copy, few), len(few))
    yield f"{BOTH}, by dict", _time(lambda: _copy_and_compare(copy, few), len(few))


def _tree(shape: str, keys: int) -> Tree:
    tree = Tree.of(WATCHED, None, 0)
    for n in range(keys):
        tree = tree.after(_set(SHAPES[shape](n), n + 1))
    return tree


def _set(path: str, index: int) -> NodeOp:
    return NodeOp(Action.SET, Data(path, index, index, None, b"abc"), State(index))


def _changes(
    tree: Tree, path: Callable[[int], str], keys: int, count: int, random: random.Random
) -> Iterator[NodeOp]:
    """Writes to keys of the tree, in any order."""
    for n in range(count):
        yield _set(path(random.randrange(keys)), tree.index + n + 1)


def _follow(tree: Tree, changes: list[NodeOp]) -> None:
    for change in changes:
        tree = tree.after(change)


def _follow_and_compare(tree: Tree, changes: list[NodeOp]) -> None:
    # The first tree has been followed before, so the next begins a line of its own.
    tree = tree.after(changes[0])
    for change in changes[1:]:
        later = tree.after(change)
        later.diff(tree)
        tree = later


def _copy(nodes: dict[str, Any], changes: list[NodeOp]) -> None:
    for change in changes:
        nodes = _copied(nodes, change)


def _copy_and_compare(nodes: dict[str, Any], changes: list[NodeOp]) -> None:
    for change in changes:
        later = _copied(nodes, change)
        _compared(later, nodes)
        nodes = later


def _copied(nodes: dict[str, Any], change: NodeOp) -> dict[str, Any]:
    return {**nodes, change.node.key[len(WATCHED) + 1 :]: change.node}


def _compared(new: dict[str, Any], old: dict[str, Any]) -> Any:
    added = {path: node for path, node in new.items() if path not in old}
    removed = {path: node for path, node in old.items() if path not in new}
    changed = {path: node for path, node in new.items() if path in old and old[path] != node}
    return added, changed, removed


def _time(run: Callable[[], object], count: int) -> float:
    """Microseconds for one of so many."""
    gc.collect()
    began = process_time()
    run()
    return (process_time() - began) / count * 1e6


def table(costs: Sequence[Cost]) -> str:
    """The costs as a table: a column for each size."""
    sizes = sorted({cost.keys for cost in costs})
    rows: dict[tuple[str, str], dict[int, float]] = {}
    for cost in costs:
        rows.setdefault((cost.shape, cost.what), {})[cost.keys] = cost.microseconds
    lines = [f"{'CPU µs of one update':<32}" + "".join(f"{size:>12,} keys" for size in sizes)]
    for (shape, what), by_size in rows.items():
        lines.append(
            f"{shape + ', ' + what:<32}" + "".join(f"{by_size[size]:>17.1f}" for size in sizes)
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tree", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args(argv)
    costs = measure((10, 100), 1, 20) if options.quick else measure()
    print(table(costs))
    if options.json is not None:
        text = json.dumps([attrs.asdict(cost) for cost in costs], indent=1)
        options.json.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
