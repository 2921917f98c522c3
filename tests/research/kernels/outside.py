"""Our kernels outside JAX: written for any processor, linked with `driver.c`, and run by themselves.

The maps of `research.kernels` are called with NumPy arrays, whose kernels are then those that XLA would call.
"""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from research.kernels import _convolution, _llvm, _processor, _sums
from research.kernels._processor import Processor

Kernel = tuple[Any, ...]  # what `_llvm.register` is told
Run = Callable[[Kernel, Sequence[tuple[int, ...]], Sequence[np.ndarray]], np.ndarray]


def call_by(run: Run, processor: Processor, monkeypatch: Any) -> None:
    """From now on kernels are written for that processor, and run by a function of ours.

    Args:
        run: is told the kernel, its outputs' shapes and its inputs; returns the first output.
    """

    def register(*kernel: Any, split: Any) -> Kernel:
        return *kernel, split

    def call(kernel: Kernel, shapes: Sequence[tuple[int, ...]], *inputs: Any) -> np.ndarray:
        return run(kernel, shapes, [np.ascontiguousarray(array, np.float32) for array in inputs])

    monkeypatch.setattr(_processor, "_written_for", [processor])
    for module in (_convolution, _sums):
        monkeypatch.setattr(module, "register", register)
        monkeypatch.setattr(module, "call", call)


def written(kernel: Kernel) -> Any:
    """Its module; the handler is called `kernel`."""
    *told, split = kernel
    return _llvm.written("kernel", *told, split=split)


def object_code(kernel: Kernel, processor: Processor) -> bytes:
    """The kernel for a linker."""
    return _llvm.object_code(written(kernel), processor)


def assembly(kernel: Kernel, processor: Processor) -> str:
    """The same, to be read."""
    return _llvm.assembly(written(kernel), processor)


def run_program(
    compiler: Sequence[str],
    runner: Sequence[str],
    processor: Processor,
    folder: Path,
    threads: int = 1,
    pool: str = "none",
) -> Run:
    """A `Run` that links each kernel with the driver.

    Args:
        compiler: the C compiler for the processor, with options.
        runner: what the program is started by.
        folder: for files.
        threads: between which a kernel's work is shared.
        pool: what becomes of the tasks that it schedules; see the driver.
    """

    def run(kernel: Kernel, shapes: Sequence[tuple[int, ...]], inputs: Sequence[np.ndarray]) -> np.ndarray:
        (folder / "kernel.o").write_bytes(object_code(kernel, processor))
        sources = [Path(__file__).with_name("driver.c"), folder / "kernel.o"]
        program = ["-I", jax.ffi.include_dir(), *sources, "-o", folder / "program"]
        subprocess.run([*compiler, *program], check=True)
        extents = [array.shape for array in inputs] + list(shapes)
        words = [len(inputs), len(shapes), *(word for shape in extents for word in (len(shape), *shape))]
        with (folder / "inputs").open("wb") as file:
            file.write(np.asarray(words, np.int64).tobytes())
            for array in inputs:
                file.write(array.tobytes())
        files = [folder / "program", folder / "inputs", folder / "output"]
        done = subprocess.run([*runner, *files, str(threads), pool], check=True, stderr=subprocess.PIPE)
        scheduled = int(done.stderr.split()[0])
        assert scheduled == min(threads, kernel[-1].threads) - 1
        return np.fromfile(folder / "output", np.float32).reshape(shapes[0])

    return run
