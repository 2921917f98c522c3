"""M5 and M6: what a window of batches caused, from runs that differ in nothing else."""

from functools import partial

import numpy as np
import pandas as pd

from analysis.claims._claim import Claim, Evidence, Part
from analysis.interventions import effects

NO_TRACE = 0.05
"""Nats of test loss: about what the test loss of a run at a constant rate moves from epoch to epoch."""


def at(evidence: Evidence, change: str, split: str, moment: int, factor: int) -> pd.Series:
    """An intervention's effect at one of the moments measured, in nats, for each seed.

    Args:
        moment: 1 after window B, -1 at the end.
        factor: 0 for the lowest learning-rate factor, -1 for the highest.
    """
    table = evidence.tables["interventions"]
    factors, seeds = np.unique(table["run.factor"].dropna()), np.unique(table["seed"].dropna())
    found = effects(table, change, factors[factor], split)
    return found.iloc[moment].reindex(seeds)


CLAIMS = (
    Claim(
        id="M5",
        sentence="What was seen last is known best: moving a window of batches to later lowers its own loss.",
        source="the article's recency curve, asked of causes (arXiv 2601.21624)",
        needs=("interventions",),
        parts=(
            Part(
                "loss on window A right after window B, swapped less untouched, lowest factor (nats)",
                partial(at, change="swap", split="window_a", moment=1, factor=0),
                high=0,
                reason="lower, by however little",
            ),
            Part(
                "the same at the highest factor (nats)",
                partial(at, change="swap", split="window_a", moment=1, factor=-1),
                high=0,
                reason="lower, by however little",
            ),
        ),
    ),
    Claim(
        id="M6",
        sentence="Which of two windows came first leaves no trace in the test loss.",
        source="a hypothesis of this project",
        needs=("interventions",),
        parts=(
            Part(
                "test loss at the end, swapped less untouched, lowest factor (nats)",
                partial(at, change="swap", split="test", moment=-1, factor=0),
                low=-NO_TRACE,
                high=NO_TRACE,
                reason="within what test loss moves from epoch to epoch",
            ),
        ),
    ),
)
