import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.training.schedules import (
    ARTICLE,
    ARTICLE_FORGETTING,
    PiecewiseLinear,
    Policy,
    traced,
    traced_rate,
)


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 0), (7.5, 0.05), (15, 0.1), (30, 0.005), (32.5, 0.0025), (35, 0), (40, 0)]
)
def test_the_articles_knots(epoch, rate):
    np.testing.assert_allclose(ARTICLE(epoch), rate, atol=1e-8)


def test_the_forgetting_schedule_stays_at_its_peak():
    np.testing.assert_allclose([ARTICLE_FORGETTING(e) for e in (0, 2.5, 5, 17, 30)], [0, 0.05, 0.1, 0.1, 0.1])


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


POLICIES = {  # Caffe's definitions, written out for t = 0, 3 and 7 epochs
    Policy("fixed", 0.2): (0.2, 0.2, 0.2),
    Policy("step", 0.2, gamma=0.5, every=3): (0.2, 0.1, 0.05),
    Policy("exp", 0.2, gamma=0.9): (0.2, 0.2 * 0.9**3, 0.2 * 0.9**7),
    Policy("inv", 0.2, gamma=0.5, power=0.75): (0.2, 0.2 * 2.5**-0.75, 0.2 * 4.5**-0.75),
    Policy("multistep", 0.2, gamma=0.1, steps=(3, 5)): (0.2, 0.02, 0.002),
    Policy("poly", 0.2, power=2, every=6): (0.2, 0.05, 0.0),
    Policy("sigmoid", 0.2, gamma=-2, every=3): (0.2 / (1 + np.exp(-6)), 0.1, 0.2 / (1 + np.exp(8))),
}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_the_policies_are_caffes(policy):
    np.testing.assert_allclose([policy(t) for t in (0, 3, 7)], POLICIES[policy], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("schedule", [ARTICLE, ARTICLE_FORGETTING, ARTICLE.stretched(7, scale=2.0)])
def test_a_traced_schedule_is_the_schedule_bit_for_bit(schedule):
    epochs = jnp.linspace(0, schedule.knots[-1] + 9, 200)
    np.testing.assert_array_equal(jax.vmap(traced(schedule))(epochs), jax.vmap(schedule)(epochs))


def test_warm_up_rises_to_the_schedule_and_leaves_the_rest_as_it_is():
    flat = Policy("fixed", 0.1, reference_batch=16)
    rate = traced_rate(flat, 2.0 * 32 / 16, 10, warm_up=2.0)
    np.testing.assert_allclose(
        [np.asarray(rate(s)).item() for s in (0, 5, 10, 20, 35)], [0, 0.1, 0.2, 0.4, 0.4], rtol=1e-6
    )
    without = traced_rate(ARTICLE, 2.0 * 32 / 128, 10)
    warm = traced_rate(ARTICLE, 2.0 * 32 / 128, 10, warm_up=1.0)
    assert without(25) == warm(25)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": "fixed", "rate": -1.0}, "rate"),
        ({"name": "fixed", "rate": 0.1, "gamma": 0.5}, "gamma"),
        ({"name": "step", "rate": 0.1, "gamma": 0.5}, "every"),
        ({"name": "exp", "rate": 0.1, "gamma": float("nan")}, "gamma"),
        ({"name": "multistep", "rate": 0.1, "gamma": 0.5, "steps": (3, 2)}, "steps"),
        ({"name": "multistep", "rate": 0.1, "gamma": 0.5}, "steps"),
        ({"name": "inv", "rate": 0.1, "gamma": 0.5}, "power"),
        ({"name": "poly", "rate": 0.1, "power": 1.0, "every": -2.0}, "every"),
        ({"name": "fixed", "rate": 0.1, "reference_batch": 0}, "reference_batch"),
    ],
)
def test_policies_that_make_no_sense_are_refused(options, field):
    with pytest.raises(InvalidInput, match=f"schedule.{field}"):
        Policy(**options)
