"""LeNet-5 (LeCun et al. 1998) as it is taught today: ReLU, max pooling, a softmax output."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.errors import require
from research.models._layers import convolution


class LeNet(nnx.Module):
    """5x5 convolutions of 6 and 16 channels, each pooled 2x2, then linear layers of 120, 84 and `classes`.

    The first convolution pads by 2, so that 28x28 images give the original's 28x28 maps. It has no batch
    norm: `use_running_average` is taken so that every model is called alike.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        classes: int,
        *,
        rngs: nnx.Rngs,
        dtype=jnp.float32,
        on_cpu: bool = False,
    ):
        height, width, channels = image_shape
        require(
            min(height, width) >= 12,
            "model.name",
            "lenet",
            f"needs images of at least 12 pixels, these have {height} x {width}",
        )
        conv = {
            "dtype": dtype,
            "rngs": rngs,
            "conv_general_dilated": convolution(on_cpu),
        }
        self.conv1 = nnx.Conv(channels, 6, (5, 5), padding=((2, 2), (2, 2)), **conv)
        self.conv2 = nnx.Conv(6, 16, (5, 5), padding=((0, 0), (0, 0)), **conv)
        flat = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
        self.linear1 = nnx.Linear(flat, 120, dtype=dtype, rngs=rngs)
        self.linear2 = nnx.Linear(120, 84, dtype=dtype, rngs=rngs)
        self.linear3 = nnx.Linear(84, classes, dtype=dtype, rngs=rngs)

    def __call__(
        self, images: Float[Array, "batch height width channel"], *, use_running_average: bool
    ) -> Float[Array, "batch classes"]:
        del use_running_average
        x = nnx.max_pool(nnx.relu(self.conv1(images)), (2, 2), (2, 2))
        x = nnx.max_pool(nnx.relu(self.conv2(x)), (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        x = nnx.relu(self.linear1(x))
        return self.linear3(nnx.relu(self.linear2(x)))
