"""What a network is."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Key, PyTree

from research.family import Family
from research.models._initial import pytorch_default


class Surroundings(NamedTuple):
    """What a network is made for.

    Attributes:
        image_shape: height, width and channels of an input.
        classes: number of logits.
        rngs: of initial parameters, which `Model.initialised` draws anew.
        dtype: of the computation; parameters and batch statistics are float32.
        batch_axis: mesh axis over which a batch is split; batch norm then averages over it.
        on_cpu: compute by `research.kernels`.
        vmapped: the network is applied under `jax.vmap`, to several sets of parameters at once.
    """

    image_shape: tuple[int, int, int]
    classes: int
    rngs: nnx.Rngs
    dtype: Any = jnp.float32
    batch_axis: str | None = None
    on_cpu: bool = False
    vmapped: bool = False


@dataclass(frozen=True)
class Model(Family):
    """A network's description.

    What `build` makes is called as `module(images, use_running_average=..., key=...)` and returns logits.
    `use_running_average` is batch norm's; `key` is dropout's, which is left out where it is None. It is used
    functionally: split once, merged with `copy=True` inside the differentiated function, its new statistics
    returned.
    """

    @abstractmethod
    def build(self, made_for: Surroundings) -> nnx.Module:
        """The network.

        Raises:
            InvalidInput: the images are too small for it.
        """

    def initialised(self, key: Key[Array, ""], params: PyTree) -> PyTree:
        """Fresh parameters in place of these; by default PyTorch's, which the article's network uses."""
        return pytorch_default(key, params)
