"""Waits that nothing has matched yet."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from txetcd.testing.memory._history import Event

__all__ = ["Hub", "Wait"]


@attrs.define(eq=False)
class Wait:
    """A wait.

    Attributes:
        path: The key that is waited on.
        recursive: Whether changes below it count.
        since: The first index that counts.
        stream: Whether it goes on after an event.
        told: Called with an event.
    """

    path: str
    recursive: bool
    since: int
    stream: bool
    told: Callable[[Event], None]


class Hub:
    """The waits that are parked on one member.

    Args:
        wake: Called with a wait and the event that it is to be told.
    """

    def __init__(self, wake: Callable[[Wait, Event], None]) -> None:
        self._wake = wake
        self._parked: dict[str, dict[Wait, None]] = {}

    def park(self, wait: Wait) -> None:
        """Have a wait told of the next event that matches."""
        self._parked.setdefault(wait.path, {})[wait] = None

    def leave(self, wait: Wait) -> None:
        """Have it told of none; nothing happens if it has been told."""
        parked = self._parked.get(wait.path, {})
        parked.pop(wait, None)
        if not parked:
            self._parked.pop(wait.path, None)

    def notify(self, event: Event) -> None:
        """Wake the waits on the key of an event, and on what it is in."""
        if not self._parked:
            return
        path = ""
        self._notify(event, path)
        for name in event.key.split("/")[1:]:
            path = f"{path}/{name}"
            self._notify(event, path)

    def removed(self, event: Event, path: str) -> None:
        """Wake the waits on something that an event removes."""
        if path in self._parked:
            self._notify(event, path, removed=True)

    def _notify(self, event: Event, path: str, removed: bool = False) -> None:
        parked = self._parked.get(path)
        if parked is None:
            return
        is_key = event.key == path
        if not is_key and _hides(path, event.key):
            return
        for wait in list(parked):
            if (wait.recursive or is_key or removed) and event.index >= wait.since:
                if not wait.stream:
                    self.leave(wait)
                self._wake(wait, event)


def _hides(path: str, key: str) -> bool:
    """Whether a key is hidden from whoever waits on a path above it."""
    return "/_" in key[len(path) :]
