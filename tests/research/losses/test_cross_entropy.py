import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.losses.cross_entropy import CrossEntropy

LOGITS = jax.random.normal(jax.random.key(0), (5, 10))
LABELS = jnp.asarray([0, 4, 9, 4, 1])


def test_that_of_equal_logits_is_the_log_of_the_classes():
    for loss in (CrossEntropy(), CrossEntropy(0.3)):
        found = loss.per_example(jnp.zeros((3, 10)), jnp.asarray([0, 4, 9]))
        np.testing.assert_allclose(found, loss.of_guess(10), rtol=1e-6)
    assert CrossEntropy().of_guess(10) == pytest.approx(np.log(10))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_it_is_that_of_the_smoothed_label(smoothing):
    target = (1 - smoothing) * np.eye(10)[np.asarray(LABELS)] + smoothing / 10
    expected = -(target * np.asarray(jax.nn.log_softmax(LOGITS))).sum(1)
    np.testing.assert_allclose(CrossEntropy(smoothing).per_example(LOGITS, LABELS), expected, rtol=1e-5)


def test_what_is_reported_is_not_smoothed():
    assert CrossEntropy(0.2).evaluated() == CrossEntropy()


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_shares_that_make_no_label_are_refused(smoothing):
    with pytest.raises(InvalidInput, match=r"loss\.smoothing is"):
        CrossEntropy(smoothing)
