import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.kernels import inner, scaled, shifted, total


@pytest.mark.parametrize("shape", [(3, 5, 7, 8), (2, 4, 4, 64), (4, 1, 1, 4), (2, 3, 3, 256), (2, 3, 3, 5)])
def test_sums_and_their_derivatives_are_numpys(shape):
    keys = jax.random.split(jax.random.key(0), 2)
    x, y = (jax.random.normal(key, shape) for key in keys)
    a = jnp.linspace(-1, 2, shape[-1])
    exact = np.asarray(x, np.float64)
    np.testing.assert_allclose(total(x), exact.sum((0, 1, 2)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(inner(x, y), (exact * y).sum((0, 1, 2)), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(shifted(x, a), x + a)
    np.testing.assert_array_equal(scaled(x, a), x * a)
    of_total = jax.grad(lambda x: (total(x) * a).sum())(x)
    np.testing.assert_array_equal(of_total, np.broadcast_to(a, shape))
    np.testing.assert_allclose(jax.grad(lambda x: inner(x, x) @ a)(x), 2 * x * a, rtol=1e-6)
    of_offset = jax.grad(lambda a: (shifted(x, a) * y).sum())(a)
    np.testing.assert_allclose(of_offset, y.sum((0, 1, 2)), rtol=1e-4, atol=1e-5)
    of_factor = jax.grad(lambda a: (scaled(x, a) * y).sum())(a)
    np.testing.assert_allclose(of_factor, (x * y).sum((0, 1, 2)), rtol=1e-4, atol=1e-5)


def test_rounding_does_not_grow_with_the_batch():
    """A hundred thousand equal numbers: summed one by one in float32 they would be off by 1e-4."""
    found = total(jnp.full((512, 16, 16, 8), 0.1))
    np.testing.assert_allclose(found, np.float32(0.1) * 512 * 256, rtol=1e-5)


def test_second_derivatives():
    x = jax.random.normal(jax.random.key(0), (2, 3, 3, 8))

    def norm(x):
        mean, square = total(x) / 18, inner(x, x) / 18
        return jnp.sin(shifted(scaled(x, (square - mean**2 + 1) ** -0.5), -mean)).sum()

    def plain(x):
        mean, square = x.mean((0, 1, 2)), (x * x).mean((0, 1, 2))
        return jnp.sin(x * (square - mean**2 + 1) ** -0.5 - mean).sum()

    direction = jnp.cos(x)
    products = [jax.jvp(jax.grad(f), (x,), (direction,))[1] for f in (norm, plain)]
    np.testing.assert_allclose(*products, rtol=1e-4, atol=1e-5)
