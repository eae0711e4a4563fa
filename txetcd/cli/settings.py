"""What the command line and the environment say of the server, and a client of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, BinaryIO

import attrs

from txetcd.cli.exit_status import BadInput
from txetcd.cli.output import FORMATS, Format
from txetcd.client import DEFAULT_TIMEOUT, Etcd, connect

__all__ = ["DEFAULT_ENDPOINT", "ENVIRONMENT", "Settings", "credentials", "read_value", "seconds"]

DEFAULT_ENDPOINT = "http://127.0.0.1:2379"

#: The option that each variable stands in for.
ENVIRONMENT = {
    "endpoints": "ETCDCTL_ENDPOINTS",
    "username": "ETCDCTL_USERNAME",
    "timeout": "ETCDCTL_TIMEOUT",
    "output": "ETCDCTL_OUTPUT",
}

#: One byte more than any value may have: etcd reads a form of 10 MiB.
MOST_READ = 10 * 1024 * 1024 + 1

#: Units of Go's ``time.ParseDuration``, in seconds.
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h)")


@attrs.define
class Settings:
    """Which server, as whom, for how long; each None where nothing was said of it.

    Attributes:
        endpoints: URLs, separated by commas.
        username: A user and a password, with a colon between.
        timeout: How long an operation may take, in words.
        output: The name of the format.
    """

    endpoints: str | None = None
    username: str | None = attrs.field(default=None, repr=False)
    timeout: str | None = None
    output: str | None = None

    def completed(self, environ: Mapping[str, str]) -> Settings:
        """With what the environment says of all that nothing was said of."""
        found = {
            option: environ.get(variable) or None
            for option, variable in ENVIRONMENT.items()
            if getattr(self, option) is None
        }
        return attrs.evolve(self, **found)

    @property
    def format(self) -> Format:
        """How answers are printed.

        Raises:
            BadInput: There is no such format.
        """
        name = self.output or "simple"
        if name not in FORMATS:
            raise BadInput(f"the output {name!r} is none of {', '.join(FORMATS)}")
        return FORMATS[name]

    def client(self, reactor: Any) -> Etcd:
        """A client of that server.

        Raises:
            BadInput: What was said makes no sense.
            ValueError: Likewise.
        """
        if "@" in (self.endpoints or ""):
            raise BadInput("an endpoint holds no credentials: use --username or ETCDCTL_USERNAME")
        return connect(
            self.endpoints or DEFAULT_ENDPOINT,
            reactor=reactor,
            timeout=DEFAULT_TIMEOUT if self.timeout is None else seconds(self.timeout),
            auth=None if self.username is None else credentials(self.username),
        )


def seconds(text: str) -> float:
    """A time in seconds, or as Go writes it: ``500ms``, ``2s``, ``1m30s``.

    Raises:
        BadInput: It is neither, or not more than 0.
    """
    parts = _DURATION.findall(text)
    if parts and "".join(map("".join, parts)) == text:
        found = sum(float(number) * _UNITS[unit] for number, unit in parts)
    else:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
    if not 0 < found < math.inf:
        raise BadInput(f"the timeout {text!r} is not a time of more than 0, such as 2, 2s or 500ms")
    return found


def credentials(text: str) -> tuple[str, str]:
    """A user and a password.

    Raises:
        BadInput: There is no colon.  The text, which may be a password, is not shown.
    """
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise BadInput("the username is not USER:PASSWORD (it is not shown: it may be a secret)")
    return user, password


def read_value(value: str | None, stdin: BinaryIO | None) -> bytes:
    """The value that was given, or else standard input.

    Standard input is read if the value is ``-``, or is missing and standard input is no
    terminal.

    Raises:
        BadInput: There is neither a value nor anything to read.
    """
    if value is not None and value != "-":
        return value.encode("utf-8", "surrogateescape")
    if stdin is None or (value is None and stdin.isatty()):
        raise BadInput("no value: give one, or write it to standard input")
    read = stdin.read(MOST_READ)
    if value is None and not read:
        raise BadInput("no value: standard input is empty (for an empty value, give '')")
    return read
