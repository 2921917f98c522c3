import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.gradients import Gradient, Pass
from research.gradients._gradient import noise_weight
from research.gradients.fresh_noise import FreshNoise
from research.gradients.mean import MeanGradient

KEYS = jax.random.split(jax.random.key(0), 2000)


def weights(passes: int) -> np.ndarray:
    """(updates, passes)."""

    def of_update(key):
        zero, count = jnp.int32(0), jnp.int32(passes)
        return jax.vmap(lambda taken: noise_weight(Pass(key, taken, count, zero, zero)))(jnp.arange(passes))

    return np.asarray(jax.jit(jax.vmap(of_update))(KEYS), np.float64)


@pytest.mark.parametrize("passes", [3, 4, 5, 8, 16])
def test_in_every_update_the_noise_has_no_signal_and_the_size_of_one_pass(passes):
    found = weights(passes)
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-5)
    np.testing.assert_allclose((found**2).sum(1), 1 - 1 / passes, rtol=1e-4)
    assert (found.std(0) > 0.5 * found.std()).all()  # each pass counts in some of them


def test_of_two_passes_it_has_that_size_on_average_and_of_one_there_is_none():
    found = weights(2)
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-6)
    assert (found**2).sum(1).mean() == pytest.approx(1 / 2, rel=0.05)
    np.testing.assert_allclose(weights(1), 0)


def test_a_large_batch_with_noise_scatters_as_a_small_one_and_without_as_a_large_one():
    """Gradients of passes drawn from a unit normal, 8 in each of 2000 updates."""
    gradients = jax.random.normal(jax.random.key(1), (len(KEYS), 8, 16))
    zero, count = jnp.int32(0), jnp.int32(8)

    def update(kind, key, own):
        def part(taken, one):
            return kind.of_pass(one, lambda: one, Pass(key, taken, count, zero, zero))

        return jax.vmap(part)(jnp.arange(8), own).mean(0)

    for kind, variance in ((MeanGradient(), 1 / 8), (FreshNoise(), 1.0)):
        found = jax.jit(jax.vmap(lambda key, own, kind=kind: update(kind, key, own)))(KEYS, gradients)
        assert float(found.var()) == pytest.approx(variance, rel=0.03)
        assert abs(float(found.mean())) < 4 * (variance / found.size) ** 0.5


def test_what_keeps_a_snapshot_has_to_say_when_it_is_taken():
    with pytest.raises(TypeError, match="Once keeps a snapshot, and `snapshot_due` must say when"):

        class Once(Gradient):
            keeps_snapshot = True

            def of_pass(self, own, at_snapshot, place):
                return own
