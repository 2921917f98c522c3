"""A whole small learning-rate sweep: seconds from the command to the last record.

Eight factors and two subset sizes of the quick preset, start-up, compilation, evaluation and records
included. Ours is the experiment's own command. PyTorch's is `benchmarks._torch_sweep`, in two processes on a
CPU: the same runs on the same images, shared out among them. The limit is the runs' training and evaluation
alone, nothing diverging.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import _arrangements
from benchmarks._cases import Plan
from benchmarks._harness import THREADS, Spread, WorkerError, ratios
from benchmarks._limit import Ceilings, floor
from benchmarks._machine import has_torch
from benchmarks._table import Row

FACTORS = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16)


def measure(plan: Plan, ceilings: Ceilings) -> list[Row]:
    """One row: seconds, the ratio being PyTorch's over ours."""
    sizes = (64, 128) if plan.tiny else (512, 2048)
    preset = "smoke" if plan.tiny else "quick"
    repeats = 1 if plan.quick or plan.tiny else min(3, plan.repeats)
    own, theirs = [], []
    for _ in range(repeats):
        own.append(_seconds([_ours(preset, sizes)]))
        if has_torch():
            theirs.append(_theirs(plan, preset, sizes))
    case, epochs, test = (plan.small, 2, 64) if plan.tiny else (plan.small, 12, 512)
    trained = len(FACTORS) * sum(sizes)
    evaluated = trained + len(FACTORS) * epochs * len(sizes) * test
    places = _arrangements.host_devices(plan)
    least = epochs * trained * floor(case, ceilings, "gradient", places).seconds
    least += evaluated * floor(case, ceilings, "forward", places).seconds
    return [
        Row(
            "sweep",
            f"sweep of {len(FACTORS)} factors, {sizes[0]} and {sizes[1]} images, {case.title}",
            "seconds",
            Spread.of(own),
            Spread.of(theirs) if theirs else None,
            least,
            Spread.of(ratios(theirs, own)) if theirs else None,
            less_is_better=True,
        )
    ]


def _ours(preset: str, sizes: tuple[int, ...]) -> str:
    words = ["-m", "experiments.lr_sweep", "--preset", preset, "--seeds", "1", "--factors"]
    words += [*map(str, FACTORS), "--subset-sizes", *map(str, sizes)]
    return shlex.join([*words, "--batch-sizes", "16" if preset == "smoke" else "32", "--results"])


def _theirs(plan: Plan, preset: str, sizes: tuple[int, ...]) -> float:
    """On a GPU the better of one process and four; they are many small runs."""
    counts = (1, 4) if plan.accelerator else (plan.cores,)
    times = []
    for count in counts:
        commands = []
        for part in range(count):
            words = ["-m", "benchmarks._torch_sweep", "--preset", preset, "--part", f"{part}/{count}"]
            words += ["--subset-sizes", ",".join(map(str, sizes)), "--factors", ",".join(map(str, FACTORS))]
            words += [] if plan.accelerator else ["--threads", "1"]
            commands.append(shlex.join([*words, "--results"]))
        times.append(_seconds(commands, None if plan.accelerator else 1))
    return min(times)


def _seconds(commands: list[str], threads: int | None = None) -> float:
    """From the start of the commands to the newest file that they wrote.

    Args:
        commands: words after `python`, the last one an option that takes a folder; all started at once.
        threads: of each process.
    """
    environment = dict(os.environ)
    if threads is not None:
        environment |= dict.fromkeys(THREADS, str(threads))
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        start = time.time()
        running = [
            subprocess.Popen(
                [sys.executable, *shlex.split(command), folder],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
            )
            for command in commands
        ]
        said = [process.communicate()[0] for process in running]
        if failed := [text for process, text in zip(running, said, strict=True) if process.returncode]:
            raise WorkerError(failed[0])
        records = [path.stat().st_mtime for path in Path(folder).rglob("*") if path.is_file()]
        return max(records) - start
