import numpy as np
import pytest

from analysis.claims._interval import half_width, interval


def test_the_interval_is_students():
    effect = interval([1.0, 2.0, 3.0])
    assert effect.mean == 2
    assert effect.high - 2 == pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    assert 2 - effect.low == pytest.approx(4.3027 / 3**0.5, abs=1e-4)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_it_holds_the_truth_as_often_as_it_says(seeds):
    rng = np.random.default_rng(0)
    effects = [interval(rng.normal(1.0, 0.3, seeds)) for _ in range(4000)]
    assert np.mean([effect.low < 1 < effect.high for effect in effects]) == pytest.approx(0.95, abs=0.01)


def test_one_seed_has_a_mean_and_no_interval():
    effect = interval([1.5])
    assert effect.mean == 1.5
    assert np.isnan([effect.low, effect.high]).all()


@pytest.mark.parametrize("effects", [[], [1.0, np.nan], [1.0, np.inf, 2.0]])
def test_a_seed_without_an_effect_leaves_none_at_all(effects):
    assert np.isnan(interval(effects).mean)
    assert np.isnan(interval(effects).low)


def test_rounding_stays_where_seeds_agree():
    assert interval([3.5, 3.5], resolution=0.475).high == pytest.approx(3.975)
    assert half_width(100, 0.0, 0.475) == 0.475


@pytest.mark.parametrize("scatter", [0.0, 0.1, 0.5, 2.0])
def test_seeds_that_round_alike_are_not_certain(scatter):
    """Of two seeds read off a grid of step 1: the interval misses the truth in one of twenty at most.

    Without a deviation of a rounding at least, two that fall into the same step would agree to the dot.
    """
    rng = np.random.default_rng(0)
    missed = {True: 0, False: 0}
    for _ in range(2000):
        truth = rng.uniform()
        effects = np.floor(truth + scatter * rng.normal(size=2)) + 0.5
        for rounds in missed:
            effect = interval(effects, 0.475, rounds)
            missed[rounds] += not effect.low < truth < effect.high
    assert missed[True] <= 0.05 * 2000
    if scatter == 0.5:
        assert missed[False] > 0.1 * 2000


def test_a_scatter_larger_than_roundings_stays_what_it_is():
    assert interval([1.0, 2.0, 3.0], 0.475, rounds=True) == interval([1.0, 2.0, 3.0], 0.475)
    assert interval([1.0, 1.0, 1.0], 0.475, rounds=True).deviation == pytest.approx(12**-0.5)
