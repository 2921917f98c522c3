"""Compiled kernels are kept from one process to the next, beside the programs that JAX keeps.

A kernel takes LLVM some tens of milliseconds, a network has dozens. What is kept was compiled from these very
sources, for this very processor; a file that is damaged is made anew, and one that cannot be written is not.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path

import jax
import llvmlite

from research.kernels._processor import processor

_CHECK = hashlib.sha256().digest_size  # bytes at a file's beginning: half a kernel would crash the process


def kept(name: str, key: Hashable, made: Callable[[], bytes]) -> bytes:
    """The object code `made()`, from the cache folder where it is there, which else it is written to.

    Args:
        key: all that the code depends on, besides the sources of this package and the processor.
    """
    folder = _folder()
    if folder is None:
        return made()
    about = repr((_sources(), llvmlite.__version__, processor(), key))
    path = folder / f"{name}-{hashlib.sha256(about.encode()).hexdigest()[:32]}.o"
    with contextlib.suppress(OSError):
        content = path.read_bytes()
        if _check(about, content[_CHECK:]) == content[:_CHECK]:
            return content[_CHECK:]
    code = made()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        try:
            part.write_bytes(_check(about, code) + code)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)  # where the disk is full there is a piece of it
    return code


def _check(about: str, code: bytes) -> bytes:
    """What a file begins with that is whole, and is of the kernel that it is asked for."""
    return hashlib.sha256(about.encode() + code).digest()


def _folder() -> Path | None:
    """Where; None: JAX keeps nothing, or not in a folder of this machine."""
    folder = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    used = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    return Path(folder) / "kernels" if folder and used and "://" not in folder else None


@cache
def _sources() -> str:
    """A fingerprint of all that writes kernels."""
    content = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(content).hexdigest()
