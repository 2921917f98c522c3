"""The article's network: the DAWNBench variant of a pre-activation ResNet-18."""

from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from research.errors import require
from research.models._layers import batch_norm, convolution
from research.models._model import Model, Surroundings


@dataclass(frozen=True)
class ResNet(Model):
    """The article's pre-activation network, of any width and depth.

    Attributes:
        width: channels in the first stage; the next stages have 2, 4, 4, 4 ... times as many.
        blocks: blocks per stage; every stage after the first halves the image's side.
        norm: batch, or none: without it every example's loss is its own.
    """

    width: int = 64
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    norm: Literal["batch", "none"] = "batch"

    def __post_init__(self):
        require(self.width >= 1, "model.width", self.width, "must be at least 1")
        require(
            len(self.blocks) >= 1 and all(b >= 1 for b in self.blocks),
            "model.blocks",
            self.blocks,
            "must be one or more counts of at least 1",
        )

    def build(self, made_for: Surroundings) -> nnx.Module:
        return _ResNet(self, made_for)


class _ResNet(nnx.Module):
    """3x3 convolution, stages of pre-activation blocks, max and mean pooling, a linear layer.

    The first convolution has neither norm nor ReLU after it. Stage i has `width` times 1, 2, 4, 4, 4 ...
    channels and, from the second on, starts with a stride of 2. Convolutions have no bias.

    Source: cifar10-fast, the network of "How to train your ResNet" parts 1 and 2.
    """

    def __init__(self, config: ResNet, made_for: Surroundings):
        image_shape, width, blocks = made_for.image_shape, config.width, config.blocks
        side = min(image_shape[:2])
        require(
            side >= 2 ** (len(blocks) - 1),
            "model.blocks",
            blocks,
            f"so many stages need images of {2 ** (len(blocks) - 1)} pixels or more, these have {side}",
        )
        layer = {"rngs": made_for.rngs, "dtype": made_for.dtype, "on_cpu": made_for.on_cpu}
        normed = {"batch_axis": made_for.batch_axis, "norm": config.norm == "batch"}
        self.prepare = _convolution(image_shape[2], width, 3, 1, **layer)
        stages, channels = [], width
        for stage, count in enumerate(blocks):
            features = width * min(2**stage, 4)
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(_Block(channels, features, stride, **normed, **layer))
                channels = features
        self.blocks = nnx.List(stages)
        self.head = nnx.Linear(2 * channels, made_for.classes, dtype=made_for.dtype, rngs=made_for.rngs)

    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        *,
        use_running_average: bool,
        key: Key[Array, ""] | None = None,
    ) -> Float[Array, "batch classes"]:
        del key
        x = self.prepare(images)
        for block in self.blocks:
            x = block(x, use_running_average=use_running_average)
        pooled = jnp.concatenate([x.max((1, 2)), x.mean((1, 2))], axis=-1)
        return self.head(pooled)


class _Block(nnx.Module):
    """BN, ReLU, 3x3 convolution (strided), BN, ReLU, 3x3 convolution; plus the shortcut.

    The shortcut starts at the *first ReLU's output*: that itself, or a 1x1 convolution of it where the
    shape changes.
    """

    def __init__(
        self,
        channels: int,
        features: int,
        stride: int,
        *,
        rngs: nnx.Rngs,
        dtype,
        batch_axis: str | None,
        on_cpu: bool,
        norm: bool,
    ):
        normalised = {"dtype": dtype, "axis_name": batch_axis, "rngs": rngs, "on_cpu": on_cpu}
        layer = {"rngs": rngs, "dtype": dtype, "on_cpu": on_cpu}
        self.norm1 = _norm(channels, norm, **normalised)
        self.conv1 = _convolution(channels, features, 3, stride, **layer)
        self.norm2 = _norm(features, norm, **normalised)
        self.conv2 = _convolution(features, features, 3, 1, **layer)
        changes = stride != 1 or channels != features
        self.shortcut = _convolution(channels, features, 1, stride, **layer) if changes else None

    def __call__(self, x, *, use_running_average: bool):
        x = nnx.relu(self.norm1(x, use_running_average=use_running_average))
        y = self.conv1(x)
        y = nnx.relu(self.norm2(y, use_running_average=use_running_average))
        y = self.conv2(y)
        return y + (x if self.shortcut is None else self.shortcut(x))


def _norm(channels: int, present: bool, dtype, on_cpu: bool, **layer: Any) -> Any:
    """Batch norm, or nothing in its place."""
    norm = batch_norm(on_cpu and dtype == jnp.float32)
    return norm(channels, momentum=0.9, epsilon=1e-5, dtype=dtype, **layer) if present else _same


def _same(x: Array, *, use_running_average: bool) -> Array:
    del use_running_average
    return x


def _convolution(
    channels: int,
    features: int,
    size: int,
    stride: int,
    *,
    rngs: nnx.Rngs,
    dtype,
    on_cpu: bool,
) -> nnx.Conv:
    border = size // 2  # PyTorch's padding; SAME would pad a strided convolution unevenly
    return nnx.Conv(
        channels,
        features,
        (size, size),
        strides=(stride, stride),
        padding=((border, border), (border, border)),
        use_bias=False,
        dtype=dtype,
        conv_general_dilated=convolution(on_cpu),
        rngs=rngs,
    )
