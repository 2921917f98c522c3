import math

import numpy as np
import pytest
from scipy import stats

from analysis.claims import Part
from analysis.claims._interval import Interval, interval
from analysis.claims._power import HAIR, POWER, power, seeds_for
from analysis.claims._verdict import judge

ABOVE = Part("it", lambda _: None, low=0)  # type: ignore[arg-type, return-value]
BETWEEN = Part("it", lambda _: None, low=-1, high=1)  # type: ignore[arg-type, return-value]


def seen(mean: float, deviation: float, resolution: float = 0.0) -> Interval:
    """An effect as two seeds might show it."""
    return Interval(mean, np.nan, np.nan, 2, deviation, resolution)


@pytest.mark.parametrize("seeds", [3, 8, 32])
@pytest.mark.parametrize("mean", [0.2, 0.5, 1.0])
def test_without_a_resolution_it_is_the_non_central_t(seeds, mean):
    critical = (1 + HAIR) * stats.t.isf(0.025, seeds - 1)
    expected = stats.nct.sf(critical, seeds - 1, mean * seeds**0.5)
    assert power(ABOVE, seen(mean, 1.0), seeds) == pytest.approx(expected, abs=0.005)
    assert power(ABOVE, seen(-mean, 1.0), seeds) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(
    ("part", "mean", "deviation", "resolution", "word"),
    [
        (ABOVE, 0.9, 1.0, 0.0, "supported"),
        (ABOVE, -0.9, 1.0, 0.2, "contradicted"),
        (BETWEEN, 0.3, 0.7, 0.3, "supported"),
        (BETWEEN, 0.0, 1.2, 0.0, "supported"),
        (BETWEEN, 1.6, 0.7, 0.3, "contradicted"),
    ],
)
def test_it_is_how_often_a_verdict_falls(part, mean, deviation, resolution, word):
    seeds, times = 8, 1000
    draws = np.random.default_rng(0).normal(mean, deviation, (times, seeds))
    words = [judge(part, interval(values, resolution)).word for values in draws]
    share = words.count(word) / times
    assert power(part, seen(mean, deviation, resolution), seeds) == pytest.approx(share, abs=0.04)


def test_the_seeds_wanted_are_the_fewest_that_have_the_power():
    for part, effect in ((ABOVE, seen(0.6, 1.0)), (BETWEEN, seen(0.5, 0.6, 0.2))):
        wanted = seeds_for(part, effect, 8, 64)
        assert wanted is not None
        assert power(part, effect, wanted) >= POWER > power(part, effect, wanted - 1)
        assert seeds_for(part, effect, 8, wanted - 1) is None
        assert seeds_for(part, effect, wanted + 5, 64) == wanted + 5


def test_what_seeds_do_not_settle_wants_none():
    assert seeds_for(BETWEEN, seen(0.95, 0.0, 0.1), 8, 32) is None  # rounding that all seeds share
    assert seeds_for(BETWEEN, seen(0.85, 0.0, 0.1), 8, 32) == 8
    stated = Part("it", lambda _: None)  # type: ignore[arg-type, return-value]
    for part, effect in ((stated, seen(1.0, 1.0)), (ABOVE, seen(np.nan, np.nan)), (ABOVE, seen(1.0, np.nan))):
        assert math.isnan(power(part, effect, 8))
        assert seeds_for(part, effect, 8, 32) is None
