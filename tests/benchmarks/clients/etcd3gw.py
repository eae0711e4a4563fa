"""etcd3gw: v3 through the server's JSON gateway, blocking, over requests, which keeps connections.

Several requests at a time are made by as many threads, each with a client of its own, since a
session of requests is not for sharing.  It reads a watch in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.clients.measure import with_session
from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Threads

__all__ = ["Etcd3gwSession", "measure"]


class Etcd3gwSession(Session):
    """A client for each thread."""

    api = "v3"
    bytes_as_values = True
    bytes_as_keys = True

    def _client(self) -> Any:
        import etcd3gw

        place = urlsplit(self.url)
        return etcd3gw.client(host=place.hostname or "", port=place.port or 0)

    def getter(self, key: str) -> Callable[[], Awaitable[Any]]:
        client = self._client()

        async def get() -> Any:
            found = client.get(key, serializable=True)
            return found[0] if found else None

        return get

    def setter(self, key: str) -> Callable[[str], Awaitable[Any]]:
        client = self._client()

        async def put(value: str) -> Any:
            return client.put(key, value)

        return put

    def lister(self, directory: str) -> Callable[[], Awaitable[dict[Any, Any]]]:
        client = self._client()

        async def read() -> dict[Any, Any]:
            return {about["key"]: value for value, about in client.get_prefix(f"{directory}/")}

        return read

    async def changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        events, _ = self._client().watch_prefix(f"{directory}/", start_revision=index)
        return self._values(events)

    async def _values(self, events: Any) -> AsyncIterator[Any]:
        for event in events:
            yield event["kv"]["value"]


measure = with_session(Etcd3gwSession, Threads())
