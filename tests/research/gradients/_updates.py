"""A tiny run's updates written out: each pass's gradient, at weights of one's choosing, and their sum."""

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from research.gradients import Pass
from research.gradients._gradient import noise_weight
from research.optimizers.sgd import SGD
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from tests.research.optimizers._training import PER_EPOCH, UPDATES, rate_of, tiny

PASSES = 4
PEAK = 0.05
PLAIN = SGD(momentum=0.0, nesterov=False, weight_decay=0.0)


def a_run(run, dataset, gradient, passes=PASSES):
    """Of plain SGD, two updates an epoch with four passes each; with eight, one."""
    return tiny(run, dataset, PLAIN, PEAK, accumulate=passes, gradient=gradient)


def place(run, step, key, passes):
    taken, of_epoch = step % PER_EPOCH % passes, step % PER_EPOCH
    return Pass(key, *map(jnp.int32, (taken, passes, step // PER_EPOCH, of_epoch)))


def written_out(run, dataset, noise_from):
    """The parameters after all updates, as a vector.

    Args:
        noise_from: of an update's number, and the parameters after each update so far, those where its noise
            is taken; None: it has none.
    """
    setting, images, hyper = Setting.of(run, dataset), Images.of(dataset), Hyperparameters.of(run)
    passes, rate = run.accumulate, rate_of(PEAK, run.accumulate)

    @jax.jit
    def gradient(params, step):
        context = setting.context(hyper, images)
        batch = context.batch(step)

        def loss(params):
            logits, _ = context.logits(params, {}, batch)
            return optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels).mean()

        return ravel_pytree(jax.grad(loss)(params))[0]

    first, unravel = ravel_pytree(jax.jit(setting.initial_state)(hyper).params)
    trace = [first]
    for update in range(UPDATES):
        steps = range(update * passes, (update + 1) * passes)
        key = setting.context(hyper, images).noise_key(steps[0])
        total = sum(gradient(unravel(trace[-1]), step) for step in steps) / passes
        if (source := noise_from(update, trace)) is not None:
            weights = [noise_weight(place(run, step, key, passes)) for step in steps]
            total += sum(w * gradient(unravel(source), s) for w, s in zip(weights, steps, strict=True))
        trace.append(trace[-1] - rate(update) * total)
    return trace[-1]


def assert_trained(run, dataset, noise_from, by_step):
    """The project's own steps end where the written-out updates do, to 1e-4 of how far they moved."""
    ours, theirs = ravel_pytree(by_step(run, dataset).params)[0], written_out(run, dataset, noise_from)
    setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
    first = ravel_pytree(jax.jit(setting.initial_state)(hyper).params)[0]
    moved = float(jnp.linalg.norm(theirs - first))
    assert moved > 0.01
    assert float(jnp.linalg.norm(ours - theirs)) < 1e-4 * moved
