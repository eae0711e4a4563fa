"""The typed operations on one key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, fail

from txetcd.backoff import Backoff, Duration
from txetcd.keys.events import DEFAULT_BACKOFF, KeyEvents, checked_schedule
from txetcd.keys.session import Session
from txetcd.keys.watching.watch import Watch
from txetcd.keys.watching.watched_tree import WatchedTree
from txetcd.model.node import NodeOp
from txetcd.model.op import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Op,
    Refresh,
    Set,
    Ttl,
    Value,
)
from txetcd.model.path import absolute, join

__all__ = ["Key"]


class Key:
    """One key of etcd, or a directory; get one from `Etcd.key`.

    Every operation returns a `Deferred` that fires with a `NodeOp`, and none
    raises.  It fails

    - with `ValueError` or `TypeError` where the arguments make no request that
      etcd could carry out; nothing is sent then;
    - with an `ApiError` where etcd refuses: `KeyNotFound`, `TestFailed`, …;
    - with `NotSent`, `RequestTimedOut` or `ReplyLost` where the network fails;
    - with `AmbiguousWrite` where a write was sent and its outcome is unknown;
    - with `UnexpectedResponse` where the answer is not etcd's;
    - with `ServiceClosed` after `Etcd.close`.

    Cancelling it closes the connection it uses; a write may have been carried out.

    A value is `bytes`, or text to be encoded in UTF-8.  A ``ttl`` is seconds or a
    `datetime.timedelta`: a fraction is rounded up, 0 removes the lease, and None
    sets none (so a write without it makes the key permanent).

    Keys are immutable and cheap; make as many as you like.

    Args:
        path: The path from the root; text of any characters but NUL, in parts
            between slashes, none of which is empty, ``.`` or ``..``.
        session: What is asked.

    Raises:
        ValueError: The path has a part that cannot name a key.

    .. versionadded:: 0.1
    """

    __slots__ = ("_plain_get", "_session", "path")

    def __init__(self, path: str, session: Session) -> None:
        self.path = absolute(path)
        self._session = session
        self._plain_get: Get | None = None

    def key(self, name: str) -> Key:
        """The key at a path relative to this one; ``key / name`` is the same.

        Raises:
            ValueError: The path has a part that cannot name a key.
        """
        return Key(join(self.path, name), self._session)

    __truediv__ = key

    def get(
        self,
        recursive: bool = False,
        wait: bool = False,
        wait_index: int | None = None,
        quorum: bool = False,
        sorted: bool = False,
    ) -> Deferred[NodeOp]:
        """Read the key, or wait for its next change.

        A plain get is answered by one member from what it knows, which may be
        old; ``quorum`` asks the cluster.

        Args:
            recursive: Read, or watch, all that is below as well.
            wait: Wait for the first change whose index is at least
                ``wait_index``, or the next change.  There is no timeout.  A change
                between two waits, or while the server recovers, is missed: `events`
                misses none.
            wait_index: Where to wait from.
            quorum: Read what the cluster has agreed on; not with ``wait``.
            sorted: List nodes in the order of their keys.
        """
        if not (recursive or wait or quorum or sorted) and wait_index is None:
            # It is made once: checking its path again would cost a thirtieth of the whole.
            if self._plain_get is None:
                self._plain_get = Get(self.path)
            return self._session(self._plain_get)
        return self._ask(Get, recursive, wait, wait_index, quorum, sorted)

    def set(
        self, value: Value | None, ttl: Ttl | None = None, prev_exist: bool = False
    ) -> Deferred[NodeOp]:
        """Write the key, with the directories above it.

        Args:
            value: The value; None makes a directory (and replaces a value).
            ttl: How long it lives.
            prev_exist: Fail with `KeyNotFound` unless it exists.
        """
        return self._ask(Set, value, ttl, prev_exist)

    def create(self, value: Value | None, ttl: Ttl | None = None) -> Deferred[NodeOp]:
        """Write the key, and fail with `NodeExist` if it exists.

        Args:
            value: The value; None makes a directory.
            ttl: How long it lives.
        """
        return self._ask(Create, value, ttl)

    def create_in_order(self, value: Value | None, ttl: Ttl | None = None) -> Deferred[NodeOp]:
        """Make a new child of this directory, whose name follows those before it.

        Args:
            value: The child's value; None makes a directory.
            ttl: How long the child lives.
        """
        return self._ask(CreateInOrder, value, ttl)

    def compare_and_swap(
        self,
        value: Value,
        prev_index: int | None = None,
        prev_value: Value | None = None,
        prev_exist: bool = True,
        ttl: Ttl | None = None,
    ) -> Deferred[NodeOp]:
        """Write the key if it is as expected, or fail with `TestFailed`.

        At least one condition is needed, or the Deferred fails with `ValueError`.

        Args:
            value: The value to write.
            prev_index: The index of its last change must be this; 1 or more.
            prev_value: Its value must be this; not empty, which etcd cannot
                compare with.
            prev_exist: False: it must not exist (else `NodeExist`), and then no
                other condition can hold.
            ttl: How long it lives.
        """
        return self._ask(CompareAndSwap, value, prev_index, prev_value, prev_exist, ttl)

    def compare_and_delete(
        self, prev_index: int | None = None, prev_value: Value | None = None
    ) -> Deferred[NodeOp]:
        """Delete the key if it is as expected, or fail with `TestFailed`.

        The conditions are those of `compare_and_swap`, and one is needed.
        """
        return self._ask(CompareAndDelete, prev_index, prev_value)

    def delete(self, dir: bool = False, recursive: bool = False) -> Deferred[NodeOp]:
        """Delete the key.

        Args:
            dir: It may be a directory, if it is empty.
            recursive: It may be a directory, and all below it goes too.
        """
        return self._ask(Delete, dir, recursive)

    def refresh(self, ttl: Ttl) -> Deferred[NodeOp]:
        """Give the key a new lease; its value stays, and no watcher is told.

        Args:
            ttl: How long it lives from now on; more than 0.
        """
        return self._ask(Refresh, ttl)

    def events(
        self,
        recursive: bool = False,
        backoff: Backoff | Iterable[Duration] = DEFAULT_BACKOFF,
        on_error: Callable[[Exception], object] | None = None,
        after_index: int | None = None,
        buffer: int = 0,
        on_full: str = "pause",
    ) -> KeyEvents:
        """The key's state now and every change from then on: see `KeyEvents`.

        Args:
            recursive: Watch all that is below as well.
            backoff: The delays after failures in a row, in seconds; when they
                have ended, so does the watch.
            on_error: Told of failures that pass, by ``async for`` alone; they are
                logged if it is None.
            after_index: Go on after this index, which an earlier watch has reached,
                instead of beginning with a snapshot.  If the server no longer has
                the changes since, or has not reached it, a snapshot comes first all
                the same.
            buffer: How many events ``async for`` may read ahead, while the loop is
                busy; with 0 it asks for each when the loop is ready for it.
            on_full: What becomes of events when the buffer is full.  ``"pause"``: no more
                are asked for until there is room, and none is lost as long as the server
                has them.  ``"latest"``: of each key only the last one is kept; it is a
                `Coalesced`, which says how many it stands for.  If the buffer is full of
                different keys, it pauses all the same.

        Raises:
            ValueError: ``after_index`` is negative, or beyond any index of etcd's;
                ``buffer`` is negative; ``on_full`` is another word, or is ``"latest"``
                where there is no buffer; ``backoff`` is a list or a tuple, and holds what
                is no delay.
            TypeError: ``buffer`` is not a whole number, ``backoff`` is no iterable of
                delays, or ``on_error`` cannot be called.
        """
        if after_index is not None:
            # Made for its checks alone.
            Get(self.path, wait=True, wait_index=after_index)
        return KeyEvents(
            self._session,
            self.path,
            recursive,
            checked_schedule(backoff),
            on_error,
            after_index,
            buffer,
            on_full,
        )

    def watch(
        self, recursive: bool = False, backoff: Backoff | Iterable[Duration] = DEFAULT_BACKOFF
    ) -> Watch:
        """What was done to the key last, for any number of observers: see `Watch`.

        Whoever asks the same client for the same key, as ``recursive``, and with the same
        schedule object is given the same, and the server sees one watch of all of them.

        Args:
            recursive: Watch all that is below as well.
            backoff: The delays after failures in a row, in seconds; when they
                have ended, so does the watch.  Another `Backoff` makes another watch,
                though it be equal; and so does each list, so keep one to share one.

        Raises:
            ValueError: ``backoff`` is a list or a tuple, and holds what is no delay.
            TypeError: ``backoff`` is no iterable of delays.
        """
        schedule = checked_schedule(backoff)
        return self._session.shared(Watch, self.path, recursive, schedule)

    def watch_tree(
        self, backoff: Backoff | Iterable[Duration] = DEFAULT_BACKOFF
    ) -> WatchedTree:
        """All that is below the key, as it changes: see `WatchedTree`.

        It is shared as `watch` is, and raises the same.

        Args:
            backoff: The delays after failures in a row, in seconds; when they
                have ended, so does the watch.  Another `Backoff` makes another watch.
        """
        schedule = checked_schedule(backoff)
        return self._session.shared(WatchedTree, self.path, True, schedule)

    def _ask(self, op: Callable[..., Op], *fields: Any) -> Deferred[NodeOp]:
        try:
            request = op(self.path, *fields)
        except (TypeError, ValueError):
            return fail()
        return self._session(request)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return self.path == other.path and self._session is other._session

    def __hash__(self) -> int:
        return hash((self.path, id(self._session)))

    def __repr__(self) -> str:
        return f"Key({self.path!r})"
