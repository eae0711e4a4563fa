"""A poll that runs by itself, and tells a witness."""

from __future__ import annotations

import inspect
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.errors import BackoffsExhausted, ServiceClosed
from txetcd.keys.poll import Poll
from txetcd.model.node import NodeOp
from txetcd.reactive import Witness

__all__ = ["LAST", "Registration"]

#: What is told last.
LAST = (BackoffsExhausted, ServiceClosed)

_log = Logger()


class Registration:
    """A poll that runs, and the witness that is told.

    Raises:
        TypeError: The witness cannot be called.
    """

    def __init__(self, poll: Poll, witness: Witness[NodeOp]) -> None:
        if not callable(witness):
            raise TypeError(f"a witness is a function that is told, not {witness!r}")
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
        return Failure(told), isinstance(told, LAST)

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


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
