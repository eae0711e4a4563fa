"""How long it takes to import what a program needs that uses a client.

That is the package, and the reactor or the loop it waits on.  Each time it is a new interpreter,
after one which has left the compiled files and the system's cache as the others find them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from tests.benchmarks.job import Absent, NotApplicable

__all__ = ["import_figures"]

_PROGRAM = """\
import time
start = time.perf_counter()
{}
print(time.perf_counter() - start)
"""


def import_figures(importing: str, times: int) -> dict[str, float]:
    """The median time of an import.

    Args:
        importing: What to run in the interpreter.
        times: How many interpreters.
    """
    if not importing:
        raise NotApplicable("it is no Python")
    _import(importing)
    return {"milliseconds": statistics.median(_import(importing) for _ in range(times)) * 1e3}


def _import(importing: str) -> float:
    argv = [sys.executable, "-c", _PROGRAM.format(importing)]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise Absent(ended.stderr.strip().splitlines()[-1])
    return float(ended.stdout)
