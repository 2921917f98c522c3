"""B10 and B11: the learning-rate range test, and the policies that a rate comes down by."""

import numpy as np
import pandas as pd

from analysis.claims._batch import table
from analysis.claims._claim import ABOUT, Claim, Part
from analysis.lr_range import best, lowest, ranges
from analysis.policies import chosen_by_others

# B10: the learning-rate range test.


def _tested(records: pd.DataFrame) -> pd.DataFrame:
    """The test's losses by factor and seed; a row of NaN where it got nowhere."""
    loss = ranges(records)
    seeds = np.unique(records["seed"].dropna())
    return loss if len(loss) else pd.DataFrame(np.nan, [1.0], seeds)


def falls(records: pd.DataFrame) -> pd.Series:
    """Log of the test's first loss over its lowest."""
    loss = _tested(records)
    return pd.Series(np.log(loss.iloc[0] / loss.min()))


def rises(records: pd.DataFrame) -> pd.Series:
    """Log of the test's last loss over its lowest; where the run diverged, of the last before that."""
    loss = _tested(records)
    return pd.Series(np.log(loss.ffill().iloc[-1] / loss.min()))


def below(records: pd.DataFrame) -> pd.Series:
    """Doublings from the sweep's best factor up to the test's lowest loss."""
    return lowest(records) - best(records)


B10 = (
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

# B11: does the learning-rate policy matter?


def spread(records: pd.DataFrame) -> pd.Series:
    """Log of the worst policy's final test loss over the best one's, for each seed.

    Which they are, and at which peak rate, is decided by the other seeds: the largest of seven noisy losses
    over the smallest would be above 0 even if all policies were one. Undefined with one seed.
    """
    losses = chosen_by_others(records) if len(np.unique(records["seed"].dropna())) > 1 else pd.DataFrame()
    if losses.empty:
        return pd.Series(np.nan, index=np.unique(records["seed"].dropna()))
    found = {}
    for seed in losses.index:
        others = losses.drop(index=seed).mean()
        worst, best = losses.loc[seed, others.idxmax()], losses.loc[seed, others.idxmin()]
        found[seed] = worst - best if np.isfinite([worst, best]).all() else np.nan
    return pd.Series(found, dtype=float)


B11 = (
    Claim(
        id="B11",
        sentence="Which policy the learning rate comes down by matters, each at its own best peak rate.",
        source="posts on learning-rate policies; Caffe's seven",
        needs=("policies",),
        parts=(
            Part(
                "final test loss, worst over best policy (log ratio)",
                table("policies", spread),
                low=ABOUT,
                reason="more than a quarter: not about the same",
            ),
        ),
    ),
)

CLAIMS = (*B10, *B11)
