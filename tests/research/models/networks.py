"""Networks as functions, for the tests of each."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from research.models._model import Model, Surroundings
from research.models.keras_cnn import KerasCNN

KERAS = KerasCNN()


def build(config: Model, image_shape: tuple[int, int, int], classes: int = 10, **options: Any) -> Any:
    """The network, with Flax' initial parameters from seed 0."""
    return config.build(Surroundings(image_shape, classes, nnx.Rngs(0), **options))


def parameters(config: Model, image_shape: tuple[int, int, int], classes: int = 10) -> int:
    """How many numbers are trained."""
    module = nnx.eval_shape(lambda: build(config, image_shape, classes))
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def initialised(config: Model, image_shape: tuple[int, int, int], classes: int = 10) -> Any:
    """The network, with the initial parameters that training starts from."""
    module = build(config, image_shape, classes)
    params = nnx.to_pure_dict(nnx.state(module, nnx.Param))
    nnx.update(module, config.initialised(jax.random.key(1), params))
    return module


def images_of(shape: tuple[int, ...], seed: int = 0) -> jax.Array:
    """Normal values."""
    return jnp.asarray(jax.random.normal(jax.random.key(seed), shape))
