"""Which convolution and which batch norm a network is made of.

On a CPU those of `research.kernels`; elsewhere the library's; and where one program trains several runs, a
convolution that stays a matrix product for each of them.

They are imported where they are used: elsewhere LLVM, which compiles them, need not be installed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float, Key

from research.models._model import Surroundings


def convolution(made_for: Surroundings) -> Callable[..., Any]:
    """A function for `nnx.Conv(conv_general_dilated=...)`."""
    if made_for.vmapped:
        return convolution_of_patches
    if not made_for.on_cpu:
        return lax.conv_general_dilated
    from research.kernels import convolution as ours

    return ours


def convolution_of_patches(
    images: Float[Array, "batch height width channel"],
    kernel: Float[Array, "rows columns channel feature"],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    **_: Any,
) -> Float[Array, "batch out_height out_width feature"]:
    """`lax.conv_general_dilated` for NHWC images and HWIO kernels, as the product of patches and kernel.

    Under `jax.vmap` over images and kernels it becomes one batched product; a convolution would become one
    of many groups, which libraries for GPUs are slow at. Dilation and feature groups are not supported.
    """
    rows, columns = kernel.shape[:2]
    padded = jnp.pad(images, ((0, 0), *padding, (0, 0)))
    height, width = (
        (padded.shape[1] - rows) // strides[0] + 1,
        (padded.shape[2] - columns) // strides[1] + 1,
    )
    taps = [
        padded[
            :,
            row : row + (height - 1) * strides[0] + 1 : strides[0],
            column : column + (width - 1) * strides[1] + 1 : strides[1],
        ]
        for row in range(rows)
        for column in range(columns)
    ]
    patches = jnp.concatenate(taps, axis=-1)
    return patches @ kernel.reshape(-1, kernel.shape[3])


def batch_norm(on_cpu: bool) -> type[nnx.BatchNorm]:
    """Batch norm over the last axis."""
    if not on_cpu:
        return nnx.BatchNorm
    from research.models._norm import BatchNorm

    return BatchNorm


def dropout(
    x: Float[Array, "batch *rest"], rate: float, key: Key[Array, ""] | None, batch_axis: str | None = None
) -> Float[Array, "batch *rest"]:
    """Zeros in place of a share of the values, the others scaled up; with no key the values as they are.

    A batch that is split over devices has the masks that it has whole.

    Args:
        batch_axis: mesh axis that holds the other slices of the batch.
    """
    if key is None or rate == 0:
        return x
    parts = 1 if batch_axis is None else jax.lax.axis_size(batch_axis)
    keep = jax.random.bernoulli(key, 1 - rate, (len(x) * parts, *x.shape[1:]))
    if batch_axis is not None:
        keep = lax.dynamic_slice_in_dim(keep, jax.lax.axis_index(batch_axis) * len(x), len(x))
    return jnp.where(keep, x / (1 - rate), 0).astype(x.dtype)


def split_keys(key: Key[Array, ""] | None, count: int) -> list[Key[Array, ""] | None]:
    """As many keys; as many times None, where nothing is dropped."""
    return [None] * count if key is None else list(jax.random.split(key, count))
