"""C4: forgetting's limit falls as the training set grows."""

import pandas as pd

from analysis.claims._claim import ARTICLE, CIFAR10, Claim, Evidence, Part
from analysis.claims._sweep import sweep


def shift(evidence: Evidence) -> pd.Series:
    """Doublings of the best factor, at the smaller batch, over an eightfold larger subset."""
    runs = sweep(evidence)
    return runs.series(runs.per_eightfold(runs.bests(0)))


def room(evidence: Evidence) -> pd.Series:
    """Doublings from the smallest subset's best factor to the last one that is stable."""
    runs = sweep(evidence)
    return runs.series(runs.edges(0)[0] - runs.bests(0)[0])


def full_best(evidence: Evidence) -> pd.Series:
    """Log2 of the best factor for the full set, at the smaller batch."""
    runs = sweep(evidence)
    return runs.series(runs.bests(0)[-1])


CLAIMS = (
    Claim(
        id="C4",
        sentence="The best factor grows as the subset shrinks, and reaches the edge of instability.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "shift of the best factor over an eightfold larger subset (doublings)",
                shift,
                high=0,
                reason="it falls as the set grows, by however little",
            ),
            Part(
                "from the smallest subset's best factor to the last stable one (doublings)",
                room,
                high=1,
                reason="the next factor of a grid that doubles is unstable",
            ),
        ),
    ),
    Claim(
        id="C4-number",
        sentence="For the full set, the best factor by test loss is near 1.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "best factor for the full set (log2)",
                full_best,
                low=-1,
                high=1,
                reason="within one doubling, the step of the article's own grid",
            ),
        ),
        presets=("paper",),
        data=CIFAR10,
    ),
)
