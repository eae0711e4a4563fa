"""The clients that are compared.

Nothing here imports any of them: that is done in the process that measures it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import attrs

from tests.benchmarks.job import Job

__all__ = ["CLIENTS", "Client"]


@attrs.frozen
class Client:
    """One of the clients.

    Attributes:
        name: What it is called on the command line.
        label: What it is called in a report.
        where: The module here, and the function in it, that measures it.
        importing: What a program imports that uses it; empty if it is no Python.
        distribution: What pip calls it; empty if it is a program.
        api: Its protocol.
    """

    name: str
    label: str
    where: str
    importing: str = ""
    distribution: str = ""
    api: str = "v2"

    def version(self) -> str | None:
        """The version that is installed; None if it is not."""
        if not self.distribution:
            return "" if shutil.which(self.name) else None
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None

    def load(self) -> Callable[[Job], dict[str, float]]:
        """The function that measures it, in this process."""
        module, _, function = self.where.partition(":")
        measure: Any = getattr(import_module(f"{__name__}.{module}"), function)
        found: Callable[[Job], dict[str, float]] = measure
        return found


_OURS = "from txetcd import connect; from twisted.internet import reactor; connect({}).close()"

CLIENTS = (
    Client(
        "txetcd-direct",
        "txetcd, direct",
        "txetcd:measure_direct",
        _OURS.format('"http://127.0.0.1", transport="direct"'),
        "txetcd",
    ),
    Client(
        "txetcd-treq",
        "txetcd, treq",
        "txetcd:measure_treq",
        _OURS.format('"http://127.0.0.1", transport="treq"'),
        "txetcd",
    ),
    Client(
        "treq",
        "stock treq",
        "treq:measure",
        "import treq; from twisted.internet import reactor; "
        "from twisted.web.client import Agent, HTTPConnectionPool",
        "treq",
    ),
    Client("aiohttp", "aiohttp", "aiohttp:measure", "import asyncio, aiohttp", "aiohttp"),
    Client("aetcd", "aetcd (v3)", "aetcd:measure", "import asyncio, aetcd", "aetcd", "v3"),
    Client("python-etcd", "python-etcd", "python_etcd:measure", "import etcd", "python-etcd"),
    Client("k3etcd", "k3etcd", "k3etcd:measure", "import k3etcd", "k3etcd"),
    Client("etcd3gw", "etcd3gw (v3)", "etcd3gw:measure", "import etcd3gw", "etcd3gw", "v3"),
    Client("wrk", "wrk", "wrk:measure"),
)
