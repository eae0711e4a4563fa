"""A watched tree that answers in the place of the server, as long as it may."""

from __future__ import annotations

from contextvars import Context

from twisted.internet.defer import Deferred

from txetcd.backoff import Backoff
from txetcd.clock import Clock
from txetcd.keys.cache.recital import is_shown
from txetcd.keys.poll.pulse import HEAD_TIME, REARM
from txetcd.keys.session import Session
from txetcd.keys.tree import Tree
from txetcd.keys.watching.freshness import Freshness
from txetcd.keys.watching.watched_tree import WatchedTree
from txetcd.model.node import NodeOp
from txetcd.model.op import Op
from txetcd.reactive import Closable, Ok
from txetcd.service import Service

__all__ = ["BOUND", "Replica"]

#: How old a tree may be without anybody knowing, in seconds: so long a connection may be
#: dead before that is found out.
BOUND = REARM + HEAD_TIME


class Replica:
    """The tree of a key, kept by a watch of its own on a service.

    The watch is begun when the tree is first asked for.  It is given up, and another
    begun when the tree is next asked for, where the tree may have missed something that it
    will not be told: see `forget`.  Since a watch begins with a quorum read, what
    was true before it began is in its first tree.

    Args:
        service: What the watch asks.
        path: The key.
        clock: Tells the time.
        backoff: The delays of the watch after failures in a row.
    """

    def __init__(
        self, service: Service[Op, NodeOp], path: str, clock: Clock, backoff: Backoff
    ) -> None:
        self.service = service
        self._path = path
        self._clock = clock
        self._backoff = backoff
        # It does not linger: nobody comes back to a watch that was given up.
        self._session = Session(service, clock, linger=0)
        self._watch: WatchedTree | None = None
        self._observers: list[Closable] = []
        self._lost: float | None = None
        # The tree is not to be older than this, and has been since then.
        self._least = 0
        self._since = 0.0
        self._index = 0

    def tree(self) -> Tree | None:
        """The tree, if it may be used now: it is live, and not older than it has to be."""
        if self._watch is None:
            self._begin()
        tree = self.seen()
        if tree is None or self._watch is None or not self._watch.freshness.value.live:
            return None
        if tree.index < self._index:
            # The store has lost its data, and its indexes begin anew.
            self.forget()
            return None
        self._index = tree.index
        if tree.index >= self._least:
            return tree
        if self._clock.seconds() - self._since > BOUND:
            # The change may be one that no watcher is told of.
            self.forget()
        return None

    def seen(self) -> Tree | None:
        """The tree that was last told, whether it may be used or not."""
        state = None if self._watch is None else self._watch.state
        return state.value if isinstance(state, Ok) else None

    def at_least(self, index: int) -> None:
        """Use no tree that is older than this."""
        tree = self.seen()
        if tree is None or tree.index >= self._least:
            self._since = self._clock.seconds()
        self._least = max(self._least, index)

    def changed_unseen(self, change: NodeOp) -> None:
        """Take in a change of which no watcher is told: a refresh, or that of a hidden key."""
        tree = self.seen()
        if tree is None:
            self.at_least(change.node.modified_index)
        elif not is_shown(tree, change.node.key):
            self.forget()

    def forget(self) -> None:
        """Use no tree that is known now, nor one that is made of it."""
        observers, self._observers, self._watch = self._observers, [], None
        for each in observers:
            each.close()
        self._least = self._index = 0

    def _begin(self) -> None:
        watch = self._watch = WatchedTree(self._session, self._path, True, self._backoff)
        self._lost = None
        # It is nobody's request: no deadline and no trace of the caller's is its own.
        context = Context()
        self._observers = [
            watch.freshness.observe(self._heard),
            context.run(watch.observe, _pass),
        ]

    def _heard(self, freshness: Freshness) -> None:
        if not freshness.live:
            self._lost = freshness.heard
        elif self._lost is not None:
            lost, self._lost = self._lost, None
            if self._clock.seconds() - lost > BOUND:
                # It is followed from where it was, and nobody says when it has caught up.
                self.forget()

    def close(self) -> Deferred[None]:
        """End the watch, and close the service."""
        return self._session.close()

    def __repr__(self) -> str:
        return "not asked yet" if self._watch is None else repr(self._watch)


def _pass(_: object) -> None:
    """Be told, and do nothing: to be observed is what keeps a watch going."""
