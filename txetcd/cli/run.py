"""Running a coroutine as a program: the reactor, signals to stop, and nothing left behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

__all__ = ["run"]

#: How a program is asked to stop: with Ctrl-C, by another program, by a terminal that closes.
STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def run(
    main: Callable[[Any], Coroutine[Any, Any, int]],
    report: Callable[[BaseException], int],
    reactor: Any = None,
) -> int:
    """Run the reactor until a coroutine has ended.

    A signal to stop cancels the coroutine, so that it can clean up; the reactor stops
    when it has.  Logs go nowhere: what a person is to read is printed.

    Args:
        main: Given the reactor, returns a coroutine of an exit status.
        report: Told the error that the coroutine has raised; returns an exit status.
        reactor: The global one if None.

    Returns:
        The exit status; 128 and the signal's number where one has stopped it.
    """
    if reactor is None:
        from twisted.internet import reactor
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    program = _Program(main, reactor)
    # One that was ignored from the start, as by nohup, is ignored.
    heeded = {s: old for s in STOPPING if (old := signal.getsignal(s)) is not signal.SIG_IGN}

    def begin() -> None:
        # Only now, since the reactor has installed its own, which clean up nothing.
        for number in heeded:
            signal.signal(number, program.stop)
        program.begin()

    reactor.callWhenRunning(begin)
    reactor.run()
    for number, old in heeded.items():
        signal.signal(number, old)
    if program.stopped_by or program.result is None:
        return 128 + (program.stopped_by or signal.SIGINT)
    result = program.result
    if isinstance(result, Failure) and result.value is not None:
        return report(result.value)
    return int(result)


class _Program:
    """A coroutine that ends the reactor when it ends."""

    def __init__(self, main: Callable[[Any], Coroutine[Any, Any, int]], reactor: Any) -> None:
        self.result: Any = None
        self.stopped_by = 0
        self._main = main
        self._reactor = reactor
        self._running: Deferred[int] = Deferred()

    def begin(self) -> None:
        self._running = Deferred.fromCoroutine(self._main(self._reactor))
        self._running.addBoth(self._ended)

    def _ended(self, result: Any) -> None:
        self.result = result
        self._reactor.stop()

    def stop(self, number: int, frame: FrameType | None) -> None:
        if not self.stopped_by:
            self.stopped_by = number
            self._reactor.callFromThread(self._running.cancel)
