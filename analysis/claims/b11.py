"""B11: does the learning-rate policy matter?"""

import numpy as np
import pandas as pd

from analysis.claims._batch import table
from analysis.claims._claim import ABOUT, Claim, Part
from analysis.policies import chosen_by_others


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


CLAIMS = (
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
