"""M7 and M8: how soon images that are not visited any more are forgotten."""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from analysis._replays import withheld
from analysis._tables import levels
from analysis.claims._claim import ARTICLE, Claim, Evidence, Part
from analysis.fading import BEYOND, of_all_cohorts


@lru_cache(maxsize=16)
def half_lives(evidence: Evidence, harder: float = 0.0) -> pd.DataFrame:
    """Log2 of the half-life of the cohorts' memory in epochs: rows are factors, columns seeds."""
    return of_all_cohorts(evidence.tables["cohort"], "epochs", harder)


def shift(evidence: Evidence, harder: float = 0.0) -> pd.Series:
    """Doublings of the half-life in epochs from the lowest factor to the highest, for each seed."""
    found = half_lives(evidence, harder)
    return found.iloc[-1] - found.iloc[0] if len(found) > 1 else found.sum() * np.nan


def slope(evidence: Evidence, harder: float = 0.0) -> pd.Series:
    """Slope of log2 of the half-life in epochs against log2 of the factor, for each seed."""
    found = half_lives(evidence, harder)
    if len(found) < 2:
        return found.sum() * np.nan
    x = np.log2(found.index.to_numpy(float))
    x -= x.mean()
    return pd.Series(x @ found.to_numpy(float) / (x @ x), found.columns)


def of_images(evidence: Evidence, effect: Callable[[Evidence, float], pd.Series]) -> float:
    """Half-width of the interval of what all seeds have in common: how hard the cohort's images are.

    None where the blocks of images changed roles from seed to seed (`research.orders.cohort`, `turn`). Else
    they are as much harder or easier than those never seen as the standard error over images allows; where
    no memory would then be left at some factor, any half-life is possible.
    """
    table = evidence.tables["cohort"]
    if len(levels(table, "run.order.turn")) >= 3:
        return 0.0
    found = withheld(table)
    reach = 1.96 * float(np.mean(found["error"]))
    with np.errstate(invalid="ignore"):
        middle, *ends = (effect(evidence, harder).mean(skipna=False) for harder in (0.0, -reach, reach))
    off = np.abs(np.subtract(ends, middle)).max()
    ages = found.loc[found["epochs"] > 0, "epochs"]
    anything = np.log2(BEYOND**2 * ages.max() / ages.min()) if len(ages) else 0.0
    return float(off if np.isfinite(off) else anything)


CLAIMS = (
    Claim(
        id="M7",
        sentence="The higher the learning rate, the sooner images that are no longer visited are forgotten.",
        source=ARTICLE,
        needs=("cohort",),
        parts=(
            Part(
                "half-life of the cohort's memory at the highest factor over that at the lowest (doublings)",
                shift,
                high=0,
                reason="sooner, by however little",
                resolution=partial(of_images, effect=shift),
            ),
        ),
        note="In epochs; of the mean memory over seeds. Longer than four times as long as the cohort was "
        "watched counts as that.",
    ),
    Claim(
        id="M8",
        sentence="Images fade with the learning rate summed since their last visit, not with the updates.",
        source="a linear model's memory; what is overwritten would go with the updates",
        needs=("cohort",),
        parts=(
            Part(
                "slope of log2 of the half-life in epochs against log2 of the factor",
                slope,
                high=-1 / 2,
                reason="-1 where summed rate alone counts, 0 where updates alone do: nearer to the first",
                resolution=partial(of_images, effect=slope),
            ),
        ),
        note="All factors have as many updates in an epoch. Half-lives beyond what was watched count as four "
        "times that.",
    ),
)
