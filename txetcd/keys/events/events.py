"""The events of a key, for witnesses and for ``async for``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from txetcd.backoff import Backoff, Duration
from txetcd.keys.events.buffer import LatestPerKey, Lossless, checked_size
from txetcd.keys.events.iteration import KeyEventIterator
from txetcd.keys.events.known import Known
from txetcd.keys.events.read_ahead import ReadAhead
from txetcd.keys.events.registration import Registration
from txetcd.keys.poll import Poll
from txetcd.keys.session import Session
from txetcd.model.node import NodeOp
from txetcd.reactive import Closable, Event, Witness
from txetcd.reactive.iteration import Iteration

__all__ = ["DEFAULT_BACKOFF", "KeyEvents", "checked_schedule"]

#: From 10 ms to 10 minutes, with full jitter, for ever.
DEFAULT_BACKOFF = Backoff.exponential_jittered(0.010, 600.0)

#: What may become of an event when the buffer is full.
ON_FULL = ("pause", "latest")


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
    is ready.  One that falls behind by more than the history gets a snapshot.  An
    iteration can be given a ``buffer``, into which events are read ahead.

    Raises:
        ValueError: ``buffer`` is negative, ``on_full`` is not a word that is known, or
            is ``"latest"`` where there is no buffer.
        TypeError: ``buffer`` is not a whole number, or ``on_error`` cannot be called.

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
        buffer: int = 0,
        on_full: str = "pause",
    ) -> None:
        _check(buffer, on_full)
        if on_error is not None and not callable(on_error):
            raise TypeError(f"on_error={on_error!r}: it must be a function, or None")
        self._session = session
        self._path = path
        self._recursive = recursive
        self._backoff = backoff
        self._on_error = on_error
        self._after_index = after_index
        self._size = buffer
        self._on_full = on_full

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

        Raises:
            TypeError: ``witness`` cannot be called.
        """
        return Registration(self._poll(), witness)

    def __aiter__(self) -> KeyEventIterator | Iteration[NodeOp]:
        """Start a poll, and iterate over the NodeOps that it brings.

        A failure that passes is logged, or told to ``on_error``.  A missing key is
        waited for; if it was there before, and history was lost, its removal is told
        by a NodeOp of `Action.DELETE` with no ``prev_node``.  The iteration raises
        `BackoffsExhausted` when the schedule has ended, and `ServiceClosed` when the
        client is closed.

        Between two steps no request is under way, so a loop can be left at any time
        and leaves nothing behind.  With a buffer one may be: it is cancelled when the
        iterator is collected, or by its ``aclose()``, which ends a step that waits as
        well.  A step that was cancelled may be made again; two at once are refused
        (``RuntimeError``).
        """
        # One who goes on after an index may have been told of the key before.
        known = Known(self._path, self._recursive, there=self._after_index is not None)
        source = KeyEventIterator(self._poll(), known, self._on_error)
        if self._size == 0:
            return source
        buffer = Lossless if self._on_full == "pause" else LatestPerKey
        return Iteration(ReadAhead(source, buffer(self._size)))

    def _poll(self) -> Poll:
        return Poll(
            self._session, self._path, self._recursive, self._backoff, self._after_index
        )

    def __repr__(self) -> str:
        return f"<KeyEvents of {self._path!r}{', recursive' if self._recursive else ''}>"


def _check(buffer: int, on_full: str) -> None:
    checked_size(buffer, least=0)
    if on_full not in ON_FULL:
        raise ValueError(f"on_full={on_full!r}: it must be one of {', '.join(map(repr, ON_FULL))}")
    if on_full == "latest" and buffer == 0:
        raise ValueError("on_full='latest' needs a buffer to keep the latest in: buffer=1 or more")


def checked_schedule(backoff: Backoff | Iterable[Duration]) -> Backoff:
    """The schedule of delays that a watch was given.

    Raises:
        ValueError: It is a list or a tuple, and holds what is no delay.
        TypeError: It is no iterable of delays.
    """
    if isinstance(backoff, (str, bytes)) or not hasattr(backoff, "__iter__"):
        raise TypeError(f"backoff={backoff!r}: it must be a Backoff, or an iterable of delays")
    if isinstance(backoff, (list, tuple)):
        for delay in backoff:
            _check_delay(delay, backoff)
    return Backoff.from_iterable(backoff)


def _check_delay(delay: Duration, backoff: object) -> None:
    try:
        Backoff.constant(delay)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"backoff={backoff!r}: a delay must be a finite number of seconds, 0 or more, "
            f"not {delay!r}"
        ) from None
