"""A program in a process of its own, that does not outlive this one."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from signal import SIGSTOP, Signals

__all__ = ["Child"]


class Child:
    """A process that this one started, in a session of its own.

    A reactor knows nothing of it, so that it may outlive a test without leaving anything
    in the reactor: who waits for it asks again and again.

    It has its own session so that Ctrl-C goes to the tests, which then stop it in order.
    Where ``setpriv`` of util-linux is installed, the kernel kills it when the thread that
    started it ends, however that happens.

    Args:
        argv: The program and its arguments.
        log_path: The file that its output is appended to.
        cwd: The folder it runs in.
        env: Its environment.
    """

    def __init__(
        self, argv: Sequence[str], *, log_path: str, cwd: str, env: Mapping[str, str]
    ) -> None:
        with open(log_path, "ab") as log:
            self._process = subprocess.Popen(
                [*_dies_with_its_parent(), *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=env,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which may be another's once the process has ended."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, minus the signal that ended it, or None while it lives."""
        return self._process.poll()

    @property
    def alive(self) -> bool:
        """Whether it has not ended; a stopped process is alive."""
        return self.status is None

    def signal(self, number: Signals) -> None:
        """Send a signal, unless the process has ended."""
        self._process.send_signal(number)

    def has_obeyed(self, number: Signals) -> bool:
        """Whether it has stopped (``SIGSTOP``) or continued (``SIGCONT``), as it was told to.

        It is told once for each change.  Also true if there is no more process, or the
        system cannot tell.
        """
        if not self.alive or not hasattr(os, "waitid"):
            return True
        change = os.WSTOPPED if number is SIGSTOP else os.WCONTINUED
        return os.waitid(os.P_PID, self.pid, change | os.WNOHANG) is not None

    def destroy(self) -> None:
        """Kill it, and block until it has ended: a few milliseconds."""
        self._process.kill()
        self._process.wait()


@functools.cache
def _dies_with_its_parent() -> Sequence[str]:
    # In place of Popen's preexec_fn, which is not safe where there are threads. The program
    # becomes the one that it is to start, so the process id is the same.
    path = shutil.which("setpriv")
    if path is None:
        return ()
    prefix = (path, "--pdeathsig", "KILL", "--")
    # Busybox has a setpriv that does not know this option.
    tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if tried.returncode == 0 else ()
