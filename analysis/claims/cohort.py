"""M7 and M8: how soon images that are not visited any more are forgotten."""

from functools import lru_cache

import numpy as np
import pandas as pd

from analysis._replays import withheld
from analysis.claims._claim import ARTICLE, Claim, Evidence, Part
from analysis.fading import Fading, of_cohorts

BEYOND = 4
"""Times as long as the cohort was watched: longer half-lives cannot be told apart, and count as this."""


@lru_cache(maxsize=4)
def half_lives(evidence: Evidence, unit: str) -> pd.DataFrame:
    """Log2 of the half-life of the cohort's memory in a unit: rows are factors, columns seeds.

    At most that of `BEYOND` times as long as it was watched; NaN where no memory of it is to be seen.
    """
    table = evidence.tables["cohort"]
    longest = pd.Series(withheld(table).groupby("record")[unit].max(), dtype=float).to_dict()
    rows = []
    for fit in of_cohorts(table, unit).to_dict("records"):
        found = Fading(*(fit[name] for name in Fading._fields))
        value = min(found.half_life, BEYOND * longest[fit["record"]]) if found.seen else np.nan
        rows.append((fit["run.factor"], fit["run.seed"], np.log2(value)))
    known = pd.DataFrame(rows, columns=["factor", "seed", "value"], dtype=float)
    every = pd.DataFrame(known.pivot_table(index="factor", columns="seed", values="value", dropna=False))
    factors, seeds = (np.unique(table[name].dropna()) for name in ("factor", "seed"))
    return every.reindex(index=factors, columns=seeds)


def shift(evidence: Evidence) -> pd.Series:
    """Doublings of the half-life in epochs from the lowest factor to the highest, for each seed."""
    found = half_lives(evidence, "epochs")
    return found.iloc[-1] - found.iloc[0] if len(found) > 1 else found.sum() * np.nan


def spread(evidence: Evidence) -> pd.Series:
    """Deviation over factors of log2 half-lives in summed rate less that in epochs, for each seed."""

    def deviation(unit: str) -> pd.Series:
        return half_lives(evidence, unit).std(axis=0, skipna=False)

    return deviation("rate") - deviation("epochs")


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
            ),
        ),
        note="In epochs. A half-life of over four times as long as the cohort was watched counts as that.",
    ),
    Claim(
        id="M8",
        sentence="Images fade with the learning rate summed since their last visit, not with the updates.",
        source="a linear model's memory; what is overwritten would go with the updates",
        needs=("cohort",),
        parts=(
            Part(
                "spread over factors of log2 half-lives in summed rate, less that in epochs (doublings)",
                spread,
                high=0,
                reason="alike in summed rate: minus the spread of the factors; alike in epochs: plus that",
            ),
        ),
        note="All factors have as many updates in an epoch.",
    ),
)
