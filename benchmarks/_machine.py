"""What machine this is, and the ceilings that it was measured to have."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks._cases import Plan
from benchmarks._harness import Side, Workers, once
from benchmarks._limit import Ceilings

OURS = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.45"}
"""Beside PyTorch on one GPU, JAX must leave memory for it."""


def has_torch() -> bool:
    """Whether there is a PyTorch to compare with."""
    return find_spec("torch") is not None


def about() -> dict[str, Any]:
    """Versions and hardware; where JAX computes on a CPU, PyTorch's processes see no GPU from now on."""
    facts = once(Side("about", "benchmarks._ours:about", {}, environment=OURS), "about")[0]
    if facts["backend"] == "cpu":
        hide_gpus()
    if has_torch():
        facts |= once(Side("about", "benchmarks._torch:about", {}), "about")[0]
    return facts


def hide_gpus() -> None:
    """Keep the processes that this one starts off GPUs: PyTorch takes one wherever it finds one.

    JAX may be kept off them in ways that PyTorch knows nothing of: by JAX_PLATFORMS, or by having no plugin.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # PyTorch for AMD's reads it, too


def measure_ceilings(plan: Plan) -> Ceilings:
    """The best of several samples by several libraries: nothing here is known to go faster.

    On a CPU, matrix products by NumPy's BLAS and PyTorch's, in one process pinned to one core and in one on
    each core at once; and a copy of arrays far larger than the cache. On a GPU, JAX's and PyTorch's products
    of bfloat16, and a copy in its memory.
    """
    size = 256 if plan.tiny else 8192 if plan.accelerator else 1536
    megabytes = 8 if plan.tiny else 1024 if plan.accelerator else 128
    arguments: dict[str, Any] = {"size": size, "megabytes": megabytes, "precision": plan.precision}
    libraries = ["benchmarks._torch:ceilings"] if has_torch() else []
    libraries += ["benchmarks._ours:ceilings" if plan.accelerator else "benchmarks._machine:with_numpy"]
    counts = (1,) if plan.accelerator else (1, plan.cores)
    speed: dict[int, float] = dict.fromkeys(counts, 0.0)
    bandwidth = 0.0
    for library in libraries:
        for processes in counts:
            threads = None if plan.accelerator else 1
            extra = {"threads": threads} if "_torch" in library else {}
            side = Side(library, library, arguments | extra, processes, threads, OURS)
            with Workers(side) as workers:
                least = {task: _least(workers, task, 2 if plan.tiny else 8) for task in ("matmul", "copy")}
            speed[processes] = max(speed[processes], 2 * size**3 * processes / least["matmul"])
            bandwidth = max(bandwidth, 2 * megabytes * 2**20 * processes / least["copy"])
    cache = 50e6 if plan.accelerator else last_level_cache()  # H100's and H200's second level
    return Ceilings(speed[counts[-1]], speed[1], bandwidth, cache)


def with_numpy(size: int, megabytes: int, precision: str) -> dict[str, Any]:
    """Tasks `matmul` and `copy`, by NumPy."""
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size)).astype(precision) for _ in range(2))
    source = np.ones(megabytes * 2**20 // 4, np.float32)
    matrix, target = np.empty_like(a), np.empty_like(source)
    return {
        "matmul": lambda: np.matmul(a, b, out=matrix) is None,
        "copy": lambda: np.copyto(target, source),
    }


def last_level_cache() -> float:
    """Bytes of the largest cache of the first core; 32 MB where the system does not say."""
    sizes = [32e6]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        if found := re.fullmatch(r"(\d+)([KM])", path.read_text().strip()):
            sizes.append(int(found[1]) * {"K": 2**10, "M": 2**20}[found[2]])
    return max(sizes[1:] or sizes)


def _least(workers: Workers, task: str, repeats: int) -> float:
    """The shortest of some samples: a ceiling is what is reached undisturbed."""
    workers.call(task)
    return min(workers.seconds(task) for _ in range(repeats))
