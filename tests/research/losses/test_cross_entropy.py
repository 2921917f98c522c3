import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.losses.cross_entropy import CrossEntropy
from tests.research.losses._curvature import assert_gauss_newton_follows, best_constant


def logits_and_labels():
    rng = np.random.default_rng(0)
    return jnp.asarray(3 * rng.normal(size=(7, 5)), jnp.float32), jnp.asarray(rng.integers(5, size=7))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_it_is_that_of_the_label_spread_over_the_classes(smoothing):
    """Szegedy et al., section 7: -sum q log p, q the label's share 1 - e, and e / 5 for each of 5 classes."""
    logits, labels = logits_and_labels()
    spread = (1 - smoothing) * np.eye(5)[labels] + smoothing / 5
    wanted = -(spread * np.asarray(jax.nn.log_softmax(logits))).sum(-1)
    np.testing.assert_allclose(CrossEntropy(smoothing).per_example(logits, labels), wanted, rtol=1e-5)


def test_of_equal_logits_it_is_the_log_of_the_classes():
    for smoothing in (0.0, 0.3):
        found = CrossEntropy(smoothing).per_example(jnp.zeros((3, 10)), jnp.asarray([0, 4, 9]))
        np.testing.assert_allclose(found, np.log(10), rtol=1e-6)


def test_what_is_reported_is_not_smoothed():
    logits, labels = logits_and_labels()
    reported = CrossEntropy(0.5).evaluated().per_example(logits, labels)
    np.testing.assert_array_equal(reported, CrossEntropy().per_example(logits, labels))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_gauss_newton_follows_it(smoothing):
    assert_gauss_newton_follows(CrossEntropy(smoothing))


@pytest.mark.parametrize("classes", [2, 10])
def test_no_constant_answer_is_better_than_a_guess(classes):
    assert CrossEntropy().of_guess(classes) == pytest.approx(best_constant(CrossEntropy(), classes))


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_what_makes_no_sense_is_refused(value):
    with pytest.raises(InvalidInput, match=r"loss\.smoothing"):
        CrossEntropy(value)
