"""Gauss-Newton matrices written out, on a linear model and on a small network."""

import jax
import jax.numpy as jnp
import numpy as np

from research.measures.operators import gauss_newton, hessian

EXAMPLES, INPUTS, CLASSES = 6, 5, 3


def batch():
    """Random inputs and labels."""
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(EXAMPLES, INPUTS)), jnp.float32), jnp.arange(EXAMPLES) % CLASSES


def linear(params, batch):
    """Logits that are linear in the parameters."""
    return batch[0] @ params.reshape(INPUTS, CLASSES)


def curved(params, batch):
    """Logits that are not."""
    return jnp.tanh(linear(params, batch)) * jnp.exp(params[:CLASSES])


def matrices(loss, logits):
    """By products, the Gauss-Newton matrix and the Hessian; and J' S J written out."""
    one = batch()
    params = jnp.asarray(np.random.default_rng(1).normal(size=INPUTS * CLASSES), jnp.float32)

    def of_logits(out, batch):
        return loss.per_example(out, batch[1]).mean()

    stacked = jax.tree.map(lambda leaf: leaf[None], one)
    by_products = gauss_newton(logits, of_logits, params, stacked)
    full = hessian(lambda p, b: of_logits(logits(p, b), b), params, stacked)
    unit = jnp.eye(params.size)
    J = jax.jacobian(lambda p: logits(p, one).ravel())(params)
    S = jax.hessian(lambda out: of_logits(out.reshape(EXAMPLES, CLASSES), one))(logits(params, one).ravel())
    return jax.vmap(by_products)(unit), jax.vmap(full)(unit), J.T @ S @ J


def assert_gauss_newton_follows(loss):
    """It is J' S J, has no negative eigenvalue, and is the Hessian of a linear model and of no other."""
    found, full, dense = matrices(loss, linear)
    np.testing.assert_allclose(found, dense, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found, full, rtol=1e-4, atol=1e-6)
    found, full, dense = matrices(loss, curved)
    np.testing.assert_allclose(found, dense, rtol=1e-4, atol=1e-5)
    assert np.linalg.eigvalsh(found).min() > -1e-5
    assert np.abs(found - full).max() > 1e-2


def best_constant(loss, classes):
    """The lowest loss of one answer for all, the classes being equally frequent, by gradient descent."""
    labels = jnp.arange(classes)

    def mean(guess):
        return loss.per_example(jnp.broadcast_to(guess, (classes, classes)), labels).mean()

    guess = jnp.zeros(classes)
    descend = jax.jit(lambda guess: guess - 0.1 * jax.grad(mean)(guess))
    for _ in range(500):
        guess = descend(guess)
    return float(mean(guess))
