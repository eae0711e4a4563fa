"""One measurement, in this process: ``python -m tests.benchmarks.child JOB``.

The job is JSON, made by `Job.to_json`.  The last line of the standard output is the answer, JSON as
well: ``{"figures": {…}}``, or ``{"kind": "absent" | "n/a" | "error", "why": "…"}``.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.benchmarks.clients import CLIENTS
from tests.benchmarks.imports import import_figures
from tests.benchmarks.job import Absent, Job, NotApplicable

__all__ = ["answer", "main"]


def answer(job: Job) -> dict[str, Any]:
    """Make the measurement."""
    client = next(each for each in CLIENTS if each.name == job.client)
    try:
        if job.case == "import":
            return {"figures": import_figures(client.importing, job.sizes.imports)}
        return {"figures": client.load()(job)}
    except NotApplicable as error:
        return {"kind": "n/a", "why": str(error)}
    except Absent as error:
        return {"kind": "absent", "why": str(error)}
    except Exception as error:
        return {"kind": "error", "why": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Make the measurement that the command line asks for, and print the answer."""
    line = json.dumps(answer(Job.from_json(sys.argv[1])))
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()
    # Whatever still waits, in 2,000 watches or in threads, is not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
