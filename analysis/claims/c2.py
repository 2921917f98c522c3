"""C2: curvature's limit does not depend on the size of the training set."""

import numpy as np
import pandas as pd

from analysis.claims._claim import ARTICLE, CIFAR10, Claim, Evidence, Part
from analysis.claims._sweep import ONE_ONSET, TWO_ONSETS, sweep


def shift(evidence: Evidence) -> pd.Series:
    """Doublings of the onset, at the smaller batch, over an eightfold larger subset."""
    runs = sweep(evidence)
    return runs.series(runs.per_eightfold(runs.onsets(0)))


def level(evidence: Evidence) -> pd.Series:
    """Log2 of the onset at the smaller batch, the mean over subset sizes."""
    runs = sweep(evidence)
    return runs.series(runs.onsets(0).mean(axis=0))


CLAIMS = (
    Claim(
        id="C2",
        sentence="At the smaller batch training turns unstable at one factor, whatever the subset's size.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "shift of the onset over an eightfold larger subset (doublings)",
                shift,
                low=-1,
                high=1,
                reason="less than one doubling; a limit set by images seen would move by three",
                # The two ends of the range are rounded, each on its own at worst.
                resolution=lambda evidence: TWO_ONSETS * sweep(evidence).step,
            ),
        ),
    ),
    Claim(
        id="C2-number",
        sentence="At batch 128 training turns unstable near factor 8.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "onset, mean over subset sizes (log2 factor)",
                level,
                low=float(np.log2(8)) - 1,
                high=float(np.log2(8)) + 1,
                reason="within one doubling of 8, the step of the article's own grid",
                resolution=lambda evidence: ONE_ONSET * sweep(evidence).step,
            ),
        ),
        presets=("paper",),
        data=CIFAR10,
    ),
)
