"""aetcd: v3 over gRPC, whose C core has threads of its own; their CPU time counts as well.

There is one client, with one connection for all requests and all watches.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.clients.measure import with_session
from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Asyncio

__all__ = ["AetcdSession", "measure"]


class AetcdSession(Session):
    """A `Client`."""

    api = "v3"
    bytes_as_values = True
    bytes_as_keys = True

    async def open(self) -> None:
        import aetcd

        place = urlsplit(self.url)
        self._client = aetcd.Client(host=place.hostname or "", port=place.port or 0)
        await self._client.connect()
        self._watches: list[Any] = []

    def getter(self, key: str) -> Callable[[], Awaitable[Any]]:
        encoded = key.encode()

        async def get() -> Any:
            found = await self._client.get(encoded, serializable=True)
            return None if found is None else found.value

        return get

    def setter(self, key: str) -> Callable[[str], Awaitable[Any]]:
        encoded = key.encode()

        async def put(value: str) -> Any:
            return await self._client.put(encoded, value.encode())

        return put

    def lister(self, directory: str) -> Callable[[], Awaitable[dict[Any, Any]]]:
        prefix = directory.encode() + b"/"

        async def read() -> dict[Any, Any]:
            # As its documentation advises: iterating over the result makes an object of each.
            return {kv.key: kv.value for kv in (await self._client.get_prefix(prefix)).kvs}

        return read

    async def changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        prefix = directory.encode() + b"/"
        return self._values(await self._client.watch_prefix(prefix, start_revision=index))

    async def _values(self, watch: Any) -> AsyncIterator[Any]:
        async for event in watch:
            yield event.kv.value

    async def park(self, keys: Sequence[str]) -> None:
        # It makes one at a time, whoever asks.
        self._watches += [await self._client.watch(key.encode()) for key in keys]


measure = with_session(AetcdSession, Asyncio())
