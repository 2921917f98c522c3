"""How memory fades: half-lives of the memory of views and of images, and how well they are known.

A replay gives two memories by age (`research.measures.replay`): of the view, the loss of a batch's images in
a fresh view less the loss as seen; of the image, the loss of images never seen less that in a fresh view. A
withheld cohort gives the second alone, for ages with no visit in them (`research.measures.groups`).

One visit is taken to leave an advantage that halves in each half-life, and what several visits leave to
add up, as it does in a linear model. From the half-life follow the two other numbers that `docs/measures.md`
names: the recovery time, and the forgetting ratio. An interval whose upper end is infinite says: longer than
this, how much longer cannot be told.

The rules in this file, and the shares in them, were fixed before any of them was applied to a record.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis._replays import remembered, withheld

RECOVERED_SHARE = 0.25
"""Of what a visit leaves at once, the most that may be left when it is said to be gone."""

CONFIDENCE = 0.975
"""Of the profile: intervals then hold the truth in 95% of simulations, batches not being of one noise."""

SHORTEST, LONGEST = 1 / 256, 1024  # of the ages' range: half-lives that are looked at
CANDIDATES = 400
FEWEST = 5  # points: with fewer nothing is said

Values = NDArray[np.float64]


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

    @property
    def seen(self) -> bool:
        """Whether there is memory at all that fits better than none."""
        return bool(self.low > 0 or self.high < np.inf)

    def recovery_time(self) -> tuple[float, float, float]:
        """After how long a quarter of what a visit left is there still; and its interval."""
        halvings = -np.log2(RECOVERED_SHARE)
        return self.half_life * halvings, self.low * halvings, self.high * halvings

    def forgetting_ratio(self, within: float = 0.5) -> tuple[float, float, float]:
        """The share of what a visit left that is gone so much later, half an epoch say; with its interval."""

        def gone(half_life: float) -> float:
            return float(-np.expm1(-np.log(2) * within / half_life)) if half_life > 0 else 1.0

        if np.isnan(self.half_life):
            return np.nan, np.nan, np.nan
        return gone(self.half_life), gone(self.high), gone(self.low)


NOTHING = Fading(np.nan, np.nan, np.nan, 0.0)


def of_views(ages: ArrayLike, memory: ArrayLike) -> Fading:
    """The fading of the memory of views, each of which is visited once and then never again.

    Args:
        ages: (points,), how long ago the view was seen, above 0.
        memory: (points,), loss in a fresh view less that as seen; independent noise of one size.
    """
    return profiled(ages, memory, 0.0, lambda ages, half_lives: np.exp2(-ages / half_lives))


def of_images(ages: ArrayLike, memory: ArrayLike, error: float, epochs: float) -> Fading:
    """The fading of the memory of images, each of which was visited once in every epoch, in random order.

    An image last visited at age a, in epochs, was visited once in each of the epochs before the last one too,
    at an age that the last one's says nothing of: uniform between j and j + 1 for the j-th before. With
    half-life h its memory is A times

        2^(-a/h) + sum over j of the mean of 2^(-u/h) for u in j .. j + 1
                                      = 2^(-a/h) + h / ln 2 (2^(-1/h) - 2^(-epochs/h)).

    How steep memory is within the epoch, against how high it stands above the images never seen, gives h.
    The first needs no images never seen, the second knows them up to their error.

    Args:
        ages: (points,), of batches of the last epoch, in epochs, above 0 and up to 1.
        memory: (points,), loss of images never seen less that in a fresh view; independent noise of one size,
            and what all points have in common, the images never seen.
        error: standard error of the loss of the images never seen.
        epochs: that the run has trained for, the last one included.
    """
    ages = np.asarray(ages, float)
    assert not len(ages) or (np.nanmin(ages) >= 0 and np.nanmax(ages) <= 1 + 1e-6)

    def shapes(ages: Values, half_lives: Values) -> Values:
        before = half_lives / np.log(2) * (np.exp2(-1 / half_lives) - np.exp2(-epochs / half_lives))
        return np.exp2(-ages / half_lives) + before

    return profiled(ages, memory, error, shapes)


def of_cohort(ages: ArrayLike, memory: ArrayLike, error: float) -> Fading:
    """The fading of several runs' mean memory of images that are not visited any more, by the share kept.

    The half-life is that of the exponential that keeps, on average over the moments, as large a share as is
    kept. Moments are spaced about evenly in doublings of age, so that this average is a mean of log lifetimes
    up to the last moment (restricted mean survival: Royston and Parmar 2013), whatever the shape of the
    fading: where some of it is fast and the rest slow, least squares jump from the one to the other.

    A half-life is allowed where memory kept less the share that it would keep of memory at age 0, linear in
    both, is 0 within its 95% interval over the runs (Fieller 1954): no quotient of two noisy numbers is
    taken, and where next to nothing was lost, or nothing remembered, the interval has no end. One that
    reaches beyond what was watched has none either: how memory fades there is not known.

    Args:
        ages: (points,), since the last visit, ascending from 0, in any unit.
        memory: (points, runs), loss of images never seen less that of the cohort.
        error: standard error that the runs' mean has because cohorts are harder than those never seen.

    Returns:
        In the unit of the ages; the half-life is infinite where it is beyond what was watched, NaN where
        there is no memory at age 0. With one run no more than the half-life is known.
    """
    ages, memory = np.asarray(ages, float), np.asarray(memory, float)
    points, runs = memory.shape
    if points < FEWEST or not runs or not ages[1] > 0 or not np.isfinite(memory).all():
        return NOTHING
    later, first, rest = ages[1:], memory[0], memory[1:].mean(0)
    at_first = float(first.mean())

    def keeps(half_lives: Values) -> Values:
        return np.exp2(-later / half_lives[:, None]).mean(1)

    half_lives = np.geomspace(SHORTEST * later[0], LONGEST * later[-1], 5 * CANDIDATES)
    half_life = np.nan
    if at_first > 0:
        log2 = np.interp(
            float(rest.mean()) / at_first, keeps(half_lives), np.log2(half_lives), left=-np.inf, right=np.inf
        )
        half_life = float(np.exp2(log2))
        half_lives = np.union1d(half_lives, np.clip(half_life, half_lives[0], half_lives[-1]))
    kept = keeps(half_lives)
    off = rest - kept[:, None] * first
    scatter = stats.t.ppf(0.975, runs - 1) * off.std(1, ddof=1) / runs**0.5 if runs > 1 else np.inf
    allowed = np.hypot(scatter, 1.96 * error * (1 - kept))
    inside = np.flatnonzero(np.abs(off.mean(1)) <= allowed)
    if not len(inside):  # no exponential keeps as much as this
        return NOTHING
    low = float(half_lives[inside[0] - 1]) if inside[0] else 0.0
    high = float(half_lives[min(inside[-1] + 1, len(kept) - 1)])
    return Fading(
        np.inf if half_life > later[-1] else half_life,
        low,
        high if high <= later[-1] else np.inf,
        max(at_first, 0.0),
    )


def of_replays(table: pd.DataFrame, facts: Sequence[str] = ()) -> pd.DataFrame:
    """The fading of the memory of views and of images in each frozen model of some records, epochs and nats.

    Args:
        table: of an experiment that replays.
        facts: columns of the run to keep.

    Returns:
        Two rows for each replay: `memory` (`view` or `image`), the fields of `Fading`, `per_epoch` (updates
        in an epoch), `record`, `run.factor`, `run.seed` and the facts. The views are those of all epochs that
        were replayed, the images those of the last: before it all were visited again.
    """
    found = remembered(table, facts)
    columns = list(dict.fromkeys(["record", "run.factor", "run.seed", *facts, "per_epoch"]))
    rows = []
    for _, of in found.groupby("record"):
        known = {name: of[name].iloc[0] for name in columns}
        last = of.loc[of["ago"] <= 1 + 1e-6]
        error, epochs = float(of["error"].iloc[0]), float(of["frozen"].iloc[0])
        fits = {
            "view": of_views(of["ago"], of["view"]),
            "image": of_images(last["ago"], last["image"], error, epochs),
        }
        rows += [known | {"memory": memory} | fit._asdict() for memory, fit in fits.items()]
    return pd.DataFrame(rows, columns=[*columns, "memory", *Fading._fields])


def of_cohorts(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """The fading of the withheld cohorts' mean memory over seeds at each factor (`of_cohort`).

    A single run's is lost in the swings of its losses, and in whether its cohort is harder than the images
    never seen: at high rates most runs show no memory that a fit could tell from none.

    Args:
        unit: of the ages and half-lives: `steps`, `epochs` or `rate`, the summed learning rate.

    Returns:
        The fields of `Fading`; rows are factors, those without memory to be seen, or with a run missing,
        included.
    """
    found = withheld(table)
    factors, seeds = (np.unique(table[name].dropna()) if name in table else [] for name in ("factor", "seed"))
    rows = {}
    for factor in factors:
        of = found.loc[found["run.factor"] == factor]
        memory = pd.DataFrame(of.pivot_table(index="steps", columns="run.seed", values="memory"))
        ages = of.groupby("steps")[unit].mean()  # all seeds' rates add up alike
        rows[factor] = of_cohort(ages, memory.reindex(columns=seeds), in_common(of))
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(Fading._fields), dtype=float)


def in_common(found: pd.DataFrame) -> float:
    """Standard error, of the mean over seeds, of how hard the cohorts are beside the images never seen.

    Each seed's turn says which block of images is its cohort and which is never seen
    (`research.orders.cohort`). What blocks are of both, as often, drops out.

    Args:
        found: rows of `withheld`.
    """
    turns = found.drop_duplicates("record")["turn"].to_numpy(int) % 3
    if not len(turns):
        return 0.0
    share = np.bincount(turns, minlength=3) / len(turns)
    # In turn t the cohort is block t, and block t + 2 is never seen: each has half of the error's square.
    weights = np.roll(share, -1) - share
    return float(found["error"].to_numpy(float).mean() * np.sqrt((weights**2).sum() / 2))


def drawable(fits: pd.DataFrame) -> pd.DataFrame:
    """Those of some fits in which memory is seen; a half-life with no upper end stands near its lower one.

    How many that leaves out a figure says by `not_drawn`.
    """
    seen = fits.loc[(fits["low"] > 0) | (fits["high"] < np.inf)]
    life = seen["half_life"].where(seen["high"] < np.inf, np.minimum(seen["half_life"], 4 * seen["low"]))
    return seen.assign(half_life=life)


def not_drawn(fits: pd.DataFrame) -> str:
    """How many of some fits `drawable` leaves out, a selection that a figure has to tell: "3 of 12"."""
    return f"{len(fits) - len(drawable(fits))} of {len(fits)}"


def profiled(
    ages: ArrayLike, memory: ArrayLike, error: float, shapes: Callable[[Values, Values], Values]
) -> Fading:
    """Least squares of amplitude x shape for each of many half-lives.

    What the points' control has in common is an error of all points alike: the inner product is that of the
    inverse of their covariance. The amplitude is not negative. The interval holds the half-lives whose sum of
    squares is not significantly above the lowest. Where no memory at all fits as well, the amplitude may be
    anything and the half-life too: it is not known.

    Args:
        shapes: of ages, (points,), and half-lives, (candidates, 1): the memory that an amplitude of 1 leaves,
            (candidates, points).
    """
    ages, memory = np.asarray(ages, float), np.asarray(memory, float)
    known = np.isfinite(ages) & np.isfinite(memory)
    ages, memory = ages[known], memory[known]
    count = len(ages)
    if count < FEWEST or np.ptp(ages) == 0 or not np.isfinite(error) or not memory.any():
        return NOTHING
    scale = float(np.abs(memory).max())
    half_lives = np.geomspace(SHORTEST, LONGEST, CANDIDATES) * np.ptp(ages)
    of_age = shapes(ages, half_lives[:, None])
    # The points' noise is first that of neighbours in age, whose memory differs little, then that about the
    # curve that fits best: how much of it they have in common depends on it.
    noise = float(np.sqrt(np.mean(np.diff(memory[np.argsort(ages)]) ** 2) / 2)) / scale
    squares, amplitudes, without = np.empty(0), np.empty(0), 0.0
    for _ in range(3 if error > 0 else 1):
        share = _in_common(count, noise, error / scale)
        values = memory / scale - share * memory.mean() / scale
        shaped = of_age - share * of_age.mean(1, keepdims=True)
        lengths = np.maximum((shaped**2).sum(1), np.finfo(float).tiny)
        amplitudes = np.maximum(shaped @ values / lengths, 0)
        squares = ((values - amplitudes[:, None] * shaped) ** 2).sum(1)
        without = float((values**2).sum())
        noise = float(np.sqrt(squares.min() / (count - 2)))
    best = int(np.argmin(squares))
    if not amplitudes[best] > 0:
        return NOTHING
    allowed = squares[best] * (1 + stats.f.ppf(CONFIDENCE, 1, count - 2) / (count - 2))
    inside = np.flatnonzero(squares <= allowed)
    # The ends lie between two candidates: the outer one of them is taken.
    first, last = inside[0] - 1, inside[-1] + 1
    low = float(half_lives[first]) if first >= 0 else 0.0
    high = float(half_lives[last]) if last < CANDIDATES else np.inf
    if without <= allowed:  # no memory at all is as good: then of any half-life, and none
        low, high = 0.0, np.inf
    return Fading(float(half_lives[best]), low, high, float(amplitudes[best]) * scale)


def _in_common(count: int, noise: float, error: float) -> float:
    """The share k of their mean that is taken off points to make their noise independent and of one size.

    Points of independent noise s and an error t in common have the covariance s^2 I + t^2 11'. Its inverse
    root is, but for a factor, I - k 11'/n with (1 - k)^2 = s^2 / (s^2 + n t^2).
    """
    if error == 0:
        return 0.0
    return 1 - noise / float(np.hypot(noise, count**0.5 * error))
