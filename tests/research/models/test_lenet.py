import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from research.errors import InvalidInput
from research.models._model import Surroundings
from research.models.lenet import LeNet


def build(image_shape):
    return LeNet().build(Surroundings(image_shape, classes=10, rngs=nnx.Rngs(0)))


def test_it_has_61_706_parameters_on_mnist():
    model = build((28, 28, 1))
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))) == 61_706
    assert model(jnp.ones((2, 28, 28, 1)), use_running_average=True).shape == (2, 10)


def test_images_too_small_for_it_are_refused():
    with pytest.raises(InvalidInput, match="model is 'lenet': needs images of at least 12 pixels"):
        build((8, 8, 1))
