"""C7: at a high learning rate a network remembers the last batches, and soon forgets them."""

import numpy as np
import pandas as pd

from analysis.claims._claim import ARTICLE, CIFAR10, Claim, Evidence, Part
from analysis.claims._forgetting import advantage, beyond_an_epoch, newest
from analysis.quantities import RECOVERED_SHARE, recovery_time


def memory(evidence: Evidence) -> pd.Series:
    """Advantage of the newest batches over those seen more than an epoch ago, nats."""
    known = advantage(evidence, -1)
    return newest(known) - beyond_an_epoch(known)


def remains(evidence: Evidence) -> pd.Series:
    """Advantage beyond one epoch, less a quarter of the newest batches', nats.

    A difference and not a ratio: a ratio of two noisy numbers has no useful interval.
    """
    known = advantage(evidence, -1)
    return beyond_an_epoch(known) - RECOVERED_SHARE * newest(known)


def recovery(evidence: Evidence) -> pd.Series:
    """Log2 of the recovery time in epochs."""
    known = advantage(evidence, -1)
    times = [recovery_time(known.index, -known[seed]) if len(known) else np.nan for seed in known]
    return pd.Series(np.log2(times), index=known.columns)


CLAIMS = (
    Claim(
        id="C7",
        sentence="At the high learning rate, recently seen batches have a lower loss, and soon lose it.",
        source=ARTICLE,
        needs=("forgetting",),
        parts=(
            Part(
                "advantage of the newest batches over those seen more than an epoch ago (nats)",
                memory,
                low=0,
                reason="there is one",
            ),
            Part(
                "advantage beyond an epoch, less a quarter of the newest batches' (nats)",
                remains,
                high=0,
                reason="three quarters of it are gone",
            ),
        ),
    ),
    Claim(
        id="C7-number",
        sentence="At factor 4 the advantage of recently seen batches is gone within half an epoch.",
        source=ARTICLE,
        needs=("forgetting",),
        parts=(
            Part(
                "recovery time (log2 epochs)",
                recovery,
                high=-1,
                reason="half an epoch; gone: no more than a quarter of it left",
            ),
        ),
        presets=("paper",),
        data=CIFAR10,
    ),
)
