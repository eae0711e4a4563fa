"""``txetcd demo``: what the library does, shown on a real etcd in some ten seconds."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import attrs
from twisted.internet.defer import Deferred, TimeoutError

from txetcd.backoff import Backoff
from txetcd.cli.burst import Burst
from txetcd.cli.exit_status import DemoFailed, ExitStatus
from txetcd.cli.settings import Settings
from txetcd.cli.tally import Tally
from txetcd.cli.terminal import Terminal
from txetcd.client import Etcd
from txetcd.errors import TestFailed, TxetcdError
from txetcd.keys import Key
from txetcd.model import Data, NodeOp
from txetcd.testing import EtcdNotFound, EtcdProcess, FaultProxy

__all__ = ["LIMIT", "demo"]

#: The demonstration has failed if it has not ended by then, in seconds.
LIMIT = 20.0

#: A watch whose connection is cut ten times a second must not wait long.
BACKOFF = Backoff.exponential_jittered(0.010, 0.2)


async def demo(reactor: Any, terminal: Terminal, settings: Settings) -> int:
    """Run the demonstration.

    Args:
        reactor: Makes connections, and keeps the time.
        terminal: Where it prints.
        settings: Its ``endpoints``, if any, are used in place of an etcd of its own.

    Returns:
        The exit status: 0 if nothing was lost and nothing was told twice.

    Raises:
        DemoFailed: It could not be shown, or did not end in time.
    """
    async with AsyncExitStack() as stack:
        shown = Deferred.fromCoroutine(_Demo(reactor, terminal, settings, stack).run())
        try:
            tally = await shown.addTimeout(LIMIT, reactor)
        except TimeoutError:
            raise DemoFailed(f"the demonstration did not end within {LIMIT:g} s") from None
        except EtcdNotFound as missing:
            raise DemoFailed(str(missing)) from None
    return ExitStatus.OK if tally.faultless else ExitStatus.DEMO_FAILED


class _Demo:
    """One run: what it has started is stopped by the stack."""

    def __init__(
        self, reactor: Any, terminal: Terminal, settings: Settings, stack: AsyncExitStack
    ) -> None:
        self._reactor = reactor
        self._terminal = terminal
        self._settings = settings
        self._stack = stack

    async def run(self) -> Tally:
        """Show everything, in order."""
        server = None if self._settings.endpoints else await self._start()
        url = server.url if server else (self._settings.endpoints or "").split(",")[0].strip()
        if url.startswith("https:"):
            raise DemoFailed("the demonstration cuts connections by a proxy, so it needs http")
        etcd = self._client(url)
        version = await etcd.version()
        self._terminal.line(f"etcd {version.server} at {url}")
        top = etcd.key(f"/txetcd-demo-{secrets.token_hex(4)}")
        await top.set(None)
        # The last to be pushed is the first to be done: before the client is closed.
        self._stack.push_async_callback(_removed, top)
        await self._values(top)
        await self._directory(top / "fruit")
        await self._expiry(top / "session")
        await self._swap(top / "leader")
        await self._watch(top / "colours")
        return await self._burst(server, url, top / "burst")

    async def _start(self) -> EtcdProcess:
        self._terminal.heading("An etcd of our own")
        server = EtcdProcess(self._reactor)
        self._stack.push_async_callback(_called, server.stop)
        return await server.start()

    def _client(self, url: str) -> Etcd:
        etcd = attrs.evolve(self._settings, endpoints=url).client(self._reactor)
        self._stack.push_async_callback(_called, etcd.close)
        return etcd

    async def _values(self, top: Key) -> None:
        self._terminal.heading("A value")
        await self._shown('key.set("hello")', (top / "greeting").set("hello"))
        await self._shown("key.get()", (top / "greeting").get())

    async def _directory(self, fruit: Key) -> None:
        self._terminal.heading("A directory")
        for name in ("apple", "pear", "plum"):
            await (fruit / name).set(f"one {name}")
        listing = (await fruit.get(sorted=True)).node
        self._said("key.get(sorted=True)", ", ".join(n.name for n in getattr(listing, "nodes", ())))

    async def _expiry(self, session: Key) -> None:
        self._terminal.heading("A time to live")
        made = await self._shown('key.set("mine", ttl=1)', session.set("mine", ttl=1))
        gone = session.get(wait=True, wait_index=made.node.modified_index + 1)
        await self._shown("key.get(wait=True)", gone)

    async def _swap(self, leader: Key) -> None:
        self._terminal.heading("Compare and swap")
        await leader.set("anna")
        asked = 'key.compare_and_swap("ben", prev_value="anna")'
        await self._shown(asked, leader.compare_and_swap("ben", prev_value="anna"))
        asked = 'key.compare_and_swap("cleo", prev_value="anna")'
        try:
            await leader.compare_and_swap("cleo", prev_value="anna")
        except TestFailed as error:
            self._said(asked, f"TestFailed: {error.cause}", "yellow")
        else:
            raise DemoFailed("etcd swapped a value that was not as expected")

    async def _watch(self, colours: Key) -> None:
        self._terminal.heading("A live watch")
        await (colours / "sky").set("blue")

        async def change() -> None:
            await (colours / "grass").set("green")
            await (colours / "sky").set("grey")
            await (colours / "grass").delete()

        changing: Deferred[None] | None = None
        count = 0
        async for op in colours.events(recursive=True):
            self._said(op.action.name.lower(), _told(op))
            if changing is None:
                changing = Deferred.fromCoroutine(change())
            count += 1
            if count == 4:
                break
        if changing is not None:
            await changing

    async def _burst(self, server: EtcdProcess | None, url: str, top: Key) -> Tally:
        killed = " and kill the server" if server else ""
        self._terminal.heading(f"1,000 writes, while we cut connections{killed}")
        proxy = FaultProxy(url, self._reactor)
        self._stack.push_async_callback(_called, proxy.stop)
        await proxy.start()
        await top.set(None)
        watched = self._client(proxy.url).key(top.path).events(recursive=True, backoff=BACKOFF)
        burst = Burst(self._reactor, self._terminal, top, watched, proxy, server)
        tally = await burst.run()
        self._counted(burst, tally)
        return tally

    def _counted(self, burst: Burst, tally: Tally) -> None:
        line = self._terminal.line
        line(f"connections cut {burst.cuts} times, server killed {burst.kills} times")
        line(f"the watch failed {burst.failures} times and went on, {burst.snapshots} snapshot(s)")
        if tally.covered:
            line(f"{tally.covered} changes were told by a snapshot")
        counts = f"written {tally.written}   seen {tally.seen}"
        verdict = f"lost {tally.lost}   twice {tally.twice}"
        line(f"{counts}   {verdict}", "bold", "green" if tally.faultless else "red")

    async def _shown(self, asked: str, answer: Awaitable[NodeOp]) -> NodeOp:
        op = await answer
        self._said(asked, f"{op.action.name.lower()} {_told(op)}")
        return op

    def _said(self, asked: str, answered: str, *styles: str) -> None:
        self._terminal.line(asked, "cyan")
        self._terminal.line(f"  {answered}", *styles)


def _told(op: NodeOp) -> str:
    name = op.node.name
    at = f"(index {op.node.modified_index})"
    if op.action.removes or not isinstance(op.node, Data):
        return f"{name} {at}"
    lease = op.node.lease
    ttl = f", {lease.ttl.total_seconds():g} s to live" if lease is not None else ""
    return f"{name} = {op.node.text!r} {at}{ttl}"


async def _called(close: Callable[[], Awaitable[Any]]) -> None:
    await close()


async def _removed(top: Key) -> None:
    try:
        await top.delete(recursive=True)
    except TxetcdError:
        # The server may be gone, as after Ctrl-C; then so is what was on it.
        pass
