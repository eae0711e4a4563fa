"""One tree of keys for all who observe it."""

from __future__ import annotations

from typing import cast

from twisted.python.failure import Failure

from txetcd.errors import ApiError
from txetcd.keys.shared import Shared
from txetcd.keys.tree import Tree
from txetcd.model.node import Action, NodeOp
from txetcd.reactive import Ok

__all__ = ["WatchedTree"]


class WatchedTree(Shared[Tree]):
    """All that is below a key, as it changes, for any number of observers; from
    `Key.watch_tree`.

    However many observe it, the server sees one watch.  It is begun by the first
    observer.  When the last has gone it lingers for a few seconds (`LINGER`), so that
    coming back soon costs nothing.

    The state is `Ok` of an immutable `Tree`, and of another one after each change.
    **Each is what the store held at one index**, with nothing missing and nothing from
    another moment; to make it costs in proportion to the change.  ``tree.diff(older)``
    tells how two of them differ.

    - It is `Pending` until something is known.  A key that does not exist is an empty
      tree.
    - Where changes are lost because the server no longer has them, all is read again.  If
      it differs from the tree before, it is told, once; if not, nobody is.
    - A failure that passes is `Failed` if nothing is known yet.  Later the tree stays as
      it is, and ``freshness`` tells of the failure, and of how old the tree may be.
    - When the schedule of delays has ended it is `Failed` with `BackoffsExhausted`, and
      after `Etcd.close` with `ServiceClosed`.  The next observer after all have gone
      begins anew.

    Observers are told of each tree.  ``async for`` yields the latest, since a tree is a
    state and its difference from the one before tells what has happened: a slow loop
    misses trees, and no change.

    **Where it belongs.**  Where a program needs a part of the store at hand: its
    configuration, the members of a service.

    .. versionadded:: 0.1
    """

    def _take(self, op: NodeOp) -> None:
        tree = self._tree()
        if tree is None:
            self._present.hold(Ok(Tree.of(self.path, op, op.etcd.index)))
        elif op.action is Action.GET:
            self._read_again(tree, op, op.etcd.index)
        else:
            self._present.hold(Ok(tree.after(op)))

    def _take_missing(self, missing: Failure) -> None:
        tree, error = self._tree(), cast(ApiError, missing.value)
        if tree is None:
            self._present.hold(Ok(Tree.of(self.path, None, error.index)))
        else:
            self._read_again(tree, None, error.index)

    def _read_again(self, tree: Tree, op: NodeOp | None, index: int) -> None:
        read = tree.reread(op, index)
        if read.diff(tree):
            self._present.hold(Ok(read))
        else:
            # The same at a later index.
            self._present.hold_unseen(Ok(read))

    def _tree(self) -> Tree | None:
        return self.state.value if isinstance(self.state, Ok) else None
