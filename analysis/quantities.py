"""What the claims speak of, as numbers read off a curve: onset, best factor, flat region, curvature.

All work on one seed's curve as plain arrays. An infinite loss is that of a run that diverged; a NaN is a run
that there is no record of, and makes the quantity NaN. Factors are at least two, increasing and positive;
results that are positions on their axis are base-2 logarithms: a difference of 1 is a doubling.

The rules in this file, and the shares in them, were fixed before any of them was applied to a record, but for
the onset's and the curvature ratio's (`docs/claims.md`, "Changed after seeing records").
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNSTABLE_SHARE = 0.5
"""Of the way from a curve's lowest final training loss to a guess: a run that lies above it is unstable.

Batch norm lets a network come back from a rate that threw it off, so that instability need not end in a loss
that is not finite. A network that guesses has a training loss of ln(classes). Halfway there from the best
that its set, batch and number of updates allow, it has lost more of what training gives than it has kept.
"""

FEWEST_UPDATES = 100
"""A run of fewer says nothing of instability: ten times the ten updates that momentum 0.9 averages over.

In the first records at 48 updates the edge lay an octave below where 96, 192 and 384 updates had it alike.
"""

FEWEST_BATCHES = 16
"""For a curvature ratio: single batches of one run differ by a factor of three and more."""

FLAT_SHARE = 0.1
"""Of what training gains over guessing, the most that a factor in the flat region gives away."""

SCATTER = 0.75
"""Doublings, standard deviation over seeds, up to which a position on the axis of factors counts as found.

Where losses are all noise, the lowest may lie anywhere, at every batch size alike: a slope would come out
flat, with a narrow interval. Noise must not speak for what predicts a flat line.
"""


def lost(losses: ArrayLike, chance: float) -> NDArray[np.float64]:
    """How far each run of a curve is on the way from the curve's lowest loss to that of a guess.

    Args:
        losses: (factors,), final training losses, nats. A run that diverged, or ended above a guess, counts
            as a guess.
        chance: the loss of a guess, nats: ln(classes).

    Returns:
        Shares, (factors,), from 0 to 1; all NaN where a run is missing or none is better than a guess.
    """
    losses = np.minimum(np.asarray(losses, float), chance)
    lowest = losses.min(initial=np.inf)
    return (losses - lowest) / (chance - lowest if lowest < chance else np.nan)


def onset(factors: ArrayLike, train_losses: ArrayLike, chance: float, updates: float) -> float:
    """Where training turns unstable: log2 of the lowest factor at which too much of it is `lost`.

    That is, where the final training loss passes halfway from the curve's lowest to a guess
    (`UNSTABLE_SHARE`), above the factor of the lowest: slow training is not instability. It is interpolated
    in log2 of the factor; a diverged run counts as a guess.

    Args:
        factors: (factors,).
        train_losses: (factors,), final, nats.
        chance: the loss of a guess, nats: ln(classes).
        updates: of each run.

    Returns:
        Infinity where no factor is unstable: the onset lies beyond the sweep. NaN where a run is missing,
        none is stable, or there are fewer than `FEWEST_UPDATES`.
    """
    log2, losses = _curve(factors, train_losses)
    if not len(losses) or updates < FEWEST_UPDATES:
        return np.nan
    shares = lost(losses, chance)
    if np.isnan(shares).any():
        return np.nan
    return _reach(log2, shares, log2[int(np.argmin(losses))], UNSTABLE_SHARE, beyond=np.inf)


def best_factor(factors: ArrayLike, losses: ArrayLike) -> tuple[float, float, float]:
    """Log2 of the factor with the lowest loss, and the interval it must lie in.

    The interval runs between the neighbours of the lowest point: a curve with one minimum has it there.
    The estimate is the vertex of the parabola through the three points. Where a neighbour diverged, no
    parabola goes through it, and the estimate is the lowest point itself.

    Args:
        factors: (factors,).
        losses: (factors,), nats.

    Returns:
        Estimate, low, high; all NaN where a run is missing, every run diverged, or the lowest point is the
        sweep's first or last: then the minimum may lie beyond.
    """
    log2, values = _curve(factors, losses)
    lowest = int(np.argmin(values)) if len(values) else 0
    if np.isnan(values).any() or np.isinf(values).all() or lowest in (0, len(values) - 1):
        return np.nan, np.nan, np.nan
    near = slice(lowest - 1, lowest + 2)
    (low, middle, high), (y_low, y_middle, y_high) = log2[near], values[near]
    estimate = middle
    if np.isfinite([y_low, y_high]).all():
        left = (middle - low) * (y_middle - y_high)
        right = (middle - high) * (y_middle - y_low)
        if left != right:  # equal only where all three losses are
            estimate = middle - ((middle - low) * left - (middle - high) * right) / (left - right) / 2
    return float(estimate), float(low), float(high)


def flat_region(factors: ArrayLike, losses: ArrayLike, chance: float) -> tuple[float, float]:
    """Between which factors the loss is about the same, as log2: the width of the region is their difference.

    The region is the stretch of factors around the lowest loss over which the loss stays within `FLAT_SHARE`
    of the way from there to that of a guess. Its ends are interpolated on log2 of the factor; they never
    reach towards a factor that diverged, nor beyond the sweep.

    Args:
        factors: (factors,).
        losses: (factors,), nats.
        chance: the loss of a guess, nats.

    Returns:
        Low and high end; NaN where a run is missing or none is better than a guess.
    """
    log2, values = _curve(factors, losses)
    lowest = values.min(initial=np.inf)
    if not lowest < chance:  # NaN is not
        return np.nan, np.nan
    ceiling = lowest + FLAT_SHARE * (chance - lowest)
    centre = log2[int(np.argmin(values))]
    low = -_reach(-log2[::-1], values[::-1], -centre, ceiling)
    return low, _reach(log2, values, centre, ceiling)


class CurvatureRatio(NamedTuple):
    """How much of what a batch's own gradient step gains, curvature takes back.

    Attributes:
        value: mean penalty over mean gain; NaN from fewer than `FEWEST_BATCHES`.
        error: its standard error, over batches.
        low: lower quartile of the batches' own ratios.
        high: upper quartile.
        batches: how many.
    """

    value: float
    error: float
    low: float
    high: float
    batches: int


def curvature_ratio(gains: ArrayLike, penalties: ArrayLike) -> CurvatureRatio:
    """The ratio over a run's measured batches, with its spread.

    Means are divided, not ratios averaged: a batch that gains next to nothing would outweigh all others.
    The error is that of a ratio of means (the delta method), batches taken as independent.

    Args:
        gains: (batches,), first-order gain of each batch's own gradient step, nats.
        penalties: (batches,), its second-order penalty, nats.
    """
    gains, penalties = np.asarray(gains, float), np.asarray(penalties, float)
    count = len(gains)
    if count < FEWEST_BATCHES:
        return CurvatureRatio(np.nan, np.nan, np.nan, np.nan, count)
    value = penalties.mean() / gains.mean()
    error = np.std(penalties - value * gains, ddof=1) / count**0.5 / abs(gains.mean())
    with np.errstate(divide="ignore", invalid="ignore"):  # a batch that gains nothing has no ratio of its own
        low, high = np.quantile(penalties / gains, [0.25, 0.75])
    return CurvatureRatio(float(value), float(error), float(low), float(high), count)


def curvature_levels(momentum: float, nesterov: bool) -> tuple[float, float]:
    """The curvature ratios that belong to SGD with momentum b: of small batches, and of the whole loss.

    A curvature ratio is half of rate x sharpness along the gradient. Batch sharpness of small batches is said
    to settle at 2 (1 - b) / rate, where b makes the rate 1 / (1 - b) times as long (arXiv 2604.14108). A
    quadratic turns unstable at 2 (1 + b) / rate under Polyak's momentum, at 2 (1 + b) / (1 + 2b) / rate under
    Nesterov's. Without momentum both are 1.
    """
    small, large = 1 - momentum, 1 + momentum
    return small, large / (1 + 2 * momentum) if nesterov else large


@cache
def batch_edge(excess: float, momentum: float, nesterov: bool) -> float:
    """Batch sharpness times rate at which the mean square of SGD with momentum starts to grow.

    Along one direction, of batches whose curvature h has mean s and variance v: batch sharpness is
    s (1 + v / s^2). A step takes the error e and the velocity times the rate, u, with a = rate x h, to

        Polyak     u' = b u + a e,  e' = e - u'
        Nesterov   u' = b u + a e,  e' = e - a e - b u'

    which is a matrix A(a) that batches draw anew: second moments go as the mean of its Kronecker square,
    whose spectral radius is 1 at the edge. At v = 0 that is the threshold of the whole loss, for v far above
    s^2 it is 2 (1 - b) (arXiv 2604.14108); no number is free in between.

    Args:
        excess: v / s^2, batch sharpness over the full loss's along the same gradients, less 1; not below 0.
    """
    b, excess = momentum, max(float(excess), 0.0)
    if nesterov:
        still, moved = np.array([[1, -b * b], [0, b]]), np.array([[-(1 + b), 0], [1, 0]])
    else:
        still, moved = np.array([[1, -b], [0, b]]), np.array([[-1.0, 0], [1, 0]])
    mixed = np.kron(still, moved) + np.kron(moved, still)

    def radii(rates: ArrayLike) -> NDArray[np.float64]:
        rate = np.asarray(rates, float)[..., None, None]
        second = np.kron(still, still) + rate * mixed + rate**2 * (1 + excess) * np.kron(moved, moved)
        return np.abs(np.linalg.eigvals(second)).max(axis=-1)

    # From far below the edge upwards: beyond it there may be rates that are stable again.
    rates = np.geomspace(1e-3, 1, 400) * 4 / (1 + excess)
    grows = radii(rates) > 1 + 1e-12
    unstable = int(np.argmax(grows))
    if not unstable:  # none is, or the first
        return np.nan
    low, high = rates[unstable - 1], rates[unstable]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if radii(middle) > 1 + 1e-12 else (middle, high)
    return float(low * (1 + excess))


def _curve(factors: ArrayLike, losses: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.log2(np.asarray(factors, float)), np.asarray(losses, float)


def _reach(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    start: float,
    ceiling: float,
    beyond: float | None = None,
) -> float:
    """Going up from the point `start`, where `y` rises above `ceiling`; nowhere: `beyond`, or the last x."""
    last, last_y = start, y[x == start][0]
    for here, here_y in zip(x[x > start], y[x > start], strict=True):
        if here_y > ceiling:
            slope = (here_y - last_y) / (here - last)
            return float(last + (ceiling - last_y) / slope)
        last, last_y = here, here_y
    return float(last) if beyond is None else beyond
