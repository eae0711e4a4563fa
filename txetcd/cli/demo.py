"""The demonstration: what txetcd does, on a real etcd, and what it does when things break."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError

from txetcd.cli.burst import CUT_EVERY, Faults, Watcher, Writer
from txetcd.cli.exit_status import BadInput, DemoFailed, ExitStatus
from txetcd.cli.judge import Verdict, judge
from txetcd.cli.settings import Settings
from txetcd.cli.terminal import Terminal
from txetcd.client import Etcd
from txetcd.clock import sleep
from txetcd.errors import KeyNotFound, TestFailed, TxetcdError
from txetcd.keys import Key
from txetcd.model import Data, NodeOp
from txetcd.testing import EtcdFailed, EtcdNotFound, EtcdProcess, FaultProxy

__all__ = ["demo"]

WRITES = 1000
#: The demonstration is given up after so many seconds; all it takes to clean up comes on top.
LIMIT = 16.5
#: What is cleaned up is given up after so many seconds.
CLEAN_UP_LIMIT = 2.5
#: How long the watcher may be told nothing before it is judged, in seconds.
PATIENCE = 3.0
#: Whatever were told twice would be told within this time, in seconds.
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
