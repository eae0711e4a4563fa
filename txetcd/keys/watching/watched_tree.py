"""One tree of keys for all who observe it."""

from __future__ import annotations

from typing import cast

from twisted.python.failure import Failure

from txetcd.errors import ApiError
from txetcd.keys.events.registration import LAST
from txetcd.keys.tree import Tree
from txetcd.keys.watching.shared import Shared
from txetcd.model.node import Action, NodeOp
from txetcd.reactive import Activity, Closable, Failed, Ok, Pending
from txetcd.reactive.iteration import Bell, Iteration

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
    state: a slow loop misses trees; `Tree.diff` tells all that is not as it was.  When the
    watch has ended it raises `BackoffsExhausted` or `ServiceClosed`, after the last tree.

    **Where it belongs.**  Where a program needs a part of the store at hand: its
    configuration, the members of a service.

    .. versionadded:: 0.1
    """

    def __aiter__(self) -> Iteration[Tree]:
        """Iterate over the latest tree at each step, until the watch has ended.

        The state `Failed` with `BackoffsExhausted` or `ServiceClosed` is raised, when the
        tree before it has been given; other failures are waited through.  It observes
        from the first step until its ``aclose()``, or until it is collected.
        """
        return Iteration(_Latest(self))

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


class _Latest:
    """The steps of a loop: the latest tree, once; at last, why there is no other.

    Args:
        watched: Observed from the first step on.
    """

    def __init__(self, watched: Activity[Tree]) -> None:
        self.bell = Bell()
        self.holder: object = None
        self._watched = watched
        self._observation: Closable | None = None
        # What has not been given yet.
        self._tree: Tree | None = None
        self._error: Exception | None = None
        self._ended = False

    async def next(self) -> Tree:
        if self._observation is None and not self._ended:
            self._observation = self._watched.observe(self._told)
        while self._tree is None:
            if (error := self._error) is not None:
                self.close()
                raise error
            if self._ended:
                raise StopAsyncIteration
            await self.bell.wait()
        tree, self._tree = self._tree, None
        return tree

    def _told(self, state: Pending | Ok[Tree] | Failed) -> None:
        if self._ended:
            return
        if isinstance(state, Ok):
            self._tree = state.value
            self.bell.ring()
        elif isinstance(state, Failed) and isinstance(error := state.failure.value, LAST):
            self._error, self._ended = error, True
            self.bell.ring()

    def close(self) -> None:
        self._tree = self._error = None
        self._ended = True
        if self._observation is not None:
            self._observation.close()

    def __repr__(self) -> str:
        return f"<latest of {self._watched!r}{', ended' if self._ended else ''}>"
