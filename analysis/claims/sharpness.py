"""B5, E1 and E2: sharp minima, and what is held at the edge of stability."""

from functools import partial

import numpy as np
import pandas as pd

from analysis._tables import where
from analysis.claims._batch import NOT_ABOVE, log_ratio, table
from analysis.claims._claim import Claim, Evidence, Part
from analysis.edge import full_batch, held, hovering, plateau
from analysis.sharpness_gap import ends
from research.errors import require

# B5: large batches, sharp minima and the generalisation gap.


def sharper(records: pd.DataFrame) -> pd.Series:
    """Log of the largest eigenvalue after the large batch over that after the small, at equal epochs.

    Raises:
        InvalidInput: it was not measured with batch norm's statistics of batches of one size.
    """
    measured = where(records, kind="Sharpness")
    column = "examples_per_batch"
    sizes = set(measured[column]) if column in measured else set()
    require(
        measured.empty or (len(sizes) == 1 and not pd.isna([*sizes]).any()),
        column,
        sorted(sizes),
        "must be one number for all runs; run the command again",
    )
    values = ends(records, "sharpness")
    return log_ratio(values["large"], values["small"])


def worse(records: pd.DataFrame, than: str, which: str) -> pd.Series:
    """Log of one run's test loss over another's."""
    values = ends(records, "test")
    return log_ratio(values[which], values[than])


B5 = (
    Claim(
        id="B5",
        sentence="At equal epochs a larger batch ends in a sharper minimum and generalises worse.",
        source="Keskar et al. 2017",
        needs=("sharpness_gap",),
        parts=(
            Part(
                "largest eigenvalue, large over small batch (log ratio)",
                table("sharpness_gap", sharper),
                low=0,
                reason="sharper",
            ),
            Part(
                "test loss, large over small batch (log ratio)",
                table("sharpness_gap", partial(worse, than="small", which="large")),
                low=0,
                reason="worse",
            ),
        ),
        note="Sharpness is that of one loss for all: batch norm has the statistics of batches of one size.",
    ),
    Claim(
        id="B5-longer",
        sentence="Trained for as many steps, the larger batch generalises as well.",
        source="Hoffer et al. 2017",
        needs=("sharpness_gap",),
        parts=(
            Part(
                "test loss, large over small batch (log ratio)",
                table("sharpness_gap", partial(worse, than="small", which="longer")),
                **NOT_ABOVE,
            ),
        ),
    ),
)

# E1 and E2: what is held at the edge of stability, by full batches and by small ones.

AROUND = 1.5
"""Either way. Chosen after one prototype run (rate 0.05, seed 0) had hovered between 1.05 and 1.3."""

BETWEEN = 2.0
"""Either way: the two levels of momentum 0.9 are a factor 19 apart, and half of that on each side is 4.4."""

BEFORE = "before the set is fitted"


def hover(evidence: Evidence) -> pd.Series:
    """Log2 of the largest eigenvalue over its threshold, median over the plateau, at the farthest rate.

    The farthest and not the mean over the rates, as it was first: their mean could hide one above and one
    below. NaN where any rate has no plateau.
    """
    records = evidence.tables["edge"]
    every = full_batch(records, 0.0).index.unique("run.factor")
    rates = hovering(records).reindex(index=every, columns=_seeds(records))
    found = np.log2(rates.where(rates > 0).to_numpy(float))
    if not len(found):
        return pd.Series(np.nan, rates.columns)
    farthest = np.abs(np.nan_to_num(found, nan=np.inf)).argmax(0)
    return pd.Series(found[farthest, np.arange(found.shape[1])], rates.columns)


def settles(evidence: Evidence, which: int, level: str) -> pd.Series:
    """Log2 of the batch sharpness that is held with momentum, over a level, for each seed.

    Args:
        which: 0 for the smallest batch, -1 for the full one.
        level: `small_batch`, 2 (1 - b) / rate, or `large_batch`, 2 (1 + b) / rate, as recorded.
    """
    records = evidence.tables["edge"]
    seeds = _seeds(records)
    sizes = np.unique(where(records, kind="Sharpness")["run.batch_size"].dropna())
    values = held(records).reindex(index=sizes, columns=seeds)
    if values.empty:
        return pd.Series(np.nan, seeds)
    marks = where(plateau(records), split="optimizer", metric=level, **{"run.batch_size": sizes[which]})
    marks = marks.assign(value=marks["value"] * marks["run.factor"])
    # The full batch also has runs without momentum, whose two levels are both 2.
    farthest = "min" if level == "small_batch" else "max"
    mark = pd.Series(marks.groupby("run.seed")["value"].agg(farthest)).reindex(seeds)
    return np.log2(values.where(values > 0).iloc[which] / mark)


def _seeds(records: pd.DataFrame) -> np.ndarray:
    return np.unique(records["run.seed"].dropna())


EDGE = (
    Claim(
        id="E1",
        sentence="Full-batch gradient descent raises the sharpness to 2 / rate, and hovers there.",
        source="Cohen et al. 2021 (arXiv 2103.00065)",
        needs=("edge",),
        parts=(
            Part(
                f"largest eigenvalue times rate over 2, {BEFORE}, at the rate farthest from 2 (log2)",
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
                f"batch sharpness times rate over 2 (1 - b), smallest batch, {BEFORE} (log2)",
                partial(settles, which=0, level="small_batch"),
                low=-float(np.log2(BETWEEN)),
                high=float(np.log2(BETWEEN)),
                reason="within a factor of two; the two levels are a factor 19 apart",
            ),
            Part(
                f"batch sharpness times rate over 2 (1 + b), full batch, {BEFORE} (log2)",
                partial(settles, which=-1, level="large_batch"),
                low=-float(np.log2(BETWEEN)),
                high=float(np.log2(BETWEEN)),
                reason="within a factor of two",
            ),
        ),
    ),
)

CLAIMS = (*B5, *EDGE)
