"""What the command's exit status says, and how an error becomes one."""

from __future__ import annotations

from enum import IntEnum

from txetcd.errors import (
    AmbiguousWrite,
    ApiError,
    BackoffsExhausted,
    NetworkError,
    ServiceClosed,
    Unauthorized,
    UnexpectedResponse,
)

__all__ = ["BadInput", "DemoFailed", "ExitStatus", "exit_status", "one_line", "printable"]


class ExitStatus(IntEnum):
    """What the command's exit status says; etcdctl's, where it has one for the case."""

    OK = 0
    BAD_INPUT = 1
    NO_ANSWER = 2
    UNAUTHORIZED = 3
    REFUSED = 4
    AMBIGUOUS = 5
    UNEXPECTED = 6
    DEMO_FAILED = 7
    #: ``EX_SOFTWARE`` of BSD's ``sysexits.h``.
    FAULT = 70
    #: ``EX_IOERR`` of the same.
    NO_OUTPUT = 74
    #: What shells tell of a program that SIGINT has ended, and so on.
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class BadInput(ValueError):
    """The command cannot do this with what it was given."""


class DemoFailed(Exception):
    """The demonstration could not show what it is to show."""


def exit_status(error: BaseException) -> ExitStatus:
    """The exit status for an error that ended a command."""
    if isinstance(error, BackoffsExhausted) and error.cause is not None:
        return exit_status(error.cause)
    if isinstance(error, UnexpectedResponse) and error.status in (401, 403):
        return ExitStatus.UNAUTHORIZED
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return ExitStatus.FAULT


#: The first that fits: some of these are kinds of others.
_STATUSES: tuple[tuple[type[BaseException], ExitStatus], ...] = (
    (AmbiguousWrite, ExitStatus.AMBIGUOUS),
    (Unauthorized, ExitStatus.UNAUTHORIZED),
    (ApiError, ExitStatus.REFUSED),
    (UnexpectedResponse, ExitStatus.UNEXPECTED),
    (NetworkError, ExitStatus.NO_ANSWER),
    (ServiceClosed, ExitStatus.NO_ANSWER),
    (DemoFailed, ExitStatus.DEMO_FAILED),
    (BrokenPipeError, ExitStatus.BROKEN_PIPE),
    (OSError, ExitStatus.NO_OUTPUT),
    (ValueError, ExitStatus.BAD_INPUT),
)


def one_line(error: BaseException) -> str:
    """An error in one line."""
    text = str(error) or type(error).__name__
    status = exit_status(error)
    if status is ExitStatus.FAULT:
        text = f"a fault of txetcd itself, {type(error).__name__}: {text}"
    elif status is ExitStatus.NO_OUTPUT:
        text = f"the output could not be written: {text}"
    return printable(text)


def printable(text: str) -> str:
    """A text without what ends a line, and without what a terminal obeys.

    What a server says, and what a key is called, may hold anything.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
