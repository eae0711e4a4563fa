"""Reads that are answered from memory, which a watch keeps true."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from txetcd.backoff import Backoff, Duration
from txetcd.clock import Clock
from txetcd.errors import ApiError
from txetcd.keys.cache.recital import recite
from txetcd.keys.cache.replica import Replica
from txetcd.keys.events import DEFAULT_BACKOFF, checked_schedule
from txetcd.keys.namespace.prefix import Prefix
from txetcd.keys.poll.changes import concerns
from txetcd.model.node import NodeOp
from txetcd.model.op import Get, Op, Refresh
from txetcd.model.path import absolute
from txetcd.service import Filter, Service

__all__ = ["Cache"]


class Cache(Filter[Op, NodeOp, Op, NodeOp]):
    """Answers plain gets of a key, and of all that is below it, from a tree that a watch
    keeps true; all else is asked below.

    The watch is the filter's own, on the service below.  It is begun by the first get
    that it could answer, costs one parked request, and begins with a recursive quorum
    read: the tree is to fit into memory.  Until it is known, and while the
    watch is not live, gets are asked below as if this filter were not there.

    **What is answered.**  What etcd would answer, directories and missing keys
    included, but for three things.  The state has the tree's index, and no other field.
    Nodes are always sorted.  Directories that were made on the way to a hidden
    key are not known until they are read.

    **What is asked below.**  Quorum reads and waits; hidden keys; whatever has a lease,
    since no watcher is told when it is refreshed; and a key missing together with the
    watched one.

    **How old an answer may be.**  A plain get of etcd's may be as old as the member that
    is asked is behind.  Here it is as old as news takes to come, milliseconds; and, while
    a connection is dead and nobody knows, or when it has just been made again, up to
    `BOUND` seconds (35).  After a longer outage all is read anew.  What delays the bodies
    of answers and lets their heads pass can make it older: ask with ``quorum`` where
    that matters.

    **You read what you wrote.**  After a write that passed here and was answered at an
    index, or refused at one, no get is answered from an older tree; nor after a wait that
    told of a change.  After a write whose outcome is unknown, or of which watchers are
    not told, the tree is read anew.  Writes of others, and of yours that pass
    elsewhere, are seen when the watch tells of them.

    An answer from the tree comes at once, and cannot be cancelled or fail but with
    `KeyNotFound` and `NotDir`.  All else has the outcome, and the errors, of the
    service below.  Closing ends the watch, and closes the service.

    **Where it belongs.**  Above `Retry` and all that guards the server, since what it
    answers costs the server nothing, and the watch is to stand behind them too; below
    what counts and logs operations, and below `Namespace` if the key is one of the
    whole store's.  It stands before one service, the first that it is used with:
    before another it lets everything pass.  The pattern is that of Kubernetes's informers
    (``client-go/tools/cache``).

    Args:
        path: The key.
        clock: Tells the time to the watch.
        backoff: The delays of the watch after failures in a row, in seconds; when they
            have ended, everything is asked below.

    Raises:
        ValueError: The path has a part that cannot name a key.
        TypeError: The path is not text.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        path: str,
        clock: Clock,
        backoff: Backoff | Iterable[Duration] = DEFAULT_BACKOFF,
    ) -> None:
        self._prefix = Prefix(absolute(path))
        self._clock = clock
        self._backoff = checked_schedule(backoff)
        self._replica: Replica | None = None

    def apply(self, request: Op, service: Service[Op, NodeOp]) -> Deferred[NodeOp]:
        if request.is_write:
            return service(request).addBoth(self._written, request)
        if not isinstance(request, Get):
            return service(request)
        if request.wait:
            return service(request).addCallback(self._woken)
        plain = not request.quorum and self._prefix.holds(request.path)
        answer = self._answer(request, service) if plain else None
        return service(request) if answer is None else succeed(answer)

    def _answer(self, request: Get, service: Service[Op, NodeOp]) -> NodeOp | None:
        replica = self._replica
        if replica is None:
            replica = self._replica = Replica(
                service, self._prefix.path, self._clock, self._backoff
            )
        tree = replica.tree() if replica.service is service else None
        if tree is None:
            return None
        try:
            return recite(tree, request)
        except ApiError as error:
            error.locate(request)
            raise

    # --- what the tree has to know -------------------------------------------

    def _woken(self, change: NodeOp) -> NodeOp:
        if self._replica is not None and self._is_told(change):
            self._replica.at_least(change.node.modified_index)
        return change

    def _written(self, outcome: Any, op: Op) -> Any:
        replica = self._replica
        if replica is None:
            return outcome
        if isinstance(outcome, NodeOp):
            if not isinstance(op, Refresh) and self._is_told(outcome):
                replica.at_least(outcome.node.modified_index)
            elif self._prefix.holds(outcome.node.key):
                replica.changed_unseen(outcome)
        elif self._prefix.holds(op.path) or self._prefix.is_below(op.path):
            error: Any = outcome.value
            if getattr(error, "possibly_applied", True):
                replica.forget()
            elif isinstance(error, ApiError):
                # It is about the store as it was then, which the caller knows now.
                replica.at_least(error.index)
        return outcome

    def _is_told(self, change: NodeOp) -> bool:
        """Whether a watch of the tree's key is told of a change."""
        return concerns(change, self._prefix.path, recursive=True)

    def close_with(self, service: Service[Op, NodeOp]) -> Deferred[None]:
        replica = self._replica
        if replica is None or replica.service is not service:
            return service.close()
        return replica.close()

    def __repr__(self) -> str:
        state = "not asked yet" if self._replica is None else repr(self._replica)
        return f"<Cache of {self._prefix.path!r}: {state}>"
