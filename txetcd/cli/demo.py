"""The demonstration: what txetcd does, on a real etcd, and what it does when things break."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import attrs
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.task import LoopingCall

from txetcd.cli.burst import CUT_EVERY, Faults, Watcher, Writer
from txetcd.cli.exit_status import BadInput, DemoFailed, ExitStatus
from txetcd.cli.judge import Verdict, judge
from txetcd.cli.settings import Settings
from txetcd.cli.terminal import Terminal
from txetcd.client import Etcd
from txetcd.clock import sleep
from txetcd.errors import KeyNotFound, TestFailed
from txetcd.keys import Key
from txetcd.model import Action, Data, NodeOp
from txetcd.testing import EtcdFailed, EtcdNotFound, EtcdProcess, FaultProxy

__all__ = ["demo"]

WRITES = 1000
#: The demonstration is given up after so many seconds; what it takes to clean up comes on top.
LIMIT = 16.0
#: Each thing that is cleaned up is given up after so many seconds.
CLEAN_UP_LIMIT = 1.5
#: How long the watcher may be told nothing before it is judged, in seconds.
PATIENCE = 3.0
#: Whatever was to come unasked would have come within this time, in seconds.
AFTERWARDS = 0.2
#: On a server that is not ours the keys go by themselves, should we be killed, in seconds.
TTL = 300


async def demo(reactor: Any, terminal: Terminal, settings: Settings) -> int:
    """Show it all.

    Args:
        reactor: The reactor.
        terminal: Where it is shown.
        settings: The server, if it is not to be one of our own.

    Returns:
        The exit status: 0 only if all was written, and nothing was lost or told twice.

    Raises:
        DemoFailed: It could not be shown, or not in time.
        BadInput: The server cannot be used for it.
    """
    show = _Show(reactor, terminal, settings)
    running = Deferred.fromCoroutine(show.run())
    late = reactor.callLater(LIMIT, running.cancel)
    try:
        return await running
    except CancelledError:
        if late.active():
            raise
        raise DemoFailed(f"it did not end within {LIMIT:g} s; the last was: {show.part}") from None
    except (EtcdNotFound, EtcdFailed) as error:
        raise DemoFailed(str(error.args[0])) from None
    finally:
        terminal.clear()
        if late.active():
            late.cancel()


class _Show:
    """The parts of the demonstration, one after another."""

    def __init__(self, reactor: Any, terminal: Terminal, settings: Settings) -> None:
        self.part = "looking for a server"
        self._reactor = reactor
        self._terminal = terminal
        self._settings = settings
        self._began = reactor.seconds()

    async def run(self) -> int:
        """Show it all; the exit status."""
        async with AsyncExitStack() as left_behind:
            stage = await self._stage(left_behind)
            await self._show_keys(stage.top)
            await self._show_directory(stage.top)
            await self._show_watch(stage.top)
            await self._show_compare_and_swap(stage.top)
            await self._show_lease(stage.top)
            verdict = await self._show_burst(stage, left_behind)
            self._show_end(verdict)
        return ExitStatus.OK if verdict.faultless else ExitStatus.DEMO_FAILED

    # --- where -------------------------------------------------------------------

    async def _stage(self, left_behind: AsyncExitStack) -> _Stage:
        say, endpoints = self._terminal.say, self._settings.endpoints
        server = None
        if endpoints is None:
            server = EtcdProcess(self._reactor, grace=CLEAN_UP_LIMIT / 2)
            left_behind.push_async_callback(self._clean_up, server.stop)
            await server.start()
            url, path = server.url, "/demo"
        else:
            url, path = _first_plain(endpoints), f"/txetcd-demo-{secrets.token_hex(4)}"
        etcd = self._client(url)
        left_behind.push_async_callback(self._clean_up, etcd.close)
        top = etcd.key(path)
        say(("txetcd", "title"), f" on etcd {(await etcd.version()).server} at {url}")
        if server is None:
            say((f"in {path}, which is removed at the end", "quiet"))
            left_behind.push_async_callback(self._remove, top)
            await top.create(None, ttl=TTL)
        else:
            say(("started for this, and gone afterwards", "quiet"))
        return _Stage(url, server, top)

    def _client(self, url: str) -> Etcd:
        return attrs.evolve(self._settings, endpoints=url).client(self._reactor)

    async def _remove(self, top: Key) -> None:
        try:
            await top.delete(recursive=True).addTimeout(CLEAN_UP_LIMIT, self._reactor)
            # A write that was given up with the rest may come after, and is not to stay.
            await sleep(self._reactor, AFTERWARDS)
            await top.delete(recursive=True).addTimeout(CLEAN_UP_LIMIT, self._reactor)
        except KeyNotFound:
            pass
        except Exception as error:
            self._terminal.note(
                f"{top.path} is still there, and goes by itself within {TTL} seconds: {error}"
            )

    async def _clean_up(self, close: Callable[[], Deferred[None]]) -> None:
        try:
            await close().addTimeout(CLEAN_UP_LIMIT, self._reactor)
        except Exception:
            # What is left goes when the process ends, and it ends now.
            pass

    # --- one thing at a time -------------------------------------------------------

    def _title(self, text: str) -> None:
        self.part = text
        self._terminal.title(text)

    async def _show_keys(self, top: Key) -> None:
        self._title("A key")
        step, key = self._terminal.step, top / "greeting"
        op = await key.set("hello")
        step('await key.set("hello")', f"done, at index {op.etcd.index}")
        op = await key.get()
        step("await key.get()", repr(_text(op)))

    async def _show_directory(self, top: Key) -> None:
        self._title("A directory")
        step, sizes = self._terminal.step, top / "sizes"
        for name, value in (("small", "S"), ("medium", "M"), ("large", "L")):
            await (sizes / name).set(value)
            step(f'await (sizes / "{name}").set("{value}")', "done")
        op = await sizes.get(sorted=True)
        names = [node.name for node in getattr(op.node, "nodes", ())]
        step("await sizes.get(sorted=True)", ", ".join(names))

    async def _show_watch(self, top: Key) -> None:
        self._title("A live watch")
        step, door = self._terminal.step, top / "door"
        await door.set("closed")
        changes = aiter(door.events(on_error=_ignored))
        step("async for op in door.events():", f"a snapshot first: {_shown(await anext(changes))}")
        writes: list[tuple[str, Callable[[], Deferred[NodeOp]]]] = [
            ('await door.set("open")', lambda: door.set("open")),
            ('await door.set("ajar")', lambda: door.set("ajar")),
            ("await door.delete()", door.delete),
        ]
        for code, write in writes:
            told = Deferred.fromCoroutine(_next(changes))
            await write()
            step(code, f"told: {_shown(await told)}")

    async def _show_compare_and_swap(self, top: Key) -> None:
        self._title("Compare and swap")
        step, key = self._terminal.step, top / "greeting"
        code = 'await key.compare_and_swap("{}", prev_value="hello")'
        op = await key.compare_and_swap("hi", prev_value="hello")
        step(code.format("hi"), f"done, at index {op.etcd.index}", "good")
        try:
            await key.compare_and_swap("hey", prev_value="hello")
        except TestFailed as error:
            text = f"TestFailed: {error.message}, {error.cause}"
            step(code.format("hey"), text, "refused")
        else:
            raise DemoFailed("a comparison that had to fail did not")

    async def _show_lease(self, top: Key) -> None:
        self._title("A lease")
        step, session = self._terminal.step, top / "session"
        op = await session.set("here", ttl=1)
        began = self._reactor.seconds()
        lease = op.node.lease
        until = f"lives until {lease.expiration:%H:%M:%S} UTC" if lease else "lives for ever"
        step('await session.set("here", ttl=1)', until)
        changes = aiter(session.events(on_error=_ignored))
        op = await anext(changes)
        while not op.action.removes:
            op = await anext(changes)
        seconds = self._reactor.seconds() - began
        step("async for op in session.events():", f"told after {seconds:.1f} s: {_shown(op)}")

    # --- the burst -----------------------------------------------------------------------

    async def _show_burst(self, stage: _Stage, left_behind: AsyncExitStack) -> Verdict:
        self._title(f"{WRITES:,} writes, watched while things break")
        struck = f"All connections are cut every {CUT_EVERY} writes"
        struck += "." if stage.server is None else ", and twice the server is killed (SIGKILL)."
        self._terminal.note(f"{struck} Writer and watcher stand behind the same connections.")
        proxy = FaultProxy(stage.url, self._reactor)
        left_behind.push_async_callback(self._clean_up, proxy.stop)
        await proxy.start()
        etcd = self._client(proxy.url + urlsplit(stage.url).path)
        left_behind.push_async_callback(self._clean_up, etcd.close)
        directory = etcd.key(stage.top.path) / "burst"
        await directory.create(None)

        watcher = Watcher(directory)
        left_behind.push_async_callback(self._clean_up, watcher.close)
        await watcher.began
        writer = Writer(directory, self._reactor, WRITES)
        faults = Faults(self._reactor, writer, proxy, stage.server)
        await self._strike(writer, watcher, faults)
        stored = await (stage.top / "burst").get(recursive=True, quorum=True)
        nodes = getattr(stored.node, "nodes", ())
        verdict = judge(
            WRITES,
            writer.confirmed,
            {node.key: node.modified_index for node in nodes},
            watcher.told,
        )
        self._show_verdict(verdict)
        self._show_troubles(writer, watcher, faults, proxy.accepted)
        return verdict

    async def _strike(self, writer: Writer, watcher: Watcher, faults: Faults) -> None:
        """Write all, with faults, and wait until the watcher has been told of all."""
        clock = self._reactor
        drawing = LoopingCall(self._draw, writer, watcher, faults)
        drawing.clock = clock
        under_way: list[Deferred[Any]] = [
            Deferred.fromCoroutine(writer.write(lambda: writer.done - watcher.reached)),
            Deferred.fromCoroutine(faults.kill()),
            Deferred.fromCoroutine(faults.cut()),
        ]
        drawn = drawing.start(0.05)
        try:
            await gatherResults(under_way)
            await watcher.reaches(WRITES, clock, PATIENCE)
            await sleep(clock, AFTERWARDS)
        except FirstError as first:
            first.subFailure.raiseException()
        finally:
            if drawing.running:
                drawing.stop()
            for each in (*under_way, drawn):
                each.addErrback(_ignored).cancel()
            self._terminal.clear()

    def _draw(self, writer: Writer, watcher: Watcher, faults: Faults) -> None:
        text = f"{watcher.reached:>5,}/{WRITES:,} seen, {faults.cuts:>3} cut"
        if faults.server is not None:
            text += f", {faults.kills} killed"
        self._terminal.progress(watcher.reached / WRITES, text)

    def _show_verdict(self, verdict: Verdict) -> None:
        """The counts that matter, and those that ought not to be there, if they are."""
        complete = verdict.written == verdict.wanted
        self._terminal.say()
        self._count("written", verdict.written, "good" if complete else "bad")
        self._count("seen", verdict.seen, "", "each as an event, in order")
        self._count("by snapshot", verdict.covered, "", "told as the state after a gap")
        self._count("lost", verdict.lost, "bad" if verdict.lost else "good")
        self._count("twice", verdict.twice, "bad" if verdict.twice else "good")
        for name, count, text in (
            ("late", verdict.disordered, "events that came after a later one"),
            ("strange", verdict.strange, "events of no write"),
            ("forgotten", verdict.forgotten, "confirmed by the server, and not in it"),
        ):
            if count:
                self._count(name, count, "bad", text)

    def _count(self, name: str, count: int, style: str, text: str = "") -> None:
        said = f"  {text}" if count and text else ""
        self._terminal.say(f"  {name:<11}", (f"{count:>6,}", style), (said, "quiet"))

    def _show_troubles(
        self, writer: Writer, watcher: Watcher, faults: Faults, connections: int
    ) -> None:
        row = self._terminal.row
        self._terminal.say()
        row("connections", f"{faults.cuts:,} cut, {connections:,} made")
        if faults.server is not None:
            row("server", f"{_counted(faults.kills, 'kill')} and restarts")
        snapshots = sum(op.action is Action.GET for op in watcher.told)
        first = "at the start" if snapshots == 1 else "one at the start"
        row(
            "watcher",
            f"{_counted(watcher.failures, 'failure')} that passed, "
            f"{_counted(snapshots, 'snapshot')} ({first})",
        )
        row(
            "writer",
            f"{writer.ambiguous:,} × AmbiguousWrite, so the keys were read: {writer.found:,} had "
            f"been written, {writer.ambiguous - writer.found:,} had not and were written again; "
            f"{_counted(writer.refused, 'request')} failed otherwise, and went again",
        )

    def _show_end(self, verdict: Verdict) -> None:
        seconds = self._reactor.seconds() - self._began
        self._terminal.say()
        if verdict.faultless:
            self._terminal.note(f"Nothing lost, nothing twice. {seconds:.1f} seconds.", "good")
        else:
            self._terminal.note(f"That is not what was promised. {seconds:.1f} seconds.", "bad")


@attrs.frozen
class _Stage:
    """Where the demonstration plays.

    Attributes:
        url: The server.
        server: Its process, if it is one of our own.
        top: The directory for all that is shown.
    """

    url: str
    server: EtcdProcess | None
    top: Key


def _first_plain(endpoints: str) -> str:
    """The first of the endpoints.

    Raises:
        BadInput: It is not plain HTTP: no proxy of ours can stand before it.
    """
    url = endpoints.split(",", maxsplit=1)[0].strip()
    if url.startswith("https:"):
        raise BadInput(
            "the demonstration cuts connections with a proxy of its own, which cannot carry TLS: "
            "give an endpoint with http://"
        )
    return url


async def _next(changes: AsyncIterator[NodeOp]) -> NodeOp:
    return await anext(changes)


def _ignored(error: object) -> None:
    """Failures that pass are not shown: what is, is what comes of it."""


def _text(op: NodeOp) -> str:
    return op.node.text if isinstance(op.node, Data) else ""


def _shown(op: NodeOp) -> str:
    """An operation in a few words."""
    before = op.prev_node
    if op.action.removes:
        return f"{op.action.value}, was {before.text!r}" if isinstance(before, Data) else "gone"
    return f"{op.action.value} {_text(op)!r}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
