"""An effect's confidence interval over seeds.

Seeds are few, two to five: a percentile bootstrap over two seeds can only ever resample the same two values,
and its nominal 95% interval holds the truth about half of the time. Student's t interval is exact for any
number of normal values from two on, and pays for few seeds with width: a factor 12.7 at two, 4.3 at three.
Effects are made to suit it: differences within a seed, logarithms of factors and of losses. How it fares
where the noise is not normal is simulated in `tests/analysis/claims/test_simulation.py`.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95  # two-sided: a bound is passed by chance in 2.5% of the cases


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and what is known of it.

    Attributes:
        mean: over seeds; NaN where a seed's effect is undefined.
        low: lower end of the confidence interval; NaN with fewer than two seeds.
        high: upper end.
        seeds: how many.
        undefined: in how many of them the effect is NaN or infinite.
        deviation: standard deviation between seeds, a rounding's at least; NaN with fewer than two.
        resolution: half-width of the interval of the error that all seeds share.
    """

    mean: float
    low: float
    high: float
    seeds: int
    deviation: float
    resolution: float = 0.0
    undefined: int = 0

    @property
    def half_width(self) -> float:
        """Half of the interval's width; NaN with fewer than two seeds."""
        return (self.high - self.low) / 2


UNIFORM = 0.475
"""Half-width of the 95% interval of a rounding, in steps: it is uniform over one."""
ROUNDED = 1 / (UNIFORM * 12**0.5)
"""Standard deviation of a rounding, over that half-width."""


def interval(effects: ArrayLike, resolution: float = 0.0, rounds: bool = False) -> Interval:
    """The mean of one effect per seed, with its interval.

    Args:
        effects: (seeds,). One that is NaN or infinite makes the mean NaN: leaving out the seed in which an
            effect is undefined, because its run diverged say, would be choosing among seeds.
        resolution: half-width of the 95% interval of a rounding error that more seeds do not average out, as
            that of an onset read off a grid of factors. Without it, seeds that round alike look certain.
        rounds: whether each seed rounds so by itself, so that their deviation is at least a rounding's: of
            two seeds nothing else would say how far they might have been apart.
    """
    values = np.asarray(effects, float)
    count, undefined = len(values), int((~np.isfinite(values)).sum())
    if count == 0 or undefined:
        return Interval(np.nan, np.nan, np.nan, count, np.nan, resolution, undefined)
    mean = float(values.mean())
    if count == 1:
        return Interval(mean, np.nan, np.nan, 1, np.nan, resolution)
    deviation = max(float(values.std(ddof=1)), ROUNDED * resolution if rounds else 0.0)
    width = half_width(count, deviation, resolution)
    return Interval(mean, mean - width, mean + width, count, deviation, resolution)


def half_width(seeds: int, deviation: float, resolution: float = 0.0) -> float:
    """Of the interval: Student's t for the seeds' scatter, in quadrature with what rounding hides."""
    return math.hypot(_student(seeds) * deviation / seeds**0.5, resolution)


@cache
def _student(seeds: int) -> float:
    """Student's t at the upper end of the interval."""
    return float(stats.t.isf((1 - LEVEL) / 2, seeds - 1))
