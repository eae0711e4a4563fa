"""aiohttp, on asyncio's own loop: a GET, and its reply's ``json()``.

There is one session, which keeps its connections, of any number.  A watch asks for the index after
that of the last event: it does not see where changes were lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from tests.benchmarks.clients.measure import with_session
from tests.benchmarks.clients.reply import contents, keys_url
from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Asyncio

__all__ = ["AiohttpSession", "measure"]


class AiohttpSession(Session):
    """A `ClientSession`."""

    async def open(self) -> None:
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0)
        self._client = aiohttp.ClientSession(connector=connector, raise_for_status=True)
        self._any_time = aiohttp.ClientTimeout(total=None)
        self._waits: list[Any] = []

    def getter(self, key: str) -> Callable[[], Awaitable[Any]]:
        url = keys_url(self.url, key)

        async def get() -> Any:
            async with self._client.get(url) as response:
                return (await response.json())["node"]["value"]

        return get

    def setter(self, key: str) -> Callable[[str], Awaitable[Any]]:
        url = keys_url(self.url, key)

        async def put(value: str) -> Any:
            async with self._client.put(url, data={"value": value}) as response:
                return await response.json()

        return put

    def lister(self, directory: str) -> Callable[[], Awaitable[dict[Any, Any]]]:
        url = keys_url(self.url, directory)

        async def read() -> dict[Any, Any]:
            async with self._client.get(url, params={"recursive": "true"}) as response:
                return contents(await response.json())

        return read

    async def changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        return self._changes(keys_url(self.url, directory), index)

    async def _changes(self, url: str, index: int) -> AsyncIterator[Any]:
        while True:
            node = (await self._wait(url, recursive="true", waitIndex=str(index)))["node"]
            index = node["modifiedIndex"] + 1
            yield node["value"]

    async def _wait(self, url: str, **params: str) -> Any:
        asked = self._client.get(url, params={"wait": "true", **params}, timeout=self._any_time)
        async with asked as response:
            return await response.json()

    async def park(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._waits.append(asyncio.create_task(self._wait(keys_url(self.url, key))))


measure = with_session(AiohttpSession, Asyncio())
