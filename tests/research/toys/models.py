"""Logits that are linear in the mean colour and in the pixels."""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx

from research.models import Model
from research.models._model import Surroundings


@dataclass(frozen=True)
class Colour(Model):
    """A linear layer without bias."""

    scale: float = 1.0

    def build(self, made_for: Surroundings) -> nnx.Module:
        return _Colour(self.scale, made_for)


class _Colour(nnx.Module):
    def __init__(self, scale: float, made_for: Surroundings):
        height, width, channels = made_for.image_shape
        features = (height * width + 1) * channels
        self.scale = scale
        self.head = nnx.Linear(
            features, made_for.classes, use_bias=False, dtype=made_for.dtype, rngs=made_for.rngs
        )

    def __call__(self, images, *, use_running_average, key=None):
        del use_running_average, key
        flat = images.reshape(len(images), -1)
        return self.scale * self.head(jnp.concatenate([flat, images.mean((1, 2))], -1))
