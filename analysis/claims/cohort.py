"""M7 and M8: how soon images that are not visited any more are forgotten."""

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis._replays import withheld
from analysis.claims._claim import ARTICLE, Claim, Evidence, Part
from analysis.claims._images import drawn, shared
from analysis.claims._interval import interval
from analysis.fading import in_common

MOMENTS = 64  # evenly spaced in doublings of age, between which and over which memory is averaged


class Kept(NamedTuple):
    """A cohort's memory at one factor, nats, for each seed; NaN where a run is missing.

    Attributes:
        first: when it has just left.
        later: mean over the ages, evenly in doublings.
        error: standard error, of the mean over seeds, of how hard the cohorts' images are, as far as seeds
            share them.
    """

    first: pd.Series
    later: pd.Series
    error: float


@lru_cache(maxsize=16)
def kept(evidence: Evidence, power: float) -> tuple[Kept, Kept] | None:
    """Memory at the lowest and at the highest factor, over the same ages; None where there are none.

    Args:
        power: ages are updates times this power of the factor: 0, updates; 1, summed rate.
    """
    table = evidence.tables["cohort"]
    found, seeds = withheld(table), np.unique(table["seed"].dropna())
    factors = np.unique(table["factor"].dropna())
    if len(factors) < 2:
        return None
    rows = [found.loc[found["run.factor"] == factor] for factor in factors[[0, -1]]]
    memories = [of.pivot_table(index="steps", columns="run.seed", values="memory") for of in rows]
    if any(len(memory) < 2 for memory in memories):
        return None
    ages = [
        np.log2(memory.index.to_numpy(float)[1:]) + power * np.log2(factor)
        for memory, factor in zip(memories, factors[[0, -1]], strict=True)
    ]
    moments = np.linspace(max(of[0] for of in ages), min(of[-1] for of in ages), MOMENTS)
    if not moments[0] < moments[-1]:  # no age is seen at both
        return None
    low, high = (
        Kept(
            memory.iloc[0].reindex(seeds),
            memory.iloc[1:]
            .apply(lambda values, age=age: np.interp(moments, age, values).mean())
            .reindex(seeds),
            0.0 if drawn(evidence, "cohort") else in_common(of),
        )
        for of, memory, age in zip(rows, memories, ages, strict=True)
    )
    return low, high


def left(evidence: Evidence, power: float) -> pd.Series:
    """What is left at the highest factor, less what were left if as much were kept as at the lowest, nats.

    A quotient by the lowest factor's memory alone, in the mean over seeds; a seed's number is what it adds
    to that mean (the infinitesimal jackknife). NaN where memory at one of the two, when the cohort has just
    left, is not clear of 0: there is nothing then of which less could be kept.
    """
    seeds = np.unique(evidence.tables["cohort"]["seed"].dropna())
    both = kept(evidence, power)
    if both is None:
        return pd.Series(np.nan, seeds)
    low, high = both
    known = pd.concat([low.first, low.later, high.first, high.later], axis=1).dropna()
    for first, error in ((known.iloc[:, 0], low.error), (known.iloc[:, 2], high.error)):
        of = interval(first.to_numpy(float), shared(error))
        if not (of.low > 0 or (of.seeds == 1 and of.mean > 0)):
            return pd.Series(np.nan, seeds)
    share, height, _ = _shares(low, high, known.index)
    found = high.later - share * high.first - height * (low.later - share * low.first)
    return found.reindex(seeds)


def of_images(evidence: Evidence, power: float) -> float:
    """Half-width of the interval of what all seeds have in common: how hard the cohort's images are.

    Nothing where blocks of images changed roles from seed to seed, each as often
    (`analysis.fading.in_common`). How hard they are at one factor is taken to say nothing of the other.
    """
    both = kept(evidence, power)
    if both is None:
        return 0.0
    low, high = both
    share, height, lost = _shares(low, high, low.first.index)
    return shared(lost * high.error, lost * height * low.error) if np.isfinite(share) else 0.0


def _shares(low: Kept, high: Kept, seeds: pd.Index) -> tuple[float, float, float]:
    """The share kept at the lowest factor, memory at the highest over that at the lowest, the share lost."""
    first, later, highest = (float(of.reindex(seeds).mean()) for of in (low.first, low.later, high.first))
    if not first:
        return np.nan, np.nan, np.nan
    return later / first, highest / first, 1 - later / first


def _part(what: str, power: float, reason: str) -> Part:
    return Part(
        f"what is kept at the highest factor, less what would be at the lowest's share, at equal {what} "
        "(nats)",
        partial(left, power=power),
        high=0,
        reason=reason,
        resolution=partial(of_images, power=power),
    )


CLAIMS = (
    Claim(
        id="M7",
        sentence="The higher the learning rate, the sooner images that are no longer visited are forgotten.",
        source=ARTICLE,
        needs=("cohort",),
        parts=(_part("updates", 0, "less is kept, by however little"),),
        note="The mean over the ages that were watched, evenly in doublings.",
    ),
    Claim(
        id="M8",
        sentence="Images fade with the learning rate summed since their last visit, not with the updates.",
        source="a linear model's memory; what is overwritten would go with the updates",
        needs=("cohort",),
        parts=(
            _part(
                "updates x square root of the factor",
                1 / 2,
                "as much is kept where the half-life goes as factor^-1/2; less where it goes nearer to "
                "factor^-1, as where summed rate alone counts, than to factor^0, as where updates alone do",
            ),
        ),
        note="The mean over the ages that were watched at both factors, evenly in doublings.",
    ),
)
