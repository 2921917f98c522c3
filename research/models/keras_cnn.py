"""The convolutional network of the Keras example for MNIST."""

from dataclasses import dataclass

from flax import nnx
from jaxtyping import Array, Float, Key

from research.errors import require
from research.models._layers import convolution, dropout, split_keys
from research.models._model import Model, Surroundings

SMALLEST = 6  # pixels: two valid 3x3 convolutions and a pooling leave one


@dataclass(frozen=True)
class KerasCNN(Model):
    """3x3 convolutions of 32 and 64 channels, 2x2 max pooling, a linear layer of 128, and a softmax.

    ReLU after each layer but the last, valid padding, dropout after the pooling and before the last layer.
    Source: Keras' example `mnist_cnn.py`, to which "posts on batch size" refer. Its optimizer is Adam at
    Keras' defaults (`optimizers/adam.py`).

    Attributes:
        dropout: shares of what is dropped after the pooling and before the last layer.
    """

    dropout: tuple[float, float] = (0.25, 0.5)

    def __post_init__(self):
        require(
            all(0 <= rate < 1 for rate in self.dropout),
            "model.dropout",
            self.dropout,
            "must be two shares of at least 0 and below 1",
        )

    def build(self, made_for: Surroundings) -> nnx.Module:
        side = min(made_for.image_shape[:2])
        allowed = f"needs images of at least {SMALLEST} pixels, these have {side}"
        require(side >= SMALLEST, "model", "keras_cnn", allowed)
        return _KerasCNN(self, made_for)


class _KerasCNN(nnx.Module):
    def __init__(self, config: KerasCNN, made_for: Surroundings):
        height, width, channels = made_for.image_shape
        layer = {"dtype": made_for.dtype, "rngs": made_for.rngs}
        conv = {
            "padding": ((0, 0), (0, 0)),
            "conv_general_dilated": convolution(made_for),
            **layer,
        }
        self.rates, self.batch_axis = config.dropout, made_for.batch_axis
        self.conv1 = nnx.Conv(channels, 32, (3, 3), **conv)
        self.conv2 = nnx.Conv(32, 64, (3, 3), **conv)
        flat = 64 * ((height - 4) // 2) * ((width - 4) // 2)
        self.linear1 = nnx.Linear(flat, 128, **layer)
        self.linear2 = nnx.Linear(128, made_for.classes, **layer)

    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        *,
        use_running_average: bool,
        key: Key[Array, ""] | None = None,
    ) -> Float[Array, "batch classes"]:
        del use_running_average
        after_pooling, before_last = split_keys(key, 2)
        x = nnx.relu(self.conv2(nnx.relu(self.conv1(images))))
        x = dropout(nnx.max_pool(x, (2, 2), (2, 2)), self.rates[0], after_pooling, self.batch_axis)
        x = nnx.relu(self.linear1(x.reshape(len(x), -1)))
        return self.linear2(dropout(x, self.rates[1], before_last, self.batch_axis))
