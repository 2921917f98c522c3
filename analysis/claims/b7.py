"""B7: the optimal batch size."""

import pandas as pd

from analysis.claims._batch import table
from analysis.claims._claim import Claim, Part
from analysis.optimal_batch import exponents

PROPORTIONAL = {"low": 0.5, "high": 1.5, "reason": "nearer to 1 than to 0 or 2"}


def power(of: str):
    """The exponent of the learning rate or of the training set's size."""

    def effect(records: pd.DataFrame) -> pd.Series:
        return pd.Series(exponents(records)[of])

    return table("optimal_batch", effect)


CLAIMS = (
    Claim(
        id="B7",
        sentence=(
            "At a fixed learning rate an optimal batch size exists; it is proportional to the learning rate "
            "and to the size of the training set."
        ),
        source="Smith and Le 2018",
        needs=("optimal_batch",),
        parts=(
            Part("exponent of the learning rate", power("rate"), **PROPORTIONAL),
            Part("exponent of the training set's size", power("size"), **PROPORTIONAL),
        ),
        note="At equal epochs; the paper's runs had equal steps.",
    ),
)
