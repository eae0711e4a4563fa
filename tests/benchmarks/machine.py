"""What a run is made on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.clients import CLIENTS

__all__ = ["describe_machine"]

#: What the clients stand on.
BELOW = ("twisted", "httptools", "grpcio", "protobuf", "urllib3", "requests")


def describe_machine(etcd_version: str) -> dict[str, Any]:
    """The machine, the interpreter, and the versions of everything."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "etcd": etcd_version,
        "clients": {each.name: _client_version(each.name, each.version()) for each in CLIENTS},
        "below": {name: _version(name) for name in BELOW},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def _client_version(name: str, found: str | None) -> str:
    if found is None:
        return "not installed"
    return found or _program_version(name)


def _program_version(name: str) -> str:
    # wrk tells its version above its usage, and says that it failed.
    told = subprocess.run([name, "-v"], capture_output=True, text=True, check=False).stdout
    words = told.split()
    return words[1] if len(words) > 1 else "unknown"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except ImportError:
        return "not installed"
