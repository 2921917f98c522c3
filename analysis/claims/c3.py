"""C3: around factor 1 the loss hardly depends on the learning rate."""

from functools import partial

import pandas as pd

from analysis.claims._claim import ARTICLE, Claim, Evidence, Part
from analysis.claims._sweep import sweep

WIDE = 1.0  # doublings to either side of factor 1: from a half to two, a fourfold range
REASON = "factors 1/2 to 2, a fourfold range; flat: within a tenth of what training gains over a guess"


def end(evidence: Evidence, split: str, side: int) -> pd.Series:
    """Log2 of an end of the flat region, of the smaller batch's final loss on the full set.

    Each end is a part of its own: the width of a region that may not have factor 1 in it at all is so
    lopsided between seeds that no interval for its mean holds what it promises.
    """
    runs = sweep(evidence)
    return runs.series(runs.flat(getattr(runs, split)[0], side)[-1])


CLAIMS = (
    Claim(
        id="C3",
        sentence="Around factor 1, training and test loss are flat over a wide range.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "training loss is flat from (log2 factor)",
                partial(end, split="train", side=0),
                high=-WIDE,
                reason=REASON,
            ),
            Part(
                "training loss is flat to (log2 factor)",
                partial(end, split="train", side=1),
                low=WIDE,
                reason=REASON,
            ),
            Part(
                "test loss is flat from (log2 factor)",
                partial(end, split="test", side=0),
                high=-WIDE,
                reason=REASON,
            ),
            Part(
                "test loss is flat to (log2 factor)",
                partial(end, split="test", side=1),
                low=WIDE,
                reason=REASON,
            ),
        ),
    ),
)
