"""C5: a larger batch meets curvature's limit earlier, and forgetting's where it was."""

import numpy as np
import pandas as pd

from analysis.claims._claim import ABOUT, ARTICLE, CIFAR10, Claim, Evidence, Part
from analysis.claims._sweep import ONE_ONSET, TWO_ONSETS, Sweep, Values, sweep


def onset_shift(evidence: Evidence) -> pd.Series:
    """Doublings by which the onset falls, over those by which the batch grows: the difference."""
    runs = sweep(evidence)
    fall = (runs.onsets(0) - runs.onsets(-1)).mean(axis=0)
    return runs.series(_if_two(runs, fall - runs.batch_doublings))


def best_shift(evidence: Evidence) -> pd.Series:
    """Doublings of the best factor, larger batch less smaller, the mean over subset sizes."""
    runs = sweep(evidence)
    return runs.series(_if_two(runs, (runs.bests(-1) - runs.bests(0)).mean(axis=0)))


def loss_ratio(evidence: Evidence) -> pd.Series:
    """Log ratio of the lowest test losses, larger batch over smaller, the mean over subset sizes."""
    runs = sweep(evidence)
    lowest = np.log(runs.test.min(axis=2))
    with np.errstate(invalid="ignore"):  # infinity less infinity, where every factor diverged
        return runs.series(_if_two(runs, (lowest[-1] - lowest[0]).mean(axis=0)))


def large_onset(evidence: Evidence) -> pd.Series:
    """Log2 of the onset at the larger batch, the mean over subset sizes."""
    runs = sweep(evidence)
    return runs.series(runs.onsets(-1).mean(axis=0))


def _if_two(runs: Sweep, values: Values) -> Values:
    return values if runs.batch_doublings > 0 else values * np.nan


CLAIMS = (
    Claim(
        id="C5",
        sentence=(
            "At a batch four times as large, instability comes at a factor four times lower, while the best "
            "factor and its loss stay about the same."
        ),
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "fall of the onset, less the growth of the batch (doublings)",
                onset_shift,
                low=-1,
                high=1,
                reason="one doubling either way, the step of the article's own grid",
                resolution=lambda evidence: TWO_ONSETS * sweep(evidence).step,
            ),
            Part(
                "shift of the best factor from the smaller batch to the larger (doublings)",
                best_shift,
                low=-1,
                high=1,
                reason="one doubling either way; it would fall by two with the onset",
            ),
            Part(
                "lowest test loss, larger batch over smaller (log ratio)",
                loss_ratio,
                low=-ABOUT,
                high=ABOUT,
                reason="neither is more than a quarter above the other",
            ),
        ),
    ),
    Claim(
        id="C5-number",
        sentence="At batch 512 training turns unstable near factor 2.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "onset, mean over subset sizes (log2 factor)",
                large_onset,
                low=0,
                high=2,
                reason="within one doubling of 2, the step of the article's own grid",
                resolution=lambda evidence: ONE_ONSET * sweep(evidence).step,
            ),
        ),
        presets=("paper",),
        data=CIFAR10,
    ),
)
