import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.losses.squared_error import SquaredError
from tests.research.losses._curvature import assert_gauss_newton_follows, best_constant


def test_it_is_the_mean_square_of_the_difference_to_the_one_hot_label():
    logits = jnp.float32([[1.0, 0.0, 0.0], [0.0, 2.0, -1.0]])
    found = SquaredError().per_example(logits, jnp.asarray([0, 2]))
    np.testing.assert_allclose(found, [0.0, (0 + 4 + 4) / 3])


def test_weight_and_target_are_of_the_labels_own_logit():
    """Hui and Belkin's: k (f_c - M)^2 beside the other logits' squares."""
    found = SquaredError(15.0, 30.0).per_example(jnp.float32([[1.0, 2.0, 3.0, 4.0]]), jnp.asarray([1]))
    np.testing.assert_allclose(found, [(15 * 28**2 + 1 + 9 + 16) / 4], rtol=1e-6)


@pytest.mark.parametrize("loss", [SquaredError(), SquaredError(3.0, 2.0)])
def test_gauss_newton_follows_it(loss):
    assert_gauss_newton_follows(loss)


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("loss", [SquaredError(), SquaredError(3.0, 2.0)])
def test_no_constant_answer_is_better_than_a_guess(loss, classes):
    assert loss.of_guess(classes) == pytest.approx(best_constant(loss, classes), rel=0.02)
    assert loss.of_guess(classes) <= best_constant(loss, classes) * 1.0001


def test_what_is_reported_is_what_is_minimised():
    assert SquaredError(3.0).evaluated() == SquaredError(3.0)


@pytest.mark.parametrize("field", ["weight", "target"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_what_makes_no_sense_is_refused(field, value):
    with pytest.raises(InvalidInput, match=f"loss.{field}"):
        SquaredError(**{field: value})
