"""B2: how the learning rate must grow with the batch."""

import numpy as np
import pandas as pd

from analysis.claims._batch import ABOUT_THE_SAME, READING, table
from analysis.claims._claim import Claim, Part
from analysis.scaling_rules import by_rule, distances


def distance(rule: str, ratio: float = 4.0):
    """How far the curve of training loss moves at a batch so many times as large, with warm-up."""

    def of(records: pd.DataFrame) -> pd.Series:
        moved = distances(by_rule(records))
        seeds = np.unique(records["seed"].dropna())
        return pd.Series([moved.get((rule, True, ratio, seed), np.nan) for seed in seeds], seeds)

    return table("scaling_rules", of)


CLAIMS = (
    Claim(
        id="B2",
        sentence=(
            "At a batch four times as large the learning rate must grow: unchanged it leaves training "
            "behind, in proportion it keeps the loss curve."
        ),
        source=f"{READING}; Goyal et al. 2017: the linear scaling rule",
        needs=("scaling_rules",),
        parts=(
            Part(
                "rate unchanged: training-loss curve above the reference's (mean log ratio)",
                distance("none"),
                low=0,
                reason="behind",
            ),
            Part(
                "rate in proportion: training-loss curve above the reference's (mean log ratio)",
                distance("linear"),
                **ABOUT_THE_SAME,
            ),
        ),
        note="The figure shows up to which batch size each rule holds, and what warm-up does.",
    ),
    Claim(
        id="B2-sqrt",
        sentence="At a batch four times as large, a rate twice as high keeps the loss curve.",
        source="Krizhevsky 2014, section 5; Hoffer et al. 2017: the square-root rule",
        needs=("scaling_rules",),
        parts=(
            Part(
                "training-loss curve above the reference's (mean log ratio)",
                distance("sqrt"),
                **ABOUT_THE_SAME,
            ),
        ),
    ),
)
