"""Events, and the history of them."""

from __future__ import annotations

import json

import attrs

from txetcd.errors import ErrorCode
from txetcd.testing.memory._refusal import Refusal
from txetcd.testing.memory._text import quoted

__all__ = ["Event", "History"]


@attrs.frozen(eq=False)
class Event:
    """Something that was done.

    Attributes:
        action: What.
        key: The key that it was done to.
        index: The index of the store after it.
        node: The node, in JSON.
        prev_node: The node before, in JSON; empty if there was none.
        removes_dir: Whether a directory was deleted, or expired.
        is_refresh: Whether it is told to nobody.
    """

    action: str
    key: str
    index: int
    node: str
    prev_node: str = ""
    removes_dir: bool = False
    is_refresh: bool = False

    @property
    def creates(self) -> bool:
        """Whether there was nothing before."""
        return self.action == "create" or (self.action == "set" and not self.prev_node)

    def read_over(self, before: Event) -> Event:
        """What Go's ``encoding/json`` makes of it where it reads it into another event."""
        prev_node = _read_over(self.prev_node, before.prev_node)
        is_dir = bool(prev_node) and json.loads(prev_node).get("dir", False)
        return Event(
            self.action,
            self.key,
            self.index,
            _read_over(self.node, before.node),
            prev_node,
            removes_dir=is_dir and self.action in ("delete", "expire"),
            is_refresh=self.is_refresh or before.is_refresh,
        )

    def body(self, bare: bool = False) -> bytes:
        """The event as the body of an answer.

        Args:
            bare: Whether to tell nothing but the action.
        """
        if bare:
            return f'{{"action":"{self.action}"}}\n'.encode()
        before = f',"prevNode":{self.prev_node}' if self.prev_node else ""
        return f'{{"action":"{self.action}","node":{self.node}{before}}}\n'.encode()


#: The fields of a node, in etcd's order.
_FIELDS = ("key", "value", "dir", "expiration", "ttl", "modifiedIndex", "createdIndex")


def _read_over(text: str, before: str) -> str:
    """A node that is read into another; both in JSON, and empty where there is none."""
    if not before or not text:
        return text or before
    fields = {**json.loads(before), **json.loads(text)}
    told = {name: fields[name] for name in _FIELDS if name in fields}
    shown = (
        f'"{name}":{quoted(value) if isinstance(value, str) else json.dumps(value)}'
        for name, value in told.items()
    )
    return f"{{{','.join(shown)}}}"


class History:
    """The last events: one for each index, so that they need not be searched for the first.

    Args:
        capacity: How many are kept.
        index: The index of the store.  What was done up to it concerns no key.

    Attributes:
        last: The index of the last event.
    """

    def __init__(self, capacity: int, index: int) -> None:
        self.capacity = capacity
        self.last = index
        self._events: list[Event | None] = [None] * capacity

    @property
    def first(self) -> int:
        """The index of the oldest event that is kept."""
        return max(1, self.last - self.capacity + 1)

    def add(self, event: Event) -> None:
        """Keep one more event, the one at the next index."""
        self.last = event.index
        self._events[event.index % self.capacity] = event

    def skip(self) -> int:
        """Let something be done that concerns no key; returns its index."""
        self.last += 1
        self._events[self.last % self.capacity] = None
        return self.last

    def events(self) -> list[Event]:
        """Those that whoever waits may be told of, the oldest first."""
        kept = range(self.first, self.last + 1)
        events = (self._events[index % self.capacity] for index in kept)
        return [event for event in events if event is not None and not event.is_refresh]

    def scan(self, path: str, recursive: bool, since: int) -> Event | None:
        """The first event at an index or later that matches a path, if there is one.

        Whoever waits on what a deleted directory held is told; and so is, by a slip of etcd's,
        whoever waits on a key that merely begins as the directory's does.

        Raises:
            Refusal: The history does not reach back so far.
        """
        if since < self.first:
            cause = f"the requested history has been cleared [{self.first}/{since}]"
            raise Refusal(ErrorCode.EVENT_INDEX_CLEARED, cause, self.last)
        below = f"{path}/"
        for index in range(since, self.last + 1):
            event = self._events[index % self.capacity]
            if event is None or event.is_refresh:
                continue
            key = event.key
            if (
                key == path
                or (recursive and key.startswith(below))
                or (event.removes_dir and path.startswith(key))
            ):
                return event
        return None

    def recover_over(self, before: History) -> None:
        """Be what etcd makes of this history, in a snapshot, where it had another one.

        It reads the snapshot into the events that it has, and what is left out there of an event
        remains of the one whose place it takes.  So one may be taken for a refresh, and is
        found by no scan; or have a lease, or a node before it, that it never had.
        """
        self._events = [
            new if new is None or old is None else new.read_over(old)
            for new, old in zip(self._events, before._events, strict=True)
        ]

    def copy(self) -> History:
        """The same history, to go on by itself."""
        copy = History(self.capacity, self.last)
        copy._events = self._events[:]
        return copy
