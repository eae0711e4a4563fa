"""What each case asks of a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from tests.benchmarks.job import NotApplicable

__all__ = ["Session"]


class Session:
    """One client, connected to one server.

    What a program would make once and keep, such as a key or a URL, is made by `getter`,
    `setter` and `lister`; what these return is what is measured.  Of several that are used at
    once each has its own, so that a client which cannot be shared between threads is not.

    Args:
        url: The server.

    Attributes:
        api: The protocol.
        bytes_as_values: Whether the client tells values as bytes; else as text.
        bytes_as_keys: Whether it tells keys as bytes.
    """

    api = "v2"
    bytes_as_values = False
    bytes_as_keys = False

    def __init__(self, url: str) -> None:
        self.url = url

    def value(self, value: str) -> str | bytes:
        """A value as this client tells it."""
        return value.encode() if self.bytes_as_values else value

    def key(self, key: str) -> str | bytes:
        """A key as this client tells it."""
        return key.encode() if self.bytes_as_keys else key

    async def open(self) -> None:
        """Make what needs a running loop."""

    def getter(self, key: str) -> Callable[[], Awaitable[Any]]:
        """A function that reads a key, and returns its value."""
        raise NotImplementedError

    def setter(self, key: str) -> Callable[[str], Awaitable[Any]]:
        """A function that writes a key."""
        raise NotImplementedError

    def lister(self, directory: str) -> Callable[[], Awaitable[dict[Any, Any]]]:
        """A function that reads all that is in a directory, as a dict."""
        raise NotImplementedError

    async def changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        """The values that are written in a directory, from an index on."""
        raise NotImplementedError

    async def park(self, keys: Sequence[str]) -> None:
        """Start to watch each of the keys, and go on doing so."""
        raise NotApplicable("each watch would need a thread")
