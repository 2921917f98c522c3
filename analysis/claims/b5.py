"""B5: large batches, sharp minima and the generalisation gap."""

import pandas as pd

from analysis.claims._batch import NOT_ABOVE, log_ratio, table
from analysis.claims._claim import Claim, Part
from analysis.sharpness_gap import ends


def sharper(records: pd.DataFrame) -> pd.Series:
    """Log of the largest eigenvalue after the large batch over that after the small, at equal epochs."""
    values = ends(records, "sharpness")
    return log_ratio(values["large"], values["small"])


def worse(records: pd.DataFrame) -> pd.Series:
    """Log of the large batch's test loss over the small's, at equal epochs."""
    values = ends(records, "test")
    return log_ratio(values["large"], values["small"])


def longer(records: pd.DataFrame) -> pd.Series:
    """The same at equal steps."""
    values = ends(records, "test")
    return log_ratio(values["longer"], values["small"])


CLAIMS = (
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
                table("sharpness_gap", worse),
                low=0,
                reason="worse",
            ),
        ),
        note="Batch norm uses a batch's own statistics where sharpness is measured, of the run's batch size.",
    ),
    Claim(
        id="B5-longer",
        sentence="Trained for as many steps, the larger batch generalises as well.",
        source="Hoffer et al. 2017",
        needs=("sharpness_gap",),
        parts=(
            Part(
                "test loss, large over small batch (log ratio)", table("sharpness_gap", longer), **NOT_ABOVE
            ),
        ),
    ),
)
