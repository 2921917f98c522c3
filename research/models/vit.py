"""A small vision transformer."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key, PyTree

from research.errors import require
from research.models._initial import pytorch_default
from research.models._layers import dropout, split_keys
from research.models._model import Model, Surroundings


@dataclass(frozen=True)
class ViT(Model):
    """Patches, learned positions, pre-norm transformer blocks, their mean, a linear layer.

    Source: Dosovitskiy et al. 2021 (arXiv 2010.11929), with mean pooling in place of a class token.

    Attributes:
        patch: side of a patch in pixels; it must divide the images' sides.
        width: of the residual stream.
        depth: blocks.
        heads: of attention; they must divide the width.
        dropout: share dropped of what each attention and each perceptron adds.
    """

    patch: int = 4
    width: int = 64
    depth: int = 4
    heads: int = 4
    dropout: float = 0.0

    def __post_init__(self):
        for name in ("patch", "width", "depth", "heads"):
            require(getattr(self, name) >= 1, f"model.{name}", getattr(self, name), "must be at least 1")
        allowed = f"must divide the width, {self.width}"
        require(self.width % self.heads == 0, "model.heads", self.heads, allowed)
        allowed = "must be at least 0 and below 1"
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, allowed)

    def build(self, made_for: Surroundings) -> nnx.Module:
        height, width = made_for.image_shape[:2]
        allowed = f"must divide the images' sides, {height} x {width}"
        require(height % self.patch == width % self.patch == 0, "model.patch", self.patch, allowed)
        return _ViT(self, made_for)

    def initialised(self, key: Key[Array, ""], params: PyTree) -> PyTree:
        """PyTorch's default, and positions of standard deviation 0.02."""
        of_layers, of_positions = jax.random.split(key)
        params = pytorch_default(of_layers, params)
        positions = 0.02 * jax.random.normal(of_positions, params["positions"].shape)
        return {**params, "positions": positions}


class _ViT(nnx.Module):
    def __init__(self, config: ViT, made_for: Surroundings):
        height, width, channels = made_for.image_shape
        layer = {"dtype": made_for.dtype, "rngs": made_for.rngs}
        self.patch = config.patch
        count = (height // config.patch) * (width // config.patch)
        self.embed = nnx.Linear(channels * config.patch**2, config.width, **layer)
        self.positions = nnx.Param(jnp.zeros((count, config.width)))
        self.blocks = nnx.List([_Block(config, made_for) for _ in range(config.depth)])
        self.norm = nnx.LayerNorm(config.width, **layer)
        self.head = nnx.Linear(config.width, made_for.classes, **layer)

    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        *,
        use_running_average: bool,
        key: Key[Array, ""] | None = None,
    ) -> Float[Array, "batch classes"]:
        del use_running_average
        batch, height, width, channels = images.shape
        p = self.patch
        patches = images.reshape(batch, height // p, p, width // p, p, channels).transpose(0, 1, 3, 2, 4, 5)
        x = self.embed(patches.reshape(batch, -1, channels * p * p))
        x = x + self.positions[...].astype(x.dtype)
        for block, of_block in zip(self.blocks, split_keys(key, len(self.blocks)), strict=True):
            x = block(x, of_block)
        return self.head(self.norm(x).mean(1))


class _Block(nnx.Module):
    """Attention, then a perceptron of four times the width, each after a layer norm and beside a shortcut."""

    def __init__(self, config: ViT, made_for: Surroundings):
        layer = {"dtype": made_for.dtype, "rngs": made_for.rngs}
        self.heads, self.rate, self.batch_axis = config.heads, config.dropout, made_for.batch_axis
        self.norm1 = nnx.LayerNorm(config.width, **layer)
        self.qkv = nnx.Linear(config.width, 3 * config.width, **layer)
        self.out = nnx.Linear(config.width, config.width, **layer)
        self.norm2 = nnx.LayerNorm(config.width, **layer)
        self.up = nnx.Linear(config.width, 4 * config.width, **layer)
        self.down = nnx.Linear(4 * config.width, config.width, **layer)

    def __call__(
        self, x: Float[Array, "batch patch width"], key: Key[Array, ""] | None
    ) -> Float[Array, "batch patch width"]:
        of_attention, of_perceptron = split_keys(key, 2)
        batch, count, width = x.shape
        q, k, v = jnp.split(self.qkv(self.norm1(x)).reshape(batch, count, self.heads, -1), 3, axis=-1)
        mixed = jax.nn.dot_product_attention(q, k, v).reshape(batch, count, width)
        x = x + dropout(self.out(mixed), self.rate, of_attention, self.batch_axis)
        y = self.down(jax.nn.gelu(self.up(self.norm2(x))))
        return x + dropout(y, self.rate, of_perceptron, self.batch_axis)
