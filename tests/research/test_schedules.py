import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.schedules import ARTICLE, ARTICLE_FORGETTING, PiecewiseLinear, learning_rate


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 0), (7.5, 0.05), (15, 0.1), (30, 0.005), (32.5, 0.0025), (35, 0), (40, 0)]
)
def test_the_articles_knots(epoch, rate):
    np.testing.assert_allclose(ARTICLE(epoch), rate, atol=1e-8)


def test_the_forgetting_schedule_stays_at_its_peak():
    np.testing.assert_allclose([ARTICLE_FORGETTING(e) for e in (0, 2.5, 5, 17, 30)], [0, 0.05, 0.1, 0.1, 0.1])


def test_the_articles_batch_512_recipe_peaks_at_0_44():
    rate = learning_rate(ARTICLE, 1.1, 512, 97)
    assert np.asarray(rate(jnp.int32(15 * 97))) == pytest.approx(0.44)


def test_equal_factors_take_equal_steps_per_example():
    small = learning_rate(ARTICLE, 2.0, 128, 400)(jnp.int32(1000))
    large = learning_rate(ARTICLE, 2.0, 512, 100)(jnp.int32(250))
    assert np.asarray(large) == pytest.approx(4 * np.asarray(small))


def test_a_stretched_schedule_keeps_its_shape():
    short = ARTICLE.stretched(7, scale=2.0)
    for epoch in np.linspace(0, 7, 15):
        np.testing.assert_allclose(short(epoch), 2 * ARTICLE(5 * epoch), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("knots", "values", "field"),
    [
        ((0.0,), (0.1,), "knots"),
        ((1.0, 2.0), (0.1, 0.1), "knots"),
        ((0.0, 3.0, 2.0), (0.1, 0.1, 0.1), "knots"),
        ((0.0, 2.0), (0.1,), "values"),
        ((0.0, 2.0), (0.1, -0.1), "values"),
        ((0.0, 2.0), (0.1, float("nan")), "values"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(knots, values, field):
    with pytest.raises(InvalidInput, match=f"schedule.{field}"):
        PiecewiseLinear(knots, values)
