"""Batch norm whose sums a CPU takes at its memory's speed."""

import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from research.kernels import inner, scaled, shifted, total


class BatchNorm(nnx.BatchNorm):
    """`nnx.BatchNorm` over the last axis of images, computed by `research.kernels`.

    As there, the variance is the mean of squares less the square of the mean, and the biased one is kept.
    """

    def __call__(
        self,
        x: Float[Array, "batch height width channel"],
        use_running_average: bool | None = None,
        *,
        mask: Array | None = None,
    ) -> Float[Array, "batch height width channel"]:
        assert mask is None
        assert self.scale is not None
        assert self.bias is not None
        if use_running_average:
            mean, variance = self.mean[...], self.var[...]
        else:
            count = x.size // x.shape[-1]
            mean, square = total(x) / count, inner(x, x) / count
            if self.axis_name is not None:
                mean, square = lax.pmean((mean, square), self.axis_name)
            variance = jnp.maximum(0.0, square - mean**2)
            self.mean[...] = self.momentum * self.mean[...] + (1 - self.momentum) * mean
            self.var[...] = self.momentum * self.var[...] + (1 - self.momentum) * variance
        factor = self.scale[...] * lax.rsqrt(variance + self.epsilon)
        return shifted(scaled(x, factor), self.bias[...] - mean * factor)
