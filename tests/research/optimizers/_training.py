"""A tiny run by `train_step`, the same by Optax alone, and quadratics whose spectrum is known."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from scipy.optimize import brentq

from research.augmentations.flip import Flip
from research.models.resnet import ResNet
from research.optimizers import StepContext
from research.training.batches import Images
from research.training.config import bind
from research.training.context import Hyperparameters, Setting
from research.training.schedules import PiecewiseLinear
from research.training.step import Pending, train_step

UPDATES = 20
PER_EPOCH = 8
KNOTS = (0.0, 2.0, 6.0)
SLOW = 0.999999  # share of the past: nothing changes within a hundred steps


def tiny(run, dataset, optimizer, peak, **changes):
    """A run of 8 steps an epoch on a network of some hundred parameters, its rate up, down and warmed up."""
    run = replace(
        run,
        subset_size=16 * PER_EPOCH,
        batch_size=16,
        epochs=6,
        augmentation=(Flip(),),
        model=ResNet(width=2, blocks=(1,), norm="none"),
        optimizer=optimizer,
        schedule=PiecewiseLinear(KNOTS, (0.25 * peak, peak, 0.5 * peak), reference_batch=16),
        warm_up=1.0,
        **changes,
    )
    return bind(run, dataset)


def rate_of(peak, passes=1):
    """The tiny run's rate of each update, written out."""

    def rate(update):
        epoch = update * passes / PER_EPOCH
        values = jnp.asarray((0.25, 1.0, 0.5)) * peak * passes
        return jnp.interp(epoch, jnp.asarray(KNOTS), values) * jnp.minimum(1.0, epoch)

    return rate


def by_train_step(run, dataset):
    """The parameters after 20 updates of the project's own step, and the state."""
    setting = Setting.of(run, dataset)

    @jax.jit
    def trained(hyper, images):
        context = setting.context(hyper, images)
        state = setting.initial_state(hyper)
        pending = None
        if run.accumulates:
            pending = Pending(jax.tree.map(jnp.zeros_like, state.params), hyper.accumulation.accumulate)

        def step(carry, _):
            state, pending = carry
            state, pending, _ = train_step(context, state, context.batch(state.step), pending=pending)
            return (state, pending), None

        return lax.scan(step, (state, pending), length=UPDATES * run.accumulate)[0][0]

    return trained(Hyperparameters.of(run), Images.of(dataset))


def by_optax(run, dataset, transform):
    """The parameters after 20 updates by a transformation of Optax's, rate and sign included."""
    setting = Setting.of(run, dataset)

    @jax.jit
    def trained(hyper, images):
        context = setting.context(hyper, images)
        params = setting.initial_state(hyper).params

        def loss(params, step):
            batch = context.batch(step)
            logits, _ = context.logits(params, {}, batch)
            return optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels).mean()

        def update(carry, index):
            params, opt_state = carry
            passes = index * run.accumulate + jnp.arange(run.accumulate)
            gradients = lax.map(lambda step: jax.grad(loss)(params, step), passes)
            gradient = jax.tree.map(lambda leaf: leaf.mean(0), gradients)
            updates, opt_state = transform.update(gradient, opt_state, params)
            return (optax.apply_updates(params, updates), opt_state), None

        return lax.scan(update, (params, transform.init(params)), jnp.arange(UPDATES))[0][0]

    return trained(Hyperparameters.of(run), Images.of(dataset))


def assert_equal_training(run, dataset, transform, tolerance=1e-4):
    """Both end at the same parameters, to 1e-4 of how far they moved."""
    ours, theirs = by_train_step(run, dataset).params, by_optax(run, dataset, transform)
    first = jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run)).params
    ours, theirs, first = (ravel_pytree(tree)[0] for tree in (ours, theirs, first))
    moved = float(jnp.linalg.norm(theirs - first))
    assert moved > 0.01  # else the comparison is of nothing
    assert float(jnp.linalg.norm(ours - theirs)) < tolerance * moved


def with_spectrum(values, seed=0):
    """A symmetric matrix with these eigenvalues, in a random basis."""
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values),) * 2))[0]
    return jnp.asarray(basis @ np.diag(values) @ basis.T, jnp.float32)


def descended(optimizer, hessian, rate, start, steps, opt_state=None):
    """Lengths of the gradient Hx after each step of descent on x'Hx / 2, whose Gauss-Newton matrix is H."""
    transform = optimizer.transform()

    def step(carry, index):
        x, opt_state = carry
        context = StepContext(jax.random.fold_in(jax.random.key(0), index), lambda v: hessian @ v)
        direction, opt_state = transform.update(hessian @ x, opt_state, x, context=context)
        x = x - rate * direction
        return (x, opt_state), jnp.linalg.norm(hessian @ x)

    opt_state = transform.init(start) if opt_state is None else opt_state
    return np.asarray(jax.jit(lambda: lax.scan(step, (start, opt_state), jnp.arange(steps)))()[1])


def assert_edge(optimizer, hessian, sharpest, start, steps=100, within=0.03, opt_state=None):
    """Just below the rate of the sharpest direction's threshold the gradient falls, just above it grows.

    Args:
        sharpest: the largest eigenvalue of the matrix that the optimizer's threshold is about.
    """
    edge: Any = brentq(lambda rate: optimizer.threshold(rate) - sharpest, 1e-3, 1e3)
    below = descended(optimizer, hessian, (1 - within) * edge, start, steps, opt_state)
    above = descended(optimizer, hessian, (1 + within) * edge, start, steps, opt_state)
    assert below[-1] < 0.3 * below[len(below) // 4]
    assert above[-1] > 3 * above[len(above) // 4]


def late(optimizer, squares):
    """A state of Adam's whose mean squares hardly change any more, at a `b2` of `SLOW`."""
    state = optimizer.transform().init(jnp.zeros(len(squares)))
    return optax.tree.set(state, count=jnp.int32(1_000_000), nu=jnp.asarray(squares, jnp.float32))
