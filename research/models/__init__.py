"""Networks, in Flax NNX: `build(ModelConfig, ...)`.

A model is called as `model(images, use_running_average=...)` and returns logits. It is used functionally:
split once, merged with `copy=True` inside the differentiated function, its new statistics returned.
"""

from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
from flax import nnx

from research.errors import require
from research.models._initial import pytorch_default
from research.models._lenet import LeNet
from research.models._resnet import ResNet
from research.records.identity import versioned

__all__ = ["LeNet", "ModelConfig", "ResNet", "build", "pytorch_default"]


@dataclass(frozen=True)
class ModelConfig:
    """Which network.

    Attributes:
        name: resnet, the article's pre-activation network, or lenet, LeNet-5.
        width: resnet's channels in the first stage; the next stages have 2, 4, 4, 4 ... times as many.
        blocks: resnet's blocks per stage; every stage after the first halves the image's side.
        norm: resnet's, batch or none: without it every example's loss is its own.
    """

    name: Literal["resnet", "lenet"] = "resnet"
    width: int = 64
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    norm: Literal["batch", "none"] = versioned("batch")

    def __post_init__(self):
        require(self.width >= 1, "model.width", self.width, "must be at least 1")
        require(
            len(self.blocks) >= 1 and all(b >= 1 for b in self.blocks),
            "model.blocks",
            self.blocks,
            "must be one or more counts of at least 1",
        )


def build(
    config: ModelConfig,
    *,
    image_shape: tuple[int, int, int],
    classes: int,
    rngs: nnx.Rngs,
    dtype: jnp.dtype = jnp.float32,  # type: ignore[assignment]
    batch_axis: str | None = None,
    on_cpu: bool = False,
) -> ResNet | LeNet:
    """Make the network that `config` names, with fresh parameters from `rngs`.

    Args:
        image_shape: height, width and channels of an input.
        classes: number of logits.
        dtype: of the computation; parameters and batch statistics are float32.
        batch_axis: mesh axis over which a batch is split; batch norm then averages over it.
        on_cpu: compute by `research.kernels`.

    Raises:
        InvalidInput: the images are too small for the network.
    """
    if config.name == "lenet":
        return LeNet(image_shape, classes, rngs=rngs, dtype=dtype, on_cpu=on_cpu)
    return ResNet(
        config.width,
        config.blocks,
        image_shape,
        classes,
        rngs=rngs,
        dtype=dtype,
        batch_axis=batch_axis,
        on_cpu=on_cpu,
        norm=config.norm == "batch",
    )
