"""The cost of each layer of txetcd, measured by ``tests.benchmarks.layers`` where it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

from tests.benchmarks.run import ROOT

__all__ = ["layer_costs"]

_PROGRAM = "import json; from tests.benchmarks import layers; print(json.dumps(layers.measure()))"


def layer_costs() -> dict[str, float]:
    """Microseconds by the name of a layer, from a process of its own; empty if there are none."""
    if find_spec("tests.benchmarks.layers") is None:
        return {}
    argv = [sys.executable, "-c", _PROGRAM]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        print(f"The layers failed: {ended.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return {}
    costs: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return costs
