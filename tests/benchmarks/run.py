"""A run: the clients take turns, case by case and round by round, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from tests.benchmarks.cases import CASES, Case
from tests.benchmarks.clients import CLIENTS, Client
from tests.benchmarks.job import Job, Sizes
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.results import CaseResult, Outcome, Results
from tests.benchmarks.server import more_files, running_etcd
from tests.benchmarks.store import EVENTS, Store
from txetcd.testing._child import _dies_with_its_parent

__all__ = ["Plan", "run"]

#: The folder that has ``tests`` in it.
ROOT = Path(__file__).parents[2]

#: How long a measurement may take beyond what it is to take, in seconds.
PATIENCE = 20.0


@attrs.frozen
class Plan:
    """What to do.

    Attributes:
        cases: The cases.
        clients: The clients.
        rounds: How often each measures each.
        sizes: How much of everything.
    """

    cases: Sequence[Case] = CASES
    clients: Sequence[Client] = CLIENTS
    rounds: int = 3
    sizes: Sizes = attrs.Factory(Sizes)

    def turns(self, number: int) -> Sequence[Client]:
        """The clients in the order of a round: each round begins with the next of them."""
        first = number % len(self.clients)
        return [*self.clients[first:], *self.clients[:first]]


def run(plan: Plan, told: Callable[[CaseResult], None] = lambda result: None) -> Results:
    """Carry out a plan on a server that is started for it.

    Args:
        plan: What to do.
        told: Is told of each case when it has been measured.
    """
    more_files()
    with running_etcd() as url, Store(url) as store:
        settings = {"rounds": plan.rounds, **attrs.asdict(plan.sizes)}
        results = Results(describe_machine(store.version()), settings)
        store.fill(max(plan.sizes.directory, plan.sizes.parked))
        for case in plan.cases:
            results.cases.append(_run_case(plan, case, url))
            told(results.cases[-1])
    return results


def _run_case(plan: Plan, case: Case, url: str) -> CaseResult:
    outcomes = {each.name: Outcome() for each in plan.clients}
    for number in range(plan.rounds):
        for client in plan.turns(number):
            outcome = outcomes[client.name]
            # What has failed once is not asked again: it may have taken all the time there was.
            if not outcome.kind:
                outcome.add(_measured(plan.sizes, case, client, url))
    return CaseResult(case.name, case.describe(plan.sizes), outcomes)


def _measured(sizes: Sizes, case: Case, client: Client, url: str) -> dict[str, Any]:
    """What a client does in a case, once."""
    if client.version() is None:
        return {"kind": "absent", "why": "not installed"}
    index = _prepare(sizes, case, client, url)
    return ask_child(Job(client.name, case.name, url, sizes, index))


def _prepare(sizes: Sizes, case: Case, client: Client, url: str) -> int:
    """Write what a watch begins with: the index of the first event it is told of."""
    with Store(url) as store:
        if case.name == "watch":
            return store.put(client.api, f"{EVENTS}/e", "before") + 1
        if case.name == "catch-up":
            indices = [store.put(client.api, f"{EVENTS}/e", str(n)) for n in range(sizes.history)]
            return min(indices)
    return 0


def ask_child(job: Job, patience: float = PATIENCE) -> dict[str, Any]:
    """Have a new process make a measurement.

    It is killed if it takes too long, or if this process is interrupted or ends.
    """
    program = [sys.executable, "-m", "tests.benchmarks.child", job.to_json()]
    argv = [*_dies_with_its_parent(), *program]
    limit = job.sizes.seconds + job.sizes.warm_up + patience
    try:
        ended = subprocess.run(
            argv, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired as expired:
        said = (expired.stderr or b"").decode(errors="replace")
        return {"kind": "error", "why": f"nothing after {limit:.0f} s{_last_words(said)}"}
    try:
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return answer
    except (IndexError, ValueError):
        why = f"ended with {ended.returncode}{_last_words(ended.stderr)}"
        return {"kind": "error", "why": why}


def _last_words(said: str) -> str:
    lines = said.strip().splitlines()
    return f": {lines[-1]}" if lines else ""
