"""B13: forgetting, not curvature, grows with the data set."""

import pandas as pd

from analysis.claims._batch import table
from analysis.claims._claim import ARTICLE, Claim, Part
from analysis.dataset_scale import powers, quantity

SLOW = 1 / 3
"""Of an exponent: less than a doubling over an eightfold larger set, the scale of C2."""


def power(name: str):
    """The exponent of the training set's size in a quantity."""

    def of(records: pd.DataFrame) -> pd.Series:
        return powers(quantity(records, name))

    return table("dataset_scale", of)


CLAIMS = (
    Claim(
        id="B13",
        sentence=(
            "As the training set grows, the best factor falls and more is forgotten, while curvature takes "
            "no larger part of a step."
        ),
        source=f"{ARTICLE}, closing conjecture",
        needs=("dataset_scale",),
        parts=(
            Part("exponent of the best factor", power("best factor"), high=0, reason="falls"),
            Part("exponent of the forgetting ratio", power("forgetting ratio"), low=0, reason="grows"),
            Part(
                "exponent of the curvature ratio",
                power("curvature ratio"),
                low=-SLOW,
                high=SLOW,
                reason="less than a doubling over an eightfold larger set",
            ),
        ),
        note="The figure draws the power laws on to 1.28 million images, with the uncertainty of the lines.",
    ),
)
