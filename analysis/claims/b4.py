"""B4: what a larger batch costs in time."""

import numpy as np
import pandas as pd

from analysis.claims._batch import READING, table
from analysis.claims._claim import ABOUT, Claim, Part
from analysis.throughput import steps


def _seconds(records: pd.DataFrame) -> pd.DataFrame:
    return steps(records, "seconds")


def doubling(records: pd.DataFrame) -> pd.Series:
    """Log2 of the time of a batch of 16 over that of one of 8."""
    seconds = _seconds(records).reindex([8, 16])
    return pd.Series(np.log2(seconds.loc[16] / seconds.loc[8]))


def per_example(records: pd.DataFrame) -> pd.Series:
    """Log of the time per example at a batch of 128 over that at 8."""
    seconds = _seconds(records).reindex([8, 128])
    return pd.Series(np.log(seconds.loc[128] / 128) - np.log(seconds.loc[8] / 8))


def odd(records: pd.DataFrame) -> pd.Series:
    """Log of the time per example at 17, 33 and 100 over that at the power of two below; their mean."""
    pairs = ((17, 16), (33, 32), (100, 64))
    seconds = _seconds(records).reindex(sorted({size for pair in pairs for size in pair}))
    each = pd.DataFrame(np.log(seconds.div(seconds.index.to_numpy(float), axis=0)))
    return pd.Series(sum(each.loc[one] - each.loc[two] for one, two in pairs) / len(pairs))


CLAIMS = (
    Claim(
        id="B4",
        sentence=(
            "A batch of 16 takes less than twice the time of one of 8, time per example falls with batch "
            "size, and powers of two matter little."
        ),
        source=READING,
        needs=("throughput",),
        parts=(
            Part("time of 16 over 8 (doublings)", table("throughput", doubling), high=1, reason="twice"),
            Part(
                "time per example, 128 over 8 (log ratio)",
                table("throughput", per_example),
                high=0,
                reason="falls",
            ),
            Part(
                "time per example, 17, 33 and 100 over 16, 32 and 64 (mean log ratio)",
                table("throughput", odd),
                high=ABOUT,
                reason="less than a quarter more",
            ),
        ),
        note="Of the machine that the records name, as much as of the network. Repetitions stand for seeds.",
    ),
)
