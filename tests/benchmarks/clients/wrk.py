"""wrk, with one thread: what the server gives to a client that reads nothing of what it gets.

It keeps its connections.  It cannot compare values: the key is read once before, and it tells of
every reply that is none of 200.
"""

from __future__ import annotations

import json
import math
import re
import resource
import subprocess
from urllib.request import urlopen

from tests.benchmarks.clients.reply import keys_url
from tests.benchmarks.figures import Figures
from tests.benchmarks.job import IN_FLIGHT, Job, NotApplicable, WrongAnswer
from tests.benchmarks.store import SMALL, VALUES

__all__ = ["measure"]

#: The cases that it can do: what it reads, and how many at a time.
READS = {
    "get": (SMALL, 1),
    "get-32": (SMALL, IN_FLIGHT),
    "get-1k": ("/bench/1k", IN_FLIGHT),
    "get-100k": ("/bench/100k", IN_FLIGHT),
}


def measure(job: Job) -> Figures:
    """Measure a case that reads one key."""
    if job.case not in READS:
        raise NotApplicable("it only reads one URL")
    key, in_flight = READS[job.case]
    url = keys_url(job.url, key)
    with urlopen(url) as response:
        if json.load(response)["node"]["value"] != VALUES[key]:
            raise WrongAnswer(f"{key} has another value")
    # It takes whole seconds alone.
    _run(url, in_flight, 1)
    before = _cpu()
    told = _run(url, in_flight, math.ceil(job.sizes.seconds))
    cpu = (_cpu() - before) / _number(r"(\d+) requests in", told)
    return {"rate": _number(r"Requests/sec: +([\d.]+)", told), "cpu": cpu * 1e6}


def _run(url: str, in_flight: int, seconds: int) -> str:
    argv = ["wrk", "-t1", f"-c{in_flight}", f"-d{seconds}s", url]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise WrongAnswer(told)
    return told


def _number(pattern: str, told: str) -> float:
    found = re.search(pattern, told)
    if found is None:
        raise WrongAnswer(told)
    return float(found[1])


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
