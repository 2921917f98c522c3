"""B9: LeNet on MNIST at batch 16, 32 and 64."""

import numpy as np
import pandas as pd

from analysis.claims._batch import READING, table
from analysis.claims._claim import Claim, Part
from analysis.lenet import last, progress


def _less(values: pd.DataFrame, one: int, other: int) -> pd.Series:
    values = values.reindex(columns=[one, other]).replace([np.inf, -np.inf], np.nan)
    return pd.Series(values[one] - values[other])


def faster(one: int, other: int):
    """Mean log training loss over the epochs at one batch size less that at another."""
    return table("lenet", lambda records: _less(progress(records), one, other))


def better(one: int, other: int):
    """Log of the final test loss at one batch size over that at another."""
    return table("lenet", lambda records: _less(last(records), one, other))


CLAIMS = (
    Claim(
        id="B9",
        sentence=(
            "Of batch sizes 16, 32 and 64, LeNet converges fastest at 64 and slowest at 16, and generalises "
            "best at 32."
        ),
        source=f"{READING}: LeNet on MNIST",
        needs=("lenet",),
        parts=(
            Part("training loss, 64 over 32 (mean log ratio)", faster(64, 32), high=0, reason="faster"),
            Part("training loss, 32 over 16 (mean log ratio)", faster(32, 16), high=0, reason="faster"),
            Part("final test loss, 32 over 16 (log ratio)", better(32, 16), high=0, reason="better"),
            Part("final test loss, 32 over 64 (log ratio)", better(32, 64), high=0, reason="better"),
        ),
        note="Convergence is counted in epochs; at one learning rate for all.",
    ),
)
