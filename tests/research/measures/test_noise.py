"""Noise of known covariance: linear regression's loss (w - x)' A (w - x) / 2 has gradient A (w - x)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.measures.noise import gradient_noise
from research.measures.operators import hessian

SCALES = np.asarray([1.0, 2.0, 0.5, 3.0], np.float32)  # standard deviations of x
A = np.asarray([4.0, 1.0, 2.0, 0.5], np.float32)  # curvature, diagonal
W = np.asarray([1.0, -1.0, 0.5, 2.0], np.float32)


def loss(w, batch):
    return (A * (w - batch) ** 2).sum(-1).mean() / 2


def batches(key, count, size):
    return SCALES * jax.random.normal(key, (count, size, 4))


VARIANCE = (A**2 * SCALES**2).sum()
SIGNAL = (A**2 * W**2).sum()
CURVED_VARIANCE = (A**3 * SCALES**2).sum()
CURVED_SIGNAL = (A**3 * W**2).sum()


@pytest.mark.parametrize(("count", "size"), [(2, 1), (4, 8), (16, 2)])
def test_estimates_are_unbiased_at_every_batch_size(count, size):
    def estimate(key):
        data = batches(key, count, size)
        return jnp.stack(
            gradient_noise(loss, jnp.asarray(W), data, size, hessian(loss, jnp.asarray(W), data))
        )

    found = np.asarray(jax.lax.map(estimate, jax.random.split(jax.random.key(0), 2000)))
    expected = [VARIANCE, SIGNAL, CURVED_VARIANCE, CURVED_SIGNAL]
    error = found.std(0) / np.sqrt(2000)
    assert (np.abs(found.mean(0) - expected) < 4 * error).all()


def test_scales_of_much_data_are_the_known_ones():
    data = batches(jax.random.key(1), 2000, 8)
    noise = gradient_noise(loss, jnp.asarray(W), data, 8, hessian(loss, jnp.asarray(W), data[:4]))
    np.testing.assert_allclose(noise.simple_scale(), VARIANCE / SIGNAL, rtol=0.05)
    np.testing.assert_allclose(noise.full_scale(), CURVED_VARIANCE / CURVED_SIGNAL, rtol=0.05)


def test_the_variance_of_a_batchs_gradient_falls_as_one_over_its_size():
    whole = batches(jax.random.key(2), 65536, 1)
    for size in (1, 4, 16):
        data = whole.reshape(65536 // size, size, 4)
        assert gradient_noise(loss, jnp.asarray(W), data, size).variance == pytest.approx(VARIANCE, rel=0.1)


def test_without_a_hessian_the_curved_quantities_are_not_made_up():
    noise = gradient_noise(loss, jnp.asarray(W), batches(jax.random.key(0), 4, 2), 2)
    assert jnp.isnan(noise.curved_variance)
    assert jnp.isnan(noise.full_scale())
