from typing import Any

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp
from jax.flatten_util import ravel_pytree

from research.errors import InvalidInput
from research.losses.cross_entropy import CrossEntropy
from research.losses.squared_error import SquaredError
from research.optimizers import StepContext
from research.optimizers.natural_gradient import NaturalGradient
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from tests.research.optimizers._training import (
    assert_edge,
    by_train_step,
    descended,
    rate_of,
    tiny,
    with_spectrum,
)

PEAK = 0.2
UPDATES = 20


def by_dense_solves(run, dataset):
    """All parameters after 20 updates: Jacobians and matrices written out, systems solved by LAPACK."""
    setting, optimizer = Setting.of(run, dataset), run.optimizer
    passes = run.accumulate

    @jax.jit
    def matrices(params, hyper, images, step):
        context = setting.context(hyper, images)
        batch = context.batch(step)
        flat, unravel = ravel_pytree(params)

        def logits(flat):
            return context.logits(unravel(flat), {}, batch)[0].ravel()

        def loss(logits):
            return context.loss_of_logits(logits.reshape(len(batch.labels), -1), batch)

        J, out = jax.jacobian(logits)(flat), logits(flat)
        return J.T @ jax.grad(loss)(out), J.T @ jax.hessian(loss)(out) @ J

    hyper, images = Hyperparameters.of(run), Images.of(dataset)
    params, velocity = jax.jit(setting.initial_state)(hyper).params, 0
    flat, unravel = ravel_pytree(params)
    flat = np.asarray(flat, float)
    for update in range(UPDATES):
        found = [
            matrices(unravel(jnp.asarray(flat, jnp.float32)), hyper, images, step)
            for step in range(update * passes, (update + 1) * passes)
        ]
        full = np.mean([gradient for gradient, _ in found], axis=0) + optimizer.weight_decay * flat
        last = np.asarray(found[-1][1], float)
        velocity = optimizer.momentum * velocity + np.linalg.solve(
            last + optimizer.damping * np.eye(len(last)), full
        )
        flat = flat - float(rate_of(PEAK, passes)(update)) * velocity
    return flat


@pytest.mark.parametrize(
    ("loss", "momentum", "decay", "passes"),
    [(CrossEntropy(), 0.5, 0.1, 1), (SquaredError(), 0.0, 0.0, 1), (CrossEntropy(0.1), 0.0, 0.0, 2)],
)
def test_twenty_updates_are_those_of_dense_solves(run, dataset, loss, momentum, decay, passes):
    optimizer = NaturalGradient(0.5, 60, momentum, decay)
    ours = tiny(run, dataset, optimizer, PEAK, loss=loss, accumulate=passes)
    found, wanted = ravel_pytree(by_train_step(ours, dataset).params)[0], by_dense_solves(ours, dataset)
    first = ravel_pytree(jax.jit(Setting.of(ours, dataset).initial_state)(Hyperparameters.of(ours)).params)[0]
    moved = np.linalg.norm(wanted - first)
    assert moved > 0.05
    assert np.linalg.norm(found - wanted) < 1e-4 * moved


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_the_threshold_is_the_edge_of_stability_of_the_preconditioned_hessian(momentum):
    """Where the Gauss-Newton matrix is the Hessian, P^-1 H has the eigenvalues s / (s + damping)."""
    hessian, damping = with_spectrum([5.0, 3.0, 2.0, 1.0]), 2.0
    optimizer = NaturalGradient(damping, 20, momentum)
    assert_edge(optimizer, hessian, 5 / (5 + damping), jnp.ones(4))


def test_at_a_rate_below_two_no_sharpness_is_too_much():
    sizes = descended(NaturalGradient(1e-3, 50), with_spectrum([1e4, 10.0, 1.0]), 1.9, jnp.ones(3), 60)
    assert sizes[-1] < 0.01 * sizes[0]


def test_one_iteration_is_the_gradient_at_its_best_length():
    """The first step of conjugate gradients: g g'g / g'(G + damping) g."""
    hessian, gradient = with_spectrum([5.0, 3.0, 1.0]), jnp.float32([1.0, -2.0, 0.5])
    transform = NaturalGradient(0.5, 1).transform()
    context = StepContext(jax.random.key(0), lambda v: hessian @ v)
    found: Any = transform.update(gradient, transform.init(gradient), gradient, context=context)[0]
    length = gradient @ gradient / (gradient @ (hessian @ gradient + 0.5 * gradient))
    np.testing.assert_allclose(found, length * gradient, rtol=1e-5)


def test_without_a_gradient_nothing_moves():
    """As when every image is fitted: no direction, and no division by nothing."""
    transform, zero = NaturalGradient().transform(), jnp.zeros(3)
    context = StepContext(jax.random.key(0), jnp.zeros_like)
    found, _ = transform.update(zero, transform.init(zero), zero, context=context)
    np.testing.assert_array_equal(found, 0)


def test_at_rest_the_velocity_is_zero():
    optimizer, ones = NaturalGradient(momentum=0.5), jnp.ones(3)
    context = StepContext(jax.random.key(0), lambda v: v)
    _, moving = optimizer.transform().update(ones, optimizer.transform().init(ones), ones, context=context)
    assert np.any(optax.tree.get(moving, "trace"))
    assert not np.any(optax.tree.get(optimizer.at_rest(moving), "trace"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"damping": 0.0}, "optimizer.damping"),
        ({"iterations": 0}, "optimizer.iterations"),
        ({"momentum": 1.0}, "optimizer.momentum"),
        ({"weight_decay": -1.0}, "optimizer.weight_decay"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, field):
    with pytest.raises(InvalidInput, match=field):
        NaturalGradient(**changes)
