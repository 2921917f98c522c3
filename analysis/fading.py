"""How memory fades: half-lives of the memory of views and of images, and how well they are known.

A replay gives two memories by age (`research.measures.replay`): of the view, the loss of a batch's images in
a fresh view less the loss as seen; of the image, the loss of images never seen less that in a fresh view. A
withheld cohort gives the second alone, for ages with no visit in them (`research.measures.groups`).

One visit is taken to leave an advantage that halves every so many epochs, and what several visits leave to
add up, as it does in a linear model. From the half-life follow the two other numbers that `docs/measures.md`
names: the recovery time, and the forgetting ratio. An interval whose upper end is infinite says: longer than
this, how much longer cannot be told.

The rules in this file, and the shares in them, were fixed before any of them was applied to a record.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

RECOVERED_SHARE = 0.25
"""Of what a visit leaves at once, the most that may be left when it is said to be gone."""

CONFIDENCE = 0.975
"""Of the profile: intervals then hold the truth in 95% of simulations, batches not being of one noise."""

SHORTEST, LONGEST = 1 / 256, 1024  # epochs: half-lives that are looked at


class Fading(NamedTuple):
    """How fast memory fades.

    Attributes:
        half_life: in the unit of the ages; NaN where there is no memory to be seen.
        low: lower end of its 95% interval.
        high: upper end; infinite where the data cannot tell it from forever.
        amplitude: what a visit leaves at once, in the unit of the losses.
    """

    half_life: float
    low: float
    high: float
    amplitude: float

    @property
    def known(self) -> bool:
        """Whether the half-life is known to within a factor of four either way."""
        return bool(self.low > 0 and self.high <= 16 * self.low)

    def recovery_time(self) -> tuple[float, float, float]:
        """After how long a quarter of what a visit left is there still; and its interval."""
        doublings = -np.log2(RECOVERED_SHARE)
        return self.half_life * doublings, self.low * doublings, self.high * doublings

    def forgetting_ratio(self, within: float = 0.5) -> tuple[float, float, float]:
        """The share of what a visit left that is gone so much later, half an epoch say; with its interval."""

        def gone(half_life: float) -> float:
            return float(-np.expm1(-np.log(2) * within / half_life)) if half_life > 0 else 1.0

        if np.isnan(self.half_life):
            return np.nan, np.nan, np.nan
        return gone(self.half_life), gone(self.high), gone(self.low)


NOTHING = Fading(np.nan, np.nan, np.nan, 0.0)


def of_views(ages: ArrayLike, memory: ArrayLike) -> Fading:
    """The fading of the memory of views, which is visited once and then never again.

    Args:
        ages: (points,), how long ago the view was seen, above 0.
        memory: (points,), loss in a fresh view less that as seen; independent noise of one size.
    """
    ages, memory = _finite(ages, memory)
    return _profiled(lambda half_life: np.exp2(-ages / half_life)[:, None], memory, ages)


def of_images(ages: ArrayLike, fresh: ArrayLike, never_seen: float, error: float, epochs: int) -> Fading:
    """The fading of the memory of images, each of which was visited once in every epoch, in random order.

    An image last visited at age a, in epochs, was visited once in each of the epochs before the last one too,
    at an age that the last one's says nothing of: uniform between j and j + 1 for the j-th before. With
    half-life h its memory is A times

        2^(-a/h) + sum over j of the mean of 2^(-u/h) for u in j .. j + 1
                                      = 2^(-a/h) + h / ln 2 (2^(-1/h) - 2^(-epochs/h)).

    How steep memory is within the epoch, against how high it stands above the images never seen, gives h.

    Args:
        ages: (points,), of batches of the last epoch, in epochs, between 0 and 1.
        fresh: (points,), their loss in a fresh view; independent noise of one size.
        never_seen: loss of images never seen.
        error: its standard error.
        epochs: that the run has trained for, the last one included.
    """
    ages, fresh = _finite(ages, fresh)
    assert not len(ages) or (ages.min() >= 0 and ages.max() <= 1 + 1e-9)
    if not len(ages) or not np.isfinite([never_seen, error]).all():
        return NOTHING
    noise = max(float(np.std(fresh, ddof=1)), 1e-12)
    weight = noise / max(error, 1e-9 * noise)  # of the level, as a point of the batches' noise
    values = np.append(fresh, never_seen * weight)

    def shapes(half_life: float) -> NDArray[np.float64]:
        before = half_life / np.log(2) * (np.exp2(-1 / half_life) - np.exp2(-epochs / half_life))
        memory = np.append(-(np.exp2(-ages / half_life) + before), 0.0)
        level = np.append(np.ones_like(ages), weight)
        return np.stack([memory, level], axis=1)

    return _profiled(shapes, values, ages)


def of_cohort(ages: ArrayLike, memory: ArrayLike, spread: ArrayLike | None = None) -> Fading:
    """The fading of the memory of images that are not visited any more.

    Args:
        ages: (points,), since the last epoch with them, above or at 0, in updates, epochs or summed rate.
        memory: (points,), loss of images never seen less theirs.
        spread: (points,), relative size of the points' noise; None: all alike.
    """
    ages, memory = np.asarray(ages, float), np.asarray(memory, float)
    weight = np.ones_like(ages) if spread is None else 1 / np.asarray(spread, float)
    known = np.isfinite(memory) & np.isfinite(weight)
    ages, memory, weight = ages[known], memory[known], weight[known]
    return _profiled(lambda half_life: (weight * np.exp2(-ages / half_life))[:, None], weight * memory, ages)


def _finite(ages: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ages, values = np.asarray(ages, float), np.asarray(values, float)
    known = np.isfinite(ages) & np.isfinite(values)
    return ages[known], values[known]


def _profiled(shapes, values: NDArray[np.float64], ages: NDArray[np.float64]) -> Fading:
    """Least squares for each of many half-lives; the interval holds those not significantly worse.

    The first column of `shapes(half_life)` is memory's, whose amplitude is not negative; the others are free.
    Where no memory at all fits as well, the amplitude may be anything and the half-life too: it is not known.
    """
    if len(ages) < 5 or np.ptp(ages) == 0:
        return NOTHING
    unit = np.ptp(ages)  # of whatever the ages are in
    candidates = np.geomspace(SHORTEST, LONGEST, 400) * unit
    squares, amplitudes = np.empty(len(candidates)), np.empty(len(candidates))
    for index, half_life in enumerate(candidates):
        columns = shapes(half_life)
        squares[index], amplitudes[index] = _least(columns, values)
    without = _residual(shapes(candidates[0])[:, 1:], values)
    degrees = len(values) - shapes(candidates[0]).shape[1] - 1
    best = int(np.argmin(squares))
    if not amplitudes[best] > 0 or degrees < 1:
        return NOTHING
    allowed = squares[best] * (1 + stats.f.ppf(CONFIDENCE, 1, degrees) / degrees)
    inside = np.flatnonzero(squares <= allowed)
    # The ends lie between two candidates: the outer one of them is taken.
    first, last = inside[0] - 1, inside[-1] + 1
    low = candidates[first] if first >= 0 else 0.0
    high = candidates[last] if last < len(candidates) else np.inf
    if without <= allowed:  # no memory at all is as good: then of any half-life, and none
        low, high = 0.0, np.inf
    return Fading(float(candidates[best]), float(low), float(high), float(amplitudes[best]))


def _least(columns: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """The least sum of squares with a first coefficient that is not negative, and that coefficient."""
    coefficients = np.linalg.lstsq(columns, values, rcond=None)[0]
    if coefficients[0] > 0:
        return float(((values - columns @ coefficients) ** 2).sum()), float(coefficients[0])
    return _residual(columns[:, 1:], values), 0.0


def _residual(columns: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    if not columns.shape[1]:
        return float((values**2).sum())
    coefficients = np.linalg.lstsq(columns, values, rcond=None)[0]
    return float(((values - columns @ coefficients) ** 2).sum())
