"""How changes are made: in the tree, in the history, and to those who wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from txetcd.errors import ErrorCode
from txetcd.testing.memory._edition import Edition
from txetcd.testing.memory._history import Event, History
from txetcd.testing.memory._hub import Hub
from txetcd.testing.memory._node import Node, as_removed, as_shown
from txetcd.testing.memory._tree import Tree

__all__ = ["Ledger"]

Self = TypeVar("Self", bound="Ledger")

#: What expires before 2000 never does, where it is made (but not where it is changed).
_LONG_AGO = 946_684_800_000_000_000


class Ledger:
    """A tree and its history, changed together.

    Args:
        tree: The keys.
        history: The events.
        now: Tells the time, in nanoseconds since 1970.
        edition: Where versions of etcd differ.
        hubs: Told of each event.
    """

    def __init__(
        self,
        tree: Tree,
        history: History,
        now: Callable[[], int],
        edition: Edition,
        hubs: Iterable[Hub] = (),
    ) -> None:
        self._tree = tree
        self.history = history
        self._now = now
        self._edition = edition
        self.hubs = list(hubs)

    @property
    def index(self) -> int:
        """How often something was done."""
        return self._tree.index

    def copy(self: Self) -> Self:
        """The same store, to go on by itself; it tells nobody."""
        return type(self)(self._tree.copy(), self.history.copy(), self._now, self._edition)

    def skip(self) -> None:
        """Do something that concerns no key."""
        self._tree.index = self.history.skip()

    # --- changes ------------------------------------------------------------------------------

    def _make(
        self,
        action: str,
        path: str,
        is_dir: bool,
        value: str,
        expires: int,
        refresh: bool = False,
    ) -> Event:
        tree, now = self._tree, self._now()
        parent = tree.make_parents(path)
        before = tree.child(path)
        prev_node = ""
        if before is not None:
            if action == "create":
                raise tree.refusal(ErrorCode.NODE_EXIST, path)
            if before.is_dir:
                raise tree.refusal(ErrorCode.NOT_FILE, path)
            prev_node = as_shown(before, now)
            tree.remove(before)
        expires = expires if expires >= _LONG_AGO else 0
        node = Node(path, tree.index + 1, None if is_dir else value, parent, expires)
        tree.put(node)
        shown = as_shown(node, now)
        return self._happened(
            Event(action, path, tree.index + 1, shown, prev_node, is_refresh=refresh)
        )

    def _change(
        self, action: str, node: Node, value: str, expires: int, refresh: bool
    ) -> Event:
        now, index = self._now(), self.index + 1
        prev_node = as_shown(node, now)
        before = node.modified
        if not node.is_dir and not refresh:
            node.value = value
        node.modified = index
        self._tree.leases.set(node, expires)
        shown = as_shown(node, now)
        if node.is_dir:
            # Changed or not, a directory tells the index at which it was made.
            node.modified = before
        return self._happened(
            Event(action, node.path, index, shown, prev_node, is_refresh=refresh)
        )

    def _remove(self, action: str, node: Node, at: int | None = None) -> Event:
        index = self.index + 1
        prev_node = as_shown(node, self._now() if at is None else at)
        event = Event(
            action,
            node.path,
            index,
            as_removed(node, index),
            prev_node,
            removes_dir=node.is_dir,
        )
        removed = self._tree.remove(node)
        for hub in self.hubs:
            for each in removed:
                hub.removed(event, each.path)
        return self._happened(event)

    def _happened(self, event: Event) -> Event:
        self._tree.index = event.index
        self.history.add(event)
        if not event.is_refresh:
            for hub in self.hubs:
                hub.notify(event)
        return event
