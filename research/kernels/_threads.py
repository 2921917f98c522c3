"""How many threads share a kernel's work: as many of XLA's own as its devices leave.

The machine's cores are divided among XLA's host devices. A kernel's work is cut into units that idle threads
of XLA's pool take beside the one that called it, which waits for none that has not begun: so nothing waits in
a circle, and a pool that is busy with other runs costs little.
"""

import ctypes

import jax
import llvmlite.binding as llvm

from research.machine import usable_cores

SYMBOL = "kernel_threads"
"""The name by which compiled kernels find the number."""

_threads = ctypes.c_int64(0)
llvm.add_symbol(SYMBOL, ctypes.addressof(_threads))


def use_threads(count: int | None) -> None:
    """Share a kernel's work between `count` threads, from its next call on; None: between the cores.

    No result depends on it.
    """
    _threads.value = count or max(1, usable_cores() // jax.local_device_count("cpu"))


def threads() -> int:
    """How many there are now."""
    if not _threads.value:
        use_threads(None)
    return _threads.value
