"""The article's network: the DAWNBench variant of a pre-activation ResNet-18."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from research.errors import require
from research.family import versioned
from research.models._layers import batch_norm, convolution
from research.models._model import Model, Surroundings

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": nnx.relu,
    "leaky_relu": partial(nnx.leaky_relu, negative_slope=0.1),  # above JAX's 0.01: what is below 0 is learned
    "gelu": nnx.gelu,
}


@dataclass(frozen=True)
class ResNet(Model):
    """The article's pre-activation network, of any width and depth.

    Attributes:
        width: channels in the first stage; the next stages have 2, 4, 4, 4 ... times as many.
        blocks: blocks per stage; every stage after the first halves the image's side.
        norm: batch, group, layer or none; without batch norm every example's loss is its own. Group norm has
            `groups` groups of channels, layer norm one.
        groups: of group norm; they must divide the width.
        activation: after each norm: relu, leaky_relu (slope 0.1 below 0, so that no unit can die) or gelu.
    """

    width: int = 64
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    norm: Literal["batch", "group", "layer", "none"] = "batch"
    groups: int = 4
    activation: Literal["relu", "leaky_relu", "gelu"] = versioned("relu")

    def __post_init__(self):
        require(self.width >= 1, "model.width", self.width, "must be at least 1")
        require(
            len(self.blocks) >= 1 and all(b >= 1 for b in self.blocks),
            "model.blocks",
            self.blocks,
            "must be one or more counts of at least 1",
        )
        norms = ("batch", "group", "layer", "none")
        require(self.norm in norms, "model.norm", self.norm, f"must be among {', '.join(norms)}")
        divides = self.groups >= 1 and (self.norm != "group" or self.width % self.groups == 0)
        require(divides, "model.groups", self.groups, f"must divide the width, {self.width}")
        known = self.activation in ACTIVATIONS
        require(known, "model.activation", self.activation, f"must be among {', '.join(ACTIVATIONS)}")

    def build(self, made_for: Surroundings) -> nnx.Module:
        return _ResNet(self, made_for)


class _ResNet(nnx.Module):
    """3x3 convolution, stages of pre-activation blocks, max and mean pooling, a linear layer.

    The first convolution has neither norm nor activation after it. Stage i has `width` times 1, 2, 4, 4,
    4 ... channels and, from the second on, starts with a stride of 2. Convolutions have no bias.

    Source: cifar10-fast, the network of "How to train your ResNet" parts 1 and 2.
    """

    def __init__(self, config: ResNet, made_for: Surroundings):
        image_shape, width, blocks = made_for.image_shape, config.width, config.blocks
        side = min(image_shape[:2])
        require(
            side >= 2 ** (len(blocks) - 1),
            "model.blocks",
            blocks,
            f"{len(blocks)} stages need images of {2 ** (len(blocks) - 1)} pixels or more, these have {side}",
        )
        self.prepare = _convolution(made_for, image_shape[2], width, 3, 1)
        stages, channels = [], width
        for stage, count in enumerate(blocks):
            features = width * min(2**stage, 4)
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(_Block(config, made_for, channels, features, stride))
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

    Another activation takes the place of ReLU, as another norm that of BN. The shortcut starts at the *first
    activation's output*: that itself, or a 1x1 convolution of it where the
    shape changes.
    """

    def __init__(self, config: ResNet, made_for: Surroundings, channels: int, features: int, stride: int):
        self.activation = ACTIVATIONS[config.activation]
        self.norm1 = _norm(config, made_for, channels)
        self.conv1 = _convolution(made_for, channels, features, 3, stride)
        self.norm2 = _norm(config, made_for, features)
        self.conv2 = _convolution(made_for, features, features, 3, 1)
        changes = stride != 1 or channels != features
        self.shortcut = _convolution(made_for, channels, features, 1, stride) if changes else None

    def __call__(self, x, *, use_running_average: bool):
        x = self.activation(self.norm1(x, use_running_average))
        y = self.conv1(x)
        y = self.activation(self.norm2(y, use_running_average))
        y = self.conv2(y)
        return y + (x if self.shortcut is None else self.shortcut(x))


def _norm(config: ResNet, made_for: Surroundings, channels: int) -> Callable[[Array, bool], Array]:
    """What normalises images: it is called with them and with batch norm's use_running_average."""
    layer = {"epsilon": 1e-5, "dtype": made_for.dtype, "rngs": made_for.rngs}
    if config.norm == "batch":
        kind = batch_norm(made_for.on_cpu and made_for.dtype == jnp.float32)
        return kind(channels, momentum=0.9, axis_name=made_for.batch_axis, **layer)
    if config.norm == "none":
        return _same
    return _GroupNorm(channels, num_groups=config.groups if config.norm == "group" else 1, **layer)


class _GroupNorm(nnx.GroupNorm):
    """Over all pixels of each group's channels: an example's own."""

    def __call__(self, x: Array, use_running_average: bool) -> Array:  # type: ignore[override]
        del use_running_average
        return super().__call__(x)


def _same(x: Array, use_running_average: bool) -> Array:
    del use_running_average
    return x


def _convolution(made_for: Surroundings, channels: int, features: int, size: int, stride: int) -> nnx.Conv:
    border = size // 2  # PyTorch's padding; SAME would pad a strided convolution unevenly
    return nnx.Conv(
        channels,
        features,
        (size, size),
        strides=(stride, stride),
        padding=((border, border), (border, border)),
        use_bias=False,
        dtype=made_for.dtype,
        conv_general_dilated=convolution(made_for),
        rngs=made_for.rngs,
    )
