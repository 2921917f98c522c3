"""LeNet-5 (LeCun et al. 1998) as it is taught today: ReLU, max pooling, a softmax output."""

from dataclasses import dataclass

from flax import nnx
from jaxtyping import Array, Float, Key

from research.errors import require
from research.models._layers import convolution
from research.models._model import Model, Surroundings


@dataclass(frozen=True)
class LeNet(Model):
    """LeNet-5, for images of 12 pixels or more; it has no norm and no choices."""

    def build(self, made_for: Surroundings) -> nnx.Module:
        return _LeNet(made_for)


class _LeNet(nnx.Module):
    """5x5 convolutions of 6 and 16 channels, each pooled 2x2, then linear layers of 120, 84 and `classes`.

    The first convolution pads by 2, so that 28x28 images give the original's 28x28 maps.
    """

    def __init__(self, made_for: Surroundings):
        height, width, channels = made_for.image_shape
        require(
            min(height, width) >= 12,
            "model",
            "lenet",
            f"needs images of at least 12 pixels, these have {height} x {width}",
        )
        conv = {
            "dtype": made_for.dtype,
            "rngs": made_for.rngs,
            "conv_general_dilated": convolution(made_for),
        }
        self.conv1 = nnx.Conv(channels, 6, (5, 5), padding=((2, 2), (2, 2)), **conv)
        self.conv2 = nnx.Conv(6, 16, (5, 5), padding=((0, 0), (0, 0)), **conv)
        flat = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
        linear = {"dtype": made_for.dtype, "rngs": made_for.rngs}
        self.linear1 = nnx.Linear(flat, 120, **linear)
        self.linear2 = nnx.Linear(120, 84, **linear)
        self.linear3 = nnx.Linear(84, made_for.classes, **linear)

    def __call__(
        self,
        images: Float[Array, "batch height width channel"],
        *,
        use_running_average: bool,
        key: Key[Array, ""] | None = None,
    ) -> Float[Array, "batch classes"]:
        del use_running_average, key
        x = nnx.max_pool(nnx.relu(self.conv1(images)), (2, 2), (2, 2))
        x = nnx.max_pool(nnx.relu(self.conv2(x)), (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        x = nnx.relu(self.linear1(x))
        return self.linear3(nnx.relu(self.linear2(x)))
