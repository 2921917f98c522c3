"""The processor that kernels are written and compiled for: this one, unless a test names another.

How many numbers a vector holds is the processor's, or the environment's: `FORGETTING_KERNEL_LANES=8`. Vectors
longer than a register are split by LLVM. Results do not depend on it: each sum is taken in one order whatever
the vectors' length (docs/speed.md).
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import llvmlite.binding as llvm

from research.errors import require

LANES = "FORGETTING_KERNEL_LANES"
"""The environment variable that sets how many numbers a vector holds."""

WIDTHS = (16, 8, 4)
"""What it can be set to."""


class Processor(NamedTuple):
    """What LLVM has to know of a processor, and what the shape of a kernel depends on.

    Attributes:
        triple: LLVM's name of architecture and system.
        name: LLVM's name of the processor, by which it schedules instructions.
        features: instructions that it has and has not, as LLVM writes them: "+avx2,-avx512f".
        lanes: float32 in one of its vector registers; 0: it has no fused multiply-add, and gets no kernels.
        registers: how many vector registers there are.
    """

    triple: str
    name: str
    features: str
    lanes: int
    registers: int


def describe(triple: str, name: str, features: Mapping[str, bool]) -> Processor:
    """A processor by what is found out about it.

    Args:
        name: LLVM's; it may be unknown ("", "generic").
        features: by LLVM's names, whether they are there; empty where nothing is known: then nothing is
            taken for granted that the architecture does not promise, however much the name would.
    """
    if triple.startswith(("aarch64", "arm64")):
        features = {"neon": True} | dict(features)  # every one has it; not every system says so
        name = name if len(features) > 1 else "generic"
        lanes, registers = (4 if features["neon"] else 0), 32
    elif features.get("avx512f"):
        lanes, registers = 16, 32
    else:
        lanes, registers = (8 if features.get("avx2") and features.get("fma") else 0), 16
    written = ",".join(f"{'+' if there else '-'}{feature}" for feature, there in sorted(features.items()))
    return Processor(triple, name if features else "generic", written, lanes, registers)


ARMV8 = describe("aarch64-unknown-linux-gnu", "generic", {})
"""Any 64-bit ARM processor."""


@cache
def _host() -> Processor:
    try:
        features = llvm.get_host_cpu_features()
    except RuntimeError:  # LLVM cannot tell
        features = {}
    return describe(llvm.get_default_triple(), llvm.get_host_cpu_name(), features)


_written_for: list[Processor] = []


def processor() -> Processor:
    """The one that kernels are written for."""
    return _written_for[-1] if _written_for else _host()


@contextlib.contextmanager
def written_for(other: Processor) -> Iterator[None]:
    """Kernels that are written meanwhile are meant for another processor than this."""
    _written_for.append(other)
    try:
        yield
    finally:
        _written_for.pop()


def lanes() -> int:
    """The most numbers that a vector holds; 0: there are no kernels for this processor.

    Raises:
        InvalidInput: the environment has a number that it cannot be.
    """
    given = os.environ.get(LANES, "")
    require(given in ("", *map(str, WIDTHS)), LANES, given, "must be 4, 8 or 16")
    return int(given) if given and processor().lanes else processor().lanes


def registers() -> int:
    """How many vectors of that length the registers hold."""
    return processor().registers * processor().lanes // max(lanes(), processor().lanes)


def vector_width(features: int) -> int:
    """Numbers in a vector: the most that fit and divide the features; 0: no vector does."""
    return next((width for width in WIDTHS if width <= lanes() and features % width == 0), 0)
