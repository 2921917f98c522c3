"""E1 and E2: what is held at the edge of stability, by full batches and by small ones."""

import numpy as np
import pandas as pd

from analysis.claims._claim import Claim, Evidence, Part
from analysis.edge import held, hovering

AROUND = 1.5
"""Either way. Chosen after one prototype run (rate 0.05, seed 0) had hovered between 1.05 and 1.3."""

BETWEEN = 2.0
"""Either way: the two levels of momentum 0.9 are a factor 19 apart, and half of that on each side is 4.4."""


def hover(evidence: Evidence) -> pd.Series:
    """Log2 of the largest eigenvalue over its threshold, median over the plateau, at the farthest rate.

    The farthest and not the mean over the rates, as it was first: in the first records one rate hovered above
    the threshold while the other had fitted the set and fallen far below, and their mean hid both.
    """
    rates = hovering(evidence.tables["edge"])
    found = np.log2(rates.to_numpy(float))
    return pd.Series(found[np.abs(found).argmax(0), np.arange(found.shape[1])], rates.columns)


def _over_level(evidence: Evidence, which: int) -> pd.Series:
    table = evidence.tables["edge"]
    momentum = float(np.nanmax(table["run.optimizer.momentum"].to_numpy(float)))
    values = held(table)
    level = 2 * (1 - momentum) if which == 0 else 2 * (1 + momentum)
    return np.log2(values.where(values > 0).iloc[which] / level)


def small(evidence: Evidence) -> pd.Series:
    """Log2 of what the smallest batch holds over 2 (1 - b)."""
    return _over_level(evidence, 0)


def large(evidence: Evidence) -> pd.Series:
    """Log2 of what the full batch holds over 2 (1 + b)."""
    return _over_level(evidence, -1)


CLAIMS = (
    Claim(
        id="E1",
        sentence="Full-batch gradient descent raises the sharpness to 2 / rate, and hovers there.",
        source="Cohen et al. 2021 (arXiv 2103.00065)",
        needs=("edge",),
        parts=(
            Part(
                "largest eigenvalue times rate over 2, in the last half, at the rate farthest from 2 (log2)",
                hover,
                low=-float(np.log2(AROUND)),
                high=float(np.log2(AROUND)),
                reason="within half as much again either way",
            ),
        ),
    ),
    Claim(
        id="E2",
        sentence=(
            "With momentum, batch sharpness settles at 2 (1 - b) / rate for small batches and at 2 (1 + b) / "
            "rate for large ones."
        ),
        source="arXiv 2604.14108 (2026)",
        needs=("edge",),
        parts=(
            Part(
                "batch sharpness times rate over 2 (1 - b), smallest batch, in the last half (log2)",
                small,
                low=-float(np.log2(BETWEEN)),
                high=float(np.log2(BETWEEN)),
                reason="within a factor of two; the two levels are a factor 19 apart",
            ),
            Part(
                "batch sharpness times rate over 2 (1 + b), full batch, in the last half (log2)",
                large,
                low=-float(np.log2(BETWEEN)),
                high=float(np.log2(BETWEEN)),
                reason="within a factor of two",
            ),
        ),
    ),
)
