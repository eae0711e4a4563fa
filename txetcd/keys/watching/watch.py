"""One watch of a key for all who observe it."""

from __future__ import annotations

from typing import cast

from twisted.python.failure import Failure

from txetcd.errors import ApiError
from txetcd.keys.events.buffer import checked_size
from txetcd.keys.events.known import Known
from txetcd.keys.poll import Poll
from txetcd.keys.watching.detachable import Detachable
from txetcd.keys.watching.shared import Shared
from txetcd.model.node import NodeOp
from txetcd.reactive import Failed, Ok
from txetcd.reactive.iteration import Iteration

__all__ = ["BUFFER", "Watch"]

#: How many changes an iteration holds for its consumer: as many as etcd holds for all.
BUFFER = 1000


class Watch(Shared[NodeOp]):
    """The last that was done to a key, for any number of observers; from `Key.watch`.

    However many observe it, the server sees one watch.  It is begun by the first
    observer.  When the last has gone it lingers for a few seconds (`LINGER`), so that
    coming back soon costs nothing.

    The state is `Ok` of a snapshot (whose action is `Action.GET`), and then of every
    change, once and in order: whoever observes is told each of them.  Where changes are
    lost because the server no longer has them, another snapshot comes in their place.
    One who comes later is told the last first, and then every change; for all that is
    below a key now, see `Key.watch_tree`.

    - It is `Pending` until something is known.
    - It is `Failed` with `KeyNotFound` (or `NotDir`) if there is no such key to begin
      with.  One that is found gone after history was lost is `Ok` of a NodeOp of
      `Action.DELETE` with no ``prev_node``.
    - A failure that passes is `Failed` if nothing is known yet.  Later the state stays
      as it is, and ``freshness`` tells of the failure.
    - When the schedule of delays has ended it is `Failed` with `BackoffsExhausted`, and
      after `Etcd.close` with `ServiceClosed`.  The next observer after all have gone
      begins anew.

    **Where it belongs.**  Where several parts of a program follow the same key, or one
    that comes and goes.  An observer is a function that is called and not waited for;
    one that takes its time should iterate, or use `Key.events`, whose poll is its own.

    .. versionadded:: 0.1
    """

    def __aiter__(self) -> Iteration[NodeOp]:
        """Iterate over all that observers are told as `Ok`, with a buffer of `BUFFER`."""
        return self.iterate()

    def iterate(self, buffer: int = BUFFER) -> Iteration[NodeOp]:
        """Iterate over all that observers are told as `Ok`: each one, in order.

        A consumer that is busy finds what was told meanwhile in a buffer.  If that fills
        up, the others are not held up: this iteration leaves the shared watch.  When the
        consumer has taken what is in the buffer, it goes on with a poll of its own, which
        asks only when the consumer is ready: every change where the server still has the
        history, and else a snapshot.  (If the last that it was told was a snapshot, and what
        was in that has changed since, it is told another.)  So a consumer that has stopped
        costs the buffer, and nothing else, for however long.

        The state `Failed` with `BackoffsExhausted` or `ServiceClosed` is raised; others
        are waited through.

        It observes from the first step until its ``aclose()``, or until it is collected:
        a loop can be left at any time, and leaves nothing behind.  A step that is cancelled
        may be made again.

        Args:
            buffer: How many changes are held; 1 or more.

        Raises:
            ValueError: ``buffer`` is less than 1.
            TypeError: ``buffer`` is not a whole number.
        """
        size = checked_size(buffer, least=1)
        known = Known(self.path, self._recursive)
        return Iteration(Detachable(self, self._poll_after, known, size))

    def _poll_after(self, told: NodeOp) -> Poll:
        return self._make_poll(after=told)

    def _take(self, op: NodeOp) -> None:
        self._known.learn(op)
        self._present.hold(Ok(op))

    def _take_missing(self, missing: Failure) -> None:
        removal = self._known.gone(cast(ApiError, missing.value))
        if removal is not None:
            self._present.hold(Ok(removal))
        elif not isinstance(self.state, Ok):
            self._present.hold(Failed(missing))

    def _forget(self) -> None:
        super()._forget()
        self._known = Known(self.path, self._recursive)
