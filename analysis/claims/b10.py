"""B10: the learning-rate range test."""

import numpy as np
import pandas as pd

from analysis.claims._batch import table
from analysis.claims._claim import ABOUT, Claim, Part
from analysis.lr_range import best, lowest, ranges


def falls(records: pd.DataFrame) -> pd.Series:
    """Log of the test's first loss over its lowest."""
    loss = ranges(records)
    return pd.Series(np.log(loss.iloc[0] / loss.min()))


def rises(records: pd.DataFrame) -> pd.Series:
    """Log of the test's last loss over its lowest; where the run diverged, of the last before that."""
    loss = ranges(records)
    return pd.Series(np.log(loss.ffill().iloc[-1] / loss.min()))


def below(records: pd.DataFrame) -> pd.Series:
    """Doublings from the sweep's best factor up to the test's lowest loss."""
    return lowest(records) - best(records)


CLAIMS = (
    Claim(
        id="B10",
        sentence=(
            "In the learning-rate range test the loss falls, then rises; the best rate lies below that of "
            "the lowest loss."
        ),
        source="Smith 2017; posts on the learning-rate finder",
        needs=("lr_range",),
        parts=(
            Part(
                "first over lowest loss (log ratio)",
                table("lr_range", falls),
                low=ABOUT,
                reason="by more than a quarter",
            ),
            Part(
                "last over lowest loss (log ratio)",
                table("lr_range", rises),
                low=ABOUT,
                reason="by more than a quarter",
            ),
            Part(
                "factor of the lowest loss over the best of the sweep (doublings)",
                table("lr_range", below),
                low=0,
                reason="below",
            ),
        ),
    ),
)
