"""A multilayer perceptron; without hidden layers, a linear model."""

import itertools
from dataclasses import dataclass

from flax import nnx
from jaxtyping import Array, Float, Key

from research.errors import require
from research.models._model import Model, Surroundings


@dataclass(frozen=True)
class MLP(Model):
    """Linear layers with ReLU between them, on an image's values as one vector.

    Attributes:
        hidden: units of each hidden layer; none: logits are a linear function of the image.
        bias: whether the layers have one.
    """

    hidden: tuple[int, ...] = (256, 256)
    bias: bool = True

    def __post_init__(self):
        allowed = "must be numbers of units, each at least 1"
        require(all(units >= 1 for units in self.hidden), "model.hidden", self.hidden, allowed)

    def build(self, made_for: Surroundings) -> nnx.Module:
        return _MLP(self, made_for)


class _MLP(nnx.Module):
    def __init__(self, config: MLP, made_for: Surroundings):
        height, width, channels = made_for.image_shape
        units = [height * width * channels, *config.hidden, made_for.classes]
        layer = {"use_bias": config.bias, "dtype": made_for.dtype, "rngs": made_for.rngs}
        self.layers = nnx.List([nnx.Linear(a, b, **layer) for a, b in itertools.pairwise(units)])

    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        *,
        use_running_average: bool,
        key: Key[Array, ""] | None = None,
    ) -> Float[Array, "batch classes"]:
        del use_running_average, key
        *hidden, last = self.layers
        x = images.reshape(len(images), -1)
        for layer in hidden:
            x = nnx.relu(layer(x))
        return last(x)
