"""Which convolution and which batch norm a network is made of: on a CPU those of `research.kernels`.

They are imported where they are used: elsewhere LLVM, which compiles them, need not be installed.
"""

from collections.abc import Callable
from typing import Any

from flax import nnx
from jax import lax


def convolution(on_cpu: bool) -> Callable[..., Any]:
    """A function for `nnx.Conv(conv_general_dilated=...)`."""
    if not on_cpu:
        return lax.conv_general_dilated
    from research.kernels import convolution as ours

    return ours


def batch_norm(on_cpu: bool) -> type[nnx.BatchNorm]:
    """Batch norm over the last axis."""
    if not on_cpu:
        return nnx.BatchNorm
    from research.models._norm import BatchNorm

    return BatchNorm
