"""B1: the variance of a minibatch's gradient is 1/m of one example's."""

from functools import partial

import pandas as pd

from analysis.claims._claim import Claim, Evidence, Part
from analysis.noise import exponents

NEAR = 0.1
"""Over a sixteenfold range of sizes an exponent of -0.9 instead of -1 is a variance a third off."""


def exponent(evidence: Evidence, statistics: str) -> pd.Series:
    """Mean over the moments measured of the slope of log variance against log batch size, for each seed."""
    found = exponents(evidence.tables["noise"], statistics)
    return pd.Series(found.groupby("run.seed").mean())


CLAIMS = (
    Claim(
        id="B1",
        sentence="The variance of a minibatch's gradient is 1/m of one example's.",
        source="McCandlish et al. 2018 (arXiv 1812.06162), section 2.2; textbooks",
        needs=("noise",),
        parts=(
            Part(
                "exponent of the variance, as trained: each batch's own batch-norm statistics",
                partial(exponent, statistics="batch"),
                low=-1 - NEAR,
                high=-1 + NEAR,
                reason="-1; a tenth is a third of the variance over a sixteenfold range",
            ),
            Part(
                "exponent of the variance, examples independent: running statistics",
                partial(exponent, statistics="running"),
                low=-1 - NEAR,
                high=-1 + NEAR,
                reason="-1, by arithmetic: whether the measurement is right",
            ),
        ),
        note="With batch norm an example's gradient depends on its batch, and the law is no identity.",
    ),
)
