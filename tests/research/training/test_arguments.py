"""A member's arguments take effect, whatever its family and their type."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from research.augmentations import Augmentation
from research.averaging import WeightAveraging
from research.family import argument, families_in
from research.gradients import Gradient
from research.losses import Loss
from research.losses.cross_entropy import CrossEntropy
from research.metrics import Metric
from research.models import Model
from research.models.mlp import MLP
from research.optimizers import Optimizer
from research.orders import Order
from research.training.batches import Images
from research.training.config import RunConfig
from research.training.context import Hyperparameters, Setting, compile_key
from research.training.schedules import Policy
from research.training.step import Pending, train_step


@dataclass(frozen=True)
class Strength:
    """A number made of an argument of each type: 1 by default."""

    real: float = argument(1.0)
    whole: int = argument(1)
    switch: bool = argument(True)
    pair: tuple[float, float] = argument((1.0, 1.0))

    @property
    def strength(self):
        return self.real * self.whole * jnp.where(self.switch, 1, 2) * self.pair[0] * self.pair[1]


TWICE = [{"real": 2.0}, {"whole": 2}, {"switch": False}, {"pair": (2.0, 1.0)}, {"pair": (1.0, 2.0)}]
"""Each makes the strength 2, in another way."""


@dataclass(frozen=True)
class Shifted(Strength, Augmentation):
    def sources(self, key, rows, columns, shape):
        del key
        return (rows + jnp.int32(self.strength)) % shape[0], columns


@dataclass(frozen=True)
class Scaled(Strength, WeightAveraging):
    def updated(self, average, params, step, per_epoch, total):
        del average, step, per_epoch, total
        return jax.tree.map(lambda leaf: self.strength * leaf, params)


@dataclass(frozen=True)
class Longer(Strength, Gradient):
    def of_pass(self, own, at_snapshot, place):
        del at_snapshot, place
        return jax.tree.map(lambda leaf: self.strength * leaf, own)


@dataclass(frozen=True)
class Weighted(Strength, Loss):
    def per_example(self, logits, labels):
        return self.strength * CrossEntropy().per_example(logits, labels)


@dataclass(frozen=True)
class Multiple(Strength, Metric):
    def of_step(self, step):
        return self.strength * step.loss


@dataclass(frozen=True)
class Steeper(Strength, Model):
    def build(self, made_for):
        return _Steeper(self, made_for)


class _Steeper(nnx.Module):
    def __init__(self, config, made_for):
        self.config, self.inner = config, MLP(hidden=()).build(made_for)

    def __call__(self, images, **options):
        return self.config.strength * self.inner(images, **options)


@dataclass(frozen=True)
class Faster(Strength, Optimizer):
    def transform(self):
        return optax.with_extra_args_support(optax.scale(self.strength))


@dataclass(frozen=True)
class Rolled(Strength, Order):
    def rows(self, key, epoch, subset_size, labels):
        del key, epoch
        return (jnp.arange(len(labels)) + jnp.int32(self.strength)) % subset_size


MEMBERS = {
    "augmentation": (Shifted(),),
    "order": Rolled(),
    "model": Steeper(),
    "loss": Weighted(),
    "optimizer": Faster(),
    "averaging": Scaled(),
    "metrics": (Multiple(),),
    "gradient": Longer(),
}


def test_there_is_one_of_every_family():
    assert set(MEMBERS) == set(families_in(RunConfig()))


@pytest.mark.parametrize("path", MEMBERS)
def test_arguments_of_every_type_take_effect(dataset, run, path):
    fixed = Policy("fixed", 0.1)
    plain = replace(run, model=MLP(hidden=()), augmentation=(), accumulate=2, schedule=fixed)

    def with_strength(changes):
        member = MEMBERS[path]
        changed = tuple(
            replace(one, **changes) for one in (member if isinstance(member, tuple) else (member,))
        )
        return replace(plain, **{path: changed if isinstance(member, tuple) else changed[0]})

    usual = with_strength({})
    setting, images = Setting.of(usual, dataset), Images.of(dataset)

    @jax.jit
    def two_passes(hyper):
        here, state = setting.context(hyper, images), setting.initial_state(hyper)
        pending = Pending(jax.tree.map(jnp.zeros_like, state.params), jnp.int32(2))
        found = []
        for _ in range(2):
            state, pending, facts = train_step(here, state, here.batch(state.step), pending=pending)
            found.append([metric.of_step(facts) for metric in here.config.metrics])
        return state, found, here.evaluated(state.params, state.batch_stats, here.batch(0))

    def outcome(changes):
        changed = with_strength(changes)
        assert compile_key(changed) == compile_key(usual)
        leaves = jax.tree.leaves(two_passes(Hyperparameters.of(changed)))
        return np.concatenate([np.ravel(leaf) for leaf in leaves])

    first, *twice = (outcome(changes) for changes in ({}, *TWICE))
    for other in twice:
        assert not np.allclose(other, first)
        np.testing.assert_allclose(other, twice[0], rtol=1e-6)
