"""How JAX is set up: what results depend on, at one value everywhere; and what only their speed depends on.

A shell's variables (`JAX_...`) reach into every program that uses JAX. Those that could give other batches or
other sums under the same identity are pinned by every command, and written into each record's provenance.
Whoever uses `research` from a program of their own pins them with `pin()`; what draws a run's randomness or
trains it refuses to go on at other values (`require_pinned`).
"""

import contextlib
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from research.errors import InvalidInput, require
from research.machine import MOST_HOST_DEVICES, instruction_set

PINNED: dict[str, Any] = {
    # The numbers that are drawn.
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
    "jax_high_dynamic_range_gumbel": False,
    # Types and precision.
    "jax_enable_x64": False,
    "jax_explicit_x64_dtypes": "warn",
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
    "jax_default_matmul_precision": None,
    "jax_allow_f16_reductions": True,
    # Which derivative, and which program, XLA is given: the order of floating-point operations.
    "jax_disable_jit": False,
    "eager_constant_folding": False,
    "jax_softmax_custom_jvp": False,
    "jax_use_direct_linearize": True,
    "jax_compiler_enable_remat_pass": True,
    "jax_disable_most_optimizations": False,
    "jax_optimization_level": "UNKNOWN",
    "jax_exec_time_optimization_effort": 0.0,
    "jax_memory_fitting_level": "O2",
    "jax_memory_fitting_effort": 0.0,
}
"""JAX's own settings, by the names that `jax.config` knows; its defaults, written down. A version of JAX that
lacks one is not asked for it."""

COMPILERS = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")
"""Variables that compilers and libraries below JAX read. They are the user's to choose, and are recorded."""

_HOST_DEVICES = "xla_force_host_platform_device_count"

CACHE_BYTES = 1 << 30  # of compiled programs: thousands, at 10 to 500 kB each
_CACHE_SECONDS = 0.1  # a program that compiles faster is not worth a file


def pin() -> None:
    """Set what results depend on, for this process."""
    for name, value in _known():
        jax.config.update(name, value)


def require_pinned() -> None:
    """Refuse to compute what would not be the run that its identity names.

    Raises:
        InvalidInput: a setting of JAX's that results depend on has another value.
    """
    for name, value in _known():
        now = _now(name)
        allowed = f"must be {value!r}, for results depend on it; research.runtime.pin() sets it"
        require(now == value, name, now, allowed)


def settings() -> dict[str, Any]:
    """What results depend on besides code and versions, for a record's provenance.

    No path is among it: a flag that holds one is named without its value.
    """
    flags = {name: _without_paths(os.environ[name]) for name in COMPILERS if os.environ.get(name)}
    return {**{name: _now(name) for name, _ in _known()}, **flags}


def require_devices() -> None:
    """Start JAX's devices.

    Raises:
        InvalidInput: those that `JAX_PLATFORMS` asks for are not here, or `JAX_NUM_CPU_DEVICES` or a flag in
            `XLA_FLAGS` asks for none, or for too many.
    """
    number = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    allowed = f"must be in 1 .. {MOST_HOST_DEVICES}"
    require(number == -1 or 1 <= number <= MOST_HOST_DEVICES, "JAX_NUM_CPU_DEVICES", number, allowed)
    flags = os.environ.get("XLA_FLAGS", "")
    for count in re.findall(rf"{_HOST_DEVICES}(?:=(\S*))?", flags):
        fits = count.isdecimal() and 1 <= int(count) <= MOST_HOST_DEVICES
        require(fits, "XLA_FLAGS", flags, f"{_HOST_DEVICES} {allowed}")
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # for CUDA without its plugin, JAX asserts
        lines = str(error).strip().splitlines() or ["JAX has no such device here"]
        wanted = jax.config.jax_platforms  # type: ignore[attr-defined]
        raise InvalidInput("JAX_PLATFORMS", wanted, lines[0][:160]) from error


def devices() -> str:
    """What is computed on, in words."""
    found = jax.devices()
    kind = "host device" if found[0].platform == "cpu" else found[0].device_kind
    return f"{len(found)} {kind}" + ("s" if len(found) > 1 else "")


def host_devices_are_chosen() -> bool:
    """Whether the user's environment says how many devices to split a CPU into."""
    flags = os.environ.get("XLA_FLAGS", "")
    chosen = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    return chosen != -1 or _HOST_DEVICES in flags


def keep_compiled() -> Path | None:
    """Let JAX keep compiled programs from one process to the next, in the user's cache folder.

    They take `JAX_COMPILATION_CACHE_MAX_SIZE` bytes, where that is set, or `CACHE_BYTES`.

    Returns the folder; None where the user chose one (`JAX_COMPILATION_CACHE_DIR`) or wants none (a size of
    0), or where none can be made: a cache is no reason to stop.
    """
    size = jax.config.jax_compilation_cache_max_size  # type: ignore[attr-defined]
    require(size >= -1, "JAX_COMPILATION_CACHE_MAX_SIZE", size, "must be at least 0, or -1: no bound is set")
    if size == 0 or jax.config.jax_compilation_cache_dir is not None:  # type: ignore[attr-defined]
        return None
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 (never raises)
    # A home folder may be that of many machines: no processor is given what was compiled for another.
    every = Path(root) / "forgetting-vs-curvature" / "compiled"
    folder = every / instruction_set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            return None
        trim(every, CACHE_BYTES if size == -1 else size)
    except OSError:
        return None
    # An entry that cannot be read, or written for want of room, is compiled again: nobody need hear of it.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache entry")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _CACHE_SECONDS)
    jax.config.update("jax_compilation_cache_max_size", -1)  # JAX's own bound wants a package, and a lock
    return folder


def trim(folder: Path, most: int) -> None:
    """Remove files, those used longest ago first, until all in the folder take no more than `most` bytes.

    JAX can bound its cache too, with a lock for all who use it; a lock on a home folder in a network fails in
    ways of its own, and a few programs too many until the next start do no harm.
    """
    files = []
    for path in folder.rglob("*"):
        if path.is_dir():
            continue
        with contextlib.suppress(OSError):  # another process removes them too
            status = path.stat()
            files.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    excess = sum(size for _, size, _ in files) - most
    for _, size, path in sorted(files):
        if excess <= 0:
            break
        with contextlib.suppress(OSError):
            path.unlink()
        excess -= size


def _known() -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in PINNED.items() if name in jax.config.values)


def _now(name: str) -> Any:
    """A setting as this thread has it; an enumeration's member by the name that `jax.config.update` takes."""
    value = getattr(jax.config, name, jax.config.values[name])
    return value.name.lower() if hasattr(value, "name") else value


def _without_paths(flags: str) -> str:
    return " ".join(word.partition("=")[0] + "=..." if "/" in word else word for word in flags.split())
