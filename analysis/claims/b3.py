"""B3: at equal epochs a larger batch ends higher, and more epochs close the gap."""

import pandas as pd

from analysis.claims._batch import NOT_ABOVE, READING, log_ratio, table
from analysis.claims._claim import Claim, Part
from analysis.epochs_to_target import gap


def equal_epochs(records: pd.DataFrame) -> pd.Series:
    """Log of the larger batch's final training loss over the smaller's."""
    losses = gap(records)
    return log_ratio(losses.iloc[:, 1], losses.iloc[:, 0])


def more_epochs(records: pd.DataFrame) -> pd.Series:
    """The same with as many times more epochs."""
    losses = gap(records)
    return log_ratio(losses.iloc[:, 2], losses.iloc[:, 0])


CLAIMS = (
    Claim(
        id="B3",
        sentence=(
            "At an unchanged learning rate and equal epochs a batch four times as large ends at a higher "
            "loss; with four times as many epochs the gap closes."
        ),
        source=f"{READING} (a Keras thread: 15 epochs at 16: 0.56; at 160: 1.27; 150 epochs at 160: 0.55)",
        needs=("epochs_to_target",),
        parts=(
            Part(
                "final training loss at equal epochs, larger over smaller batch (log ratio)",
                table("epochs_to_target", equal_epochs),
                low=0,
                reason="higher",
            ),
            Part(
                "the same with more epochs (log ratio)", table("epochs_to_target", more_epochs), **NOT_ABOVE
            ),
        ),
    ),
)
