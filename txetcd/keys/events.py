"""The events of a key, for witnesses and for ``async for``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.backoff import Backoff
from txetcd.errors import ApiError, BackoffsExhausted, ServiceClosed
from txetcd.keys.poll import MISSING, Poll
from txetcd.keys.session import Session
from txetcd.model.node import Action, Data, Dir, NodeOp, State
from txetcd.reactive import Closable, Event, Witness

__all__ = ["DEFAULT_BACKOFF", "KeyEvents"]

#: From 10 ms to 10 minutes, with full jitter, for ever.
DEFAULT_BACKOFF = Backoff.exponential_jittered(0.010, 600.0)

_log = Logger()


class KeyEvents(Event[NodeOp]):
    """The state of a key now, and every change of it from then on.

    Each witness and each iteration has a poll of its own, which begins with a
    snapshot (a `NodeOp` whose action is `Action.GET`), unless it was asked to go on
    after an index.  After it comes every change, exactly once and in the order of its
    index, whatever happens to the connection or the server.  Where changes can no
    longer be had, because the server keeps the last 1000 or because its data were
    replaced, another snapshot comes in their place: a gap is never silent.

    A failure that passes is told, and the poll goes on after the next delay of the
    schedule.  When the schedule has ended, `BackoffsExhausted` is the last that is
    told.  The schedule begins afresh whenever the server has been well.

    Nothing is remembered for a slow observer: the next request is made only when it
    is ready.  One that falls behind by more than the history gets a snapshot.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        session: Session,
        path: str,
        recursive: bool,
        backoff: Backoff,
        on_error: Callable[[Exception], object] | None = None,
        after_index: int | None = None,
    ) -> None:
        self._session = session
        self._path = path
        self._recursive = recursive
        self._backoff = backoff
        self._on_error = on_error
        self._after_index = after_index

    def register(self, witness: Witness[NodeOp]) -> Closable:
        """Start a poll, and tell ``witness`` of all that it brings.

        The witness is told a `NodeOp`, or a `Failure`: of `KeyNotFound`, which is the
        snapshot of a key that is missing; of an error that passes; at last of
        `BackoffsExhausted`, or of `ServiceClosed` when the client is closed.  If it
        returns an awaitable, the poll waits for it.  If it raises, that is logged, and
        the poll goes on.

        Returns:
            What to close to stop: at once, with the request under way cancelled.
            ``close()`` returns a Deferred that fires with None when nothing is left
            and nothing more will be told; it may be called by the witness.
        """
        return _Registration(self._poll(), witness)

    def __aiter__(self) -> KeyEventIterator:
        """Start a poll, and iterate over the NodeOps that it brings.

        A failure that passes is logged, or told to ``on_error``.  A missing key is
        waited for; if it was there before, and history was lost, its removal is told
        by a NodeOp of `Action.DELETE` with no ``prev_node``.  The iteration raises
        `BackoffsExhausted` when the schedule has ended, and `ServiceClosed` when the
        client is closed.

        Between two steps no request is under way, so a loop can be left at any time
        and leaves nothing behind.  A step that was cancelled may be made again.
        """
        resumed = self._after_index is not None
        return KeyEventIterator(
            self._poll(), self._path, self._recursive, self._on_error, resumed
        )

    def _poll(self) -> Poll:
        return Poll(
            self._session, self._path, self._recursive, self._backoff, self._after_index
        )

    def __repr__(self) -> str:
        return f"<KeyEvents of {self._path!r}{', recursive' if self._recursive else ''}>"


class _Registration:
    """A poll that runs, and the witness that is told."""

    def __init__(self, poll: Poll, witness: Witness[NodeOp]) -> None:
        self._poll = poll
        self._witness = witness
        self._closed = False
        self._telling = False
        self._waiting: Deferred[Any] | None = None
        self._running: Deferred[None] = Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        while not self._closed:
            if await self._step():
                return

    async def _step(self) -> bool:
        """Tell of one result; whether it was the last.

        Nothing of it is kept while the next is waited for: a failure holds on to all the
        frames that it has passed, 20 KB of them.
        """
        result, last = await self._result()
        if not self._closed:
            await self._tell(result)
        return last

    async def _result(self) -> tuple[NodeOp | Failure, bool]:
        """What the poll brings, and whether it is the last."""
        try:
            return await self._until_closed(Deferred.fromCoroutine(self._poll.next())), False
        except CancelledError as error:
            if self._closed:
                return Failure(), True
            # Some filter below fails so; it passes, as any failure does.
            told = self._poll.failed(error)
        except Exception as error:
            told = error
        return Failure(told), isinstance(told, (BackoffsExhausted, ServiceClosed))

    async def _tell(self, result: NodeOp | Failure) -> None:
        self._telling = True
        try:
            told = self._witness(result)
            if inspect.isawaitable(told):
                await self._until_closed(Deferred.fromCoroutine(_awaited(told)))
        except CancelledError:
            if not self._closed:
                _log.failure("the witness {witness!r} was cancelled", witness=self._witness)
        except Exception:
            _log.failure("the witness {witness!r} raised", witness=self._witness)
        finally:
            self._telling = False

    async def _until_closed(self, waiting: Deferred[Any]) -> Any:
        self._waiting = waiting
        try:
            return await waiting
        finally:
            self._waiting = None

    def close(self) -> Deferred[None]:
        self._closed = True
        if self._telling:
            # No request is under way, and the witness may wait for this Deferred.
            return succeed(None)
        if self._waiting is not None:
            self._waiting.cancel()
        ended: Deferred[None] = Deferred()
        self._running.addCallback(ended.callback)
        return ended

    def __repr__(self) -> str:
        return f"<registration, {'closed' if self._closed else 'open'}: {self._poll!r}>"


class KeyEventIterator:
    """The iterator of `KeyEvents`."""

    def __init__(
        self,
        poll: Poll,
        path: str,
        recursive: bool,
        on_error: Callable[[Exception], object] | None,
        resumed: bool = False,
    ) -> None:
        self._poll = poll
        self._path = path
        self._on_error = on_error
        self._ended = False
        self._below: type[Data] | type[Dir] = Dir if recursive else Data
        #: What the key was when it was last told of: None if it was not there.  One who
        #: goes on after an index may have been told of it, so is told if it is gone.
        self._known: type[Data] | type[Dir] | None = self._below if resumed else None

    def __aiter__(self) -> KeyEventIterator:
        return self

    async def __anext__(self) -> NodeOp:
        while not self._ended:
            try:
                op = await self._poll.next()
            except CancelledError:
                raise
            except MISSING as missing:
                if self._known is not None:
                    return self._gone(missing)
            except (BackoffsExhausted, ServiceClosed):
                self._ended = True
                raise
            except Exception as error:
                self._report(error)
            else:
                self._learn(op)
                return op
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the iteration; nothing is under way between two steps."""
        self._ended = True

    def _learn(self, op: NodeOp) -> None:
        if op.node.key == self._path:
            self._known = None if op.action.removes else type(op.node)
        else:
            above = len(op.node.key) < len(self._path)
            self._known = None if above else self._below

    def _gone(self, missing: ApiError) -> NodeOp:
        kind, self._known = self._known or self._below, None
        node = kind(self._path, missing.index, missing.index)
        return NodeOp(Action.DELETE, node, State(index=missing.index))

    def _report(self, error: Exception) -> None:
        if self._on_error is None:
            _log.warn("watching {path}: {error}; going on", path=self._path, error=error)
            return
        try:
            self._on_error(error)
        except Exception:
            _log.failure("on_error raised")


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
