"""Seconds from a command to its help, or to its answer where it reads nothing: what each start costs.

Nothing is trained, and nothing is compared with: PyTorch has no such commands. Python keeps what it compiled
of this project's modules, as it does for a user.
"""

import os
import subprocess
import sys
import time

from benchmarks._cases import Plan
from benchmarks._harness import Spread
from benchmarks._table import Row

COMMANDS = ("experiments.lr_sweep --help", "experiments.status --help", "analysis.claims --help")


def measure(plan: Plan) -> list[Row]:
    """A row for each command."""
    found: dict[str, list[float]] = {command: [] for command in COMMANDS}
    for count in range(1 + plan.repeats):
        for command, seconds in found.items():
            took = _seconds(command)
            if count > 0:  # the first one reads the modules from disk
                seconds.append(took)
    return [
        Row("starts", f"python -m {command}", "seconds", Spread.of(seconds), less_is_better=True)
        for command, seconds in found.items()
    ]


def _seconds(command: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command.split()], check=True, capture_output=True, env=environment)
    return time.perf_counter() - start
