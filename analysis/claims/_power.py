"""With how many seeds a part of a claim would be settled, if what was seen so far is the truth.

An interval settles a part where its end clears the rule's by `HAIR` of its half-width: where

    |mean - end| > (1 + HAIR) hypot(t s / sqrt(n), resolution)

with the mean normal about the truth and the scatter s about its own as the root of a chi-squared over n - 1.
Without a resolution that is a one-sided t test at (1 + HAIR) t, whose power is the non-central t's
(`tests/analysis/claims/test_power.py`).
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.claims._claim import Part
from analysis.claims._interval import Interval, half_width

HAIR = 0.1  # of an interval's half-width: by so much at least its end must clear the rule's
POWER = 0.8  # how often a claim is to be settled that is as it seems
DRAWS = 200  # equally likely scatters that a power is the mean over


def power(part: Part, effect: Interval, seeds: int) -> float:
    """How often a number of seeds would settle a part as its mean lies, inside its region or out of it.

    Args:
        effect: whose mean and deviation are taken for the truth.
        seeds: two or more.

    Returns:
        NaN for a part without a region, and where the effect or its scatter is not known.
    """
    if part.states or math.isnan(effect.mean) or math.isnan(effect.deviation):
        return math.nan
    widths = np.hypot(_scatters(seeds) * half_width(seeds, effect.deviation), effect.resolution)
    spare, error = (1 + HAIR) * widths, effect.deviation / seeds**0.5
    if part.low < effect.mean < part.high:
        settled = _below(part.high - spare, effect.mean, error) - _below(part.low + spare, effect.mean, error)
    elif effect.mean <= part.low:
        settled = _below(part.low - spare, effect.mean, error)
    else:
        settled = 1 - _below(part.high + spare, effect.mean, error)
    return float(np.maximum(settled, 0).mean())


def seeds_for(part: Part, effect: Interval, least: int, most: int) -> int | None:
    """The fewest seeds, within bounds, that settle a part in `POWER` of cases; None: no number of them."""
    counts = range(least, most + 1)
    if not counts or not power(part, effect, most) >= POWER:
        return None
    low, high = 0, len(counts) - 1  # more seeds never make it worse
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(part, effect, counts[middle]) >= POWER else (middle + 1, high)
    return counts[low]


def _below(ends: NDArray[np.float64], mean: float, error: float) -> NDArray[np.float64]:
    """How often a mean over seeds lies below each of these ends."""
    return stats.norm.cdf(ends, mean, error) if error > 0 else (mean < ends).astype(float)


@cache
def _scatters(seeds: int) -> NDArray[np.float64]:
    """Equally likely sample deviations of a number of seeds, over the true one."""
    middles = (np.arange(DRAWS) + 0.5) / DRAWS
    return np.sqrt(stats.chi2.ppf(middles, seeds - 1) / (seeds - 1))
