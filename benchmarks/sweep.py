"""A whole small learning-rate sweep: seconds from the command to the last record.

Eight factors and two subset sizes of the quick preset, start-up, compilation, evaluation and records
included; first with nothing compiled before, then with the compiled programs that the first one left in the
user's cache folder. Ours is the experiment's own command. PyTorch's is `benchmarks._torch_sweep`, in two
processes on a CPU: the same runs on the same images, shared out among them. The limit is the runs' training
and evaluation alone, nothing diverging.
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
CACHES = ("JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE")
"""Variables by which a user chooses another cache than the one that is timed."""

WITH_PYTORCH = True


def measure(plan: Plan, ceilings: Ceilings) -> list[Row]:
    """Two rows: seconds, the ratio being PyTorch's over ours."""
    preset, images = sizes(plan)
    own, theirs = [], []
    for _ in range(repeats(plan)):
        own.append(first_and_cached(ours(preset, images)))
        if has_torch():
            theirs.append(_theirs(plan, preset, images))
    case, epochs, test = (plan.small, 2, 64) if plan.tiny else (plan.small, 12, 512)
    trained = len(FACTORS) * sum(images)
    evaluated = trained + len(FACTORS) * epochs * len(images) * test
    places = _arrangements.host_devices(plan)
    least = epochs * trained * floor(case, ceilings, "gradient", places).seconds
    least += evaluated * floor(case, ceilings, "forward", places).seconds
    return [
        Row(
            "sweep",
            f"{title(plan, images)}, {state}",
            "seconds",
            Spread.of(seconds),
            Spread.of(theirs) if theirs else None,
            least,
            Spread.of(ratios(theirs, seconds)) if theirs else None,
            less_is_better=True,
        )
        for state, seconds in zip(("first time", "cached"), zip(*own, strict=True), strict=True)
    ]


def sizes(plan: Plan) -> tuple[str, tuple[int, ...]]:
    """The preset and the subsets' sizes."""
    return ("smoke", (64, 128)) if plan.tiny else ("quick", (512, 2048))


def repeats(plan: Plan) -> int:
    """Samples of each side: one takes half a minute."""
    return 1 if plan.quick or plan.tiny else min(3, plan.repeats)


def title(plan: Plan, images: tuple[int, ...]) -> str:
    """What the table calls it."""
    return f"sweep of {len(FACTORS)} factors, {images[0]} and {images[1]} images, {plan.small.title}"


def ours(preset: str, images: tuple[int, ...]) -> str:
    """Words after `python`, the last one an option that takes the folder of the records."""
    words = ["-m", "experiments.lr_sweep", "--preset", preset, "--seeds", "1", "--factors"]
    words += [*map(str, FACTORS), "--subset-sizes", *map(str, images)]
    return shlex.join([*words, "--batch-sizes", "16" if preset == "smoke" else "32", "--results"])


def first_and_cached(command: str, root: Path | None = None) -> tuple[float, float]:
    """Seconds of a command with an empty cache folder, and with the one that this left.

    Args:
        root: of the checkout whose command it is; None: this one's.
    """
    with tempfile.TemporaryDirectory(prefix="benchmarks-cache-") as cache:
        first, cached = (_seconds([command], root=root, cache=cache) for _ in range(2))
    return first, cached


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


def _seconds(
    commands: list[str], threads: int | None = None, root: Path | None = None, cache: str | None = None
) -> float:
    """From the start of the commands to the newest file that they wrote.

    Args:
        commands: words after `python`, the last one an option that takes a folder; all started at once.
        threads: of each process.
        root: of another checkout, where they start.
        cache: the user's cache folder, for them.
    """
    environment = {name: value for name, value in os.environ.items() if name not in CACHES}
    if cache is not None:
        environment["XDG_CACHE_HOME"] = cache
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
                cwd=root,
            )
            for command in commands
        ]
        said = [process.communicate()[0] for process in running]
        if failed := [text for process, text in zip(running, said, strict=True) if process.returncode]:
            raise WorkerError(failed[0])
        records = [path.stat().st_mtime for path in Path(folder).rglob("*") if path.is_file()]
        return max(records) - start
