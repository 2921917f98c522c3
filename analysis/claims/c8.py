"""C8: at a low learning rate more data helps, and memory is long."""

from functools import partial

import pandas as pd

from analysis.claims._claim import ARTICLE, Claim, Evidence, Part
from analysis.claims._forgetting import advantage, beyond_an_epoch, log_ratio


def memory(evidence: Evidence) -> pd.Series:
    """Advantage of the batches seen more than an epoch ago, nats."""
    return beyond_an_epoch(advantage(evidence, 0))


CLAIMS = (
    Claim(
        id="C8",
        sentence=(
            "At the low learning rate all the data gives the lower test loss, and seen batches keep an "
            "advantage for many epochs."
        ),
        source=ARTICLE,
        needs=("forgetting",),
        parts=(
            Part("test loss, half over all (log ratio)", partial(log_ratio, factor=0), low=0, reason="lower"),
            Part(
                "advantage of batches seen more than an epoch ago (nats)",
                memory,
                low=0,
                reason="beyond one epoch every image has been seen again, so what is left is of that batch",
            ),
        ),
    ),
)
