"""The store of the v2 API: what it does with each request.

The definition is etcd 3.5.1, ``server/etcdserver/api/v2store/store.go``.
"""

from __future__ import annotations

from math import inf

from txetcd.errors import ErrorCode
from txetcd.testing.memory._history import Event
from txetcd.testing.memory._ledger import Ledger
from txetcd.testing.memory._node import Node, tree_as_shown
from txetcd.testing.memory._refusal import Refusal

__all__ = ["Store"]

#: How much too early something may expire, in nanoseconds: clocks tell the time as a float.
_ROUNDING = 1000


class Store(Ledger):
    """Keys, and the history of what was done to them.

    Paths are empty, for the root, or begin with a slash; times are in nanoseconds since 1970.
    All that is asked for returns an `Event`, or raises a `Refusal` and has changed nothing.
    """

    # --- reading ------------------------------------------------------------------------------

    def get(self, path: str, recursive: bool = False, in_order: bool = False) -> Event:
        """Read a node; of a directory, what is in it; and what is below that, if recursive."""
        node = self._tree.find(path)
        levels = inf if recursive else 1
        shown = tree_as_shown(node, self._now(), levels, in_order)
        return Event("get", path, self.index, shown)

    # --- writing ------------------------------------------------------------------------------

    def set(self, path: str, is_dir: bool, value: str, expires: int, refresh: bool) -> Event:
        """Make a node, or put it in the place of a file."""
        self._check_not_root(path)
        if refresh:
            value = self._tree.find(path).value
        else:
            self._tree.look(path)
        return self._make("set", path, is_dir, value, expires, refresh)

    def create(self, path: str, is_dir: bool, value: str, expires: int, unique: bool) -> Event:
        """Make a node, which must not be there, or a new one in a directory."""
        if unique:
            path = f"{path}/{self.index + 1:020}"
        self._check_not_root(path)
        return self._make("create", path, is_dir, value, expires)

    def update(self, path: str, value: str, expires: int, refresh: bool) -> Event:
        """Give a node another value and another lease."""
        self._check_not_root(path)
        node = self._tree.find(path)
        if node.is_dir and value:
            raise self._tree.refusal(ErrorCode.NOT_FILE, path)
        if node.is_dir and not self._edition.directories_take_leases:
            # An error inside of etcd, in which it forgets to hide its own prefix.
            raise Refusal(ErrorCode.RAFT_INTERNAL, f"nodePath /1{path} : Not a file ()")
        return self._change("update", node, value, expires, refresh)

    def compare_and_swap(
        self,
        path: str,
        prev_value: str,
        prev_index: int,
        value: str,
        expires: int,
        refresh: bool,
    ) -> Event:
        """Give a file another value and another lease, if it is as expected."""
        self._check_not_root(path)
        node = self._expected(path, prev_value, prev_index)
        return self._change("compareAndSwap", node, value, expires, refresh)

    def delete(self, path: str, is_dir: bool, recursive: bool) -> Event:
        """Remove a node."""
        self._check_not_root(path)
        node = self._tree.find(path)
        if node.is_dir and not (is_dir or recursive):
            raise self._tree.refusal(ErrorCode.NOT_FILE, path)
        if node.children and not recursive:
            raise self._tree.refusal(ErrorCode.DIR_NOT_EMPTY, path)
        return self._remove("delete", node)

    def compare_and_delete(self, path: str, prev_value: str, prev_index: int) -> Event:
        """Remove a file, if it is as expected."""
        return self._remove("compareAndDelete", self._expected(path, prev_value, prev_index))

    def expire(self, cutoff: int) -> list[Event]:
        """Remove all whose leases have ended."""
        expired: list[Event] = []
        node = self._tree.leases.first()
        while node is not None and node.expires <= cutoff + _ROUNDING:
            # As it was at that time, however late the clock may be.
            expired.append(self._remove("expire", node, node.expires))
            node = self._tree.leases.first()
        return expired

    def has_expired(self, cutoff: int) -> bool:
        """Whether there is a lease that has ended."""
        due = self.next_expiry
        return due is not None and due <= cutoff + _ROUNDING

    @property
    def next_expiry(self) -> int | None:
        """When something expires next."""
        node = self._tree.leases.first()
        return None if node is None else node.expires

    # --- how ----------------------------------------------------------------------------------

    def _check_not_root(self, path: str) -> None:
        if not path:
            raise self._tree.refusal(ErrorCode.ROOT_READ_ONLY, "/")

    def _expected(self, path: str, prev_value: str, prev_index: int) -> Node:
        """The file at a path, if it is as expected; neither an empty value nor 0 is asked for."""
        node = self._tree.find(path)
        if node.is_dir:
            raise self._tree.refusal(ErrorCode.NOT_FILE, path)
        wrong_value = bool(prev_value) and prev_value != node.value
        wrong_index = bool(prev_index) and prev_index != node.modified
        causes = [f"[{prev_value} != {node.value}]"] if wrong_value else []
        causes += [f"[{prev_index} != {node.modified}]"] if wrong_index else []
        if causes:
            raise self._tree.refusal(ErrorCode.TEST_FAILED, " ".join(causes))
        return node
