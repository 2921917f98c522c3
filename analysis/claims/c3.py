"""C3: around factor 1 the loss hardly depends on the learning rate."""

from functools import partial

import pandas as pd

from analysis.claims._claim import ARTICLE, Claim, Evidence, Part
from analysis.claims._sweep import sweep

WIDE = 2.0  # doublings: a fourfold range of factors


def width(evidence: Evidence, split: str) -> pd.Series:
    """Doublings around factor 1 over which the smaller batch's final loss on the full set is flat."""
    runs = sweep(evidence)
    return runs.series(runs.flat(getattr(runs, split)[0])[-1])


CLAIMS = (
    Claim(
        id="C3",
        sentence="Around factor 1, training and test loss are flat over a wide range.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=tuple(
            Part(
                f"width of the flat region of the {name} loss, full set (doublings)",
                partial(width, split=split),
                low=WIDE,
                reason="a fourfold range; flat: within a tenth of what training gains over a guess",
            )
            for split, name in (("train", "training"), ("test", "test"))
        ),
    ),
)
