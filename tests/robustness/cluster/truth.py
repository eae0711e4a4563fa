"""The whole history of the cluster, read from its members without the client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.robustness.cluster.history import Change
from tests.robustness.cluster.plain import FAILURES, Answer, Line
from txetcd import Action, Data, Dir, NodeOp, State
from txetcd.model import Node

__all__ = ["Truth", "read_change"]

#: How long a member may say nothing before another is asked, in seconds.
PATIENCE = 0.3

#: How long to wait before asking for what has not happened yet, in seconds: changes are then read
#: from history, a few at a time, and no wait is parked.
REST = 0.02


class Truth:
    """Reads every change there is, in a thread of its own, one request for each.

    It scans the history that each member keeps of the last 1000 changes, and believes only
    answers that come from there (``modifiedIndex`` no higher than ``X-Etcd-Index``): what wakes a
    wait that was parked may not be the next change.  A member that does not answer is left for
    the next one; all of them make the same changes at the same indexes.

    Args:
        ports: Where the members are now; asked again whenever one does not answer.
    """

    def __init__(self, ports: Callable[[], Sequence[int]]) -> None:
        self._ports = ports
        self._changes: list[Change] = []
        self._next = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="truth", daemon=True)
        #: Why the history cannot be known, if it cannot.
        self.broken: str | None = None

    def start(self, index: int) -> None:
        """Read what comes after an index."""
        self._next = index + 1
        self._thread.start()

    def stop(self) -> None:
        """Read no more, and wait for the thread to end, which takes a moment."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def position(self) -> int:
        """The index of the last change that was read."""
        return self._next - 1

    def below(self, path: str) -> list[Change]:
        """The changes so far to what is below a directory."""
        return [each for each in list(self._changes) if each.node.key.startswith(f"{path}/")]

    def _read(self) -> None:
        turn = 0
        while not self._stopping.is_set() and self.broken is None:
            ports = self._ports()
            line = Line(ports[turn % len(ports)], PATIENCE)
            try:
                self._follow(line)
            except FAILURES:
                turn += 1
                time.sleep(REST)
            finally:
                line.close()

    def _follow(self, line: Line) -> None:
        """Read from one member until it does not answer."""
        while not self._stopping.is_set() and self.broken is None:
            answer = line.ask(
                "GET", f"/v2/keys/?recursive=true&wait=true&waitIndex={self._next}"
            )
            if not self._believe(answer):
                time.sleep(REST)

    def _believe(self, answer: Answer) -> bool:
        """Take a change from history; whether there may be another right now."""
        if answer.document.get("errorCode") == 401:
            self.broken = f"the history since index {self._next} is gone: {answer.document}"
            return False
        if answer.status != 200 or not answer.document:
            raise ValueError(f"this is no change: {answer}")
        change = read_change(answer.document, answer.index)
        index = change.node.modified_index
        if index > answer.index:
            return False
        if index < self._next:
            self.broken = f"a wait from index {self._next} was answered {change}"
            return False
        self._changes.append(change)
        self._next = index + 1
        return index < answer.index

    def __repr__(self) -> str:
        broken = "" if self.broken is None else f", broken: {self.broken}"
        return f"<Truth up to index {self.position}{broken}>"


def read_change(document: dict[str, Any], index: int) -> Change:
    """A change, as etcd writes it."""
    previous = document.get("prevNode")
    return NodeOp(
        Action(document["action"]),
        _node(document["node"]),
        State(index),
        None if previous is None else _node(previous),
    )


def _node(document: dict[str, Any]) -> Node:
    indexes = (document["modifiedIndex"], document["createdIndex"])
    if document.get("dir"):
        return Dir(document["key"], *indexes)
    return Data(document["key"], *indexes, None, document.get("value", "").encode("utf-8"))
